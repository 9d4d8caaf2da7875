"""Alerts of one device or a fleet, handed to a function: what a back end or a script of one's own starts from.

In: a broker and functions. Out: typed payloads, each alert once however often the broker sends it. Not here: the
session (``subscriber``), commands to a device (``requests``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Received, Subscriber
from edge_mm.delivery.topics import ALERT_EVENT, ALERT_STATE, checked_device
from edge_mm.errors import ConfigError, UsageError

_STEP_S = 0.5


def subscribe(
    broker: str | MqttSettings = "127.0.0.1",
    *,
    on_alert: Callable[[AlertEvent], object],
    on_state: Callable[[str, AlertState], object] | None = None,
    device: str = "+",
    client_id: str = "",
    stop: threading.Event | None = None,
    seconds: float | None = None,
    **settings: Any,
) -> int:
    """Receive alerts until told to stop: it blocks, and reconnects for as long as that takes.

    Who has something else to do gives it a thread of its own, and ``stop`` to end it by.

    ::

        import edge_mm

        def on_alert(alert):
            print(alert.source, alert.data.state, alert.data.kind, alert.data.reason.text)

        edge_mm.subscribe("broker.local", on_alert=on_alert)  # returns after seconds=, or when stop is set

    Args:
        broker: name or address, ``HOST:PORT`` (``[::1]:1883``), or whole settings.
        on_alert: is given each transition once, in order. One that it fails with (an exception) is not confirmed: the
            exception comes out of here, and with a ``client_id`` the transition comes again at the next start.
        on_state: is given the device's name and how each of its alarms stands: first those that the broker has kept,
            then each change.
        device: only this one; all of them when absent.
        client_id: a name of one's own at the broker, which then keeps alerts while nobody listens. Without it, alerts
            of that time are not seen.
        stop: set it to end; also from another thread.
        seconds: end after so long.
        settings: further ``MqttSettings`` (``username=``, ``password=``, ``tls_ca=`` ...).

    Returns:
        How many transitions were handed over.

    Raises:
        UsageError: a device or a setting that cannot be.
        DeliveryError: the broker is not there at the start, or does not let us in.
    """
    where = _settings(broker, settings)
    if device != "+":
        try:
            checked_device(device)
        except ConfigError as error:
            raise UsageError(str(error)) from error
    filters = [f"{where.base_topic}/{device}/{ALERT_EVENT.path}"]
    if on_state is not None:
        filters.append(f"{where.base_topic}/{device}/{ALERT_STATE.path.format('+')}")
    deadline = None if seconds is None else time.monotonic() + seconds
    name = client_id or f"edge_mm-{time.monotonic_ns():x}"
    handed = 0
    with Subscriber(where, client_id=name, filters=filters, persistent=bool(client_id)) as subscriber:
        while stop is None or not stop.is_set():
            left_s = _STEP_S if deadline is None else min(_STEP_S, deadline - time.monotonic())
            if left_s <= 0:
                break
            received = subscriber.receive(timeout_s=left_s)
            if received is None:
                continue
            if received.event is not None:
                on_alert(received.event)
                handed += 1
            elif on_state is not None and (state := _state(received)) is not None:
                on_state(received.topic.split("/")[-4], state)
    return handed


def _state(received: Received) -> AlertState | None:
    """The present state of an alarm, if it is one; anyone may publish there."""
    try:
        return msgspec.json.decode(received.payload.decode(), type=AlertState)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _settings(broker: str | MqttSettings, more: dict[str, Any]) -> MqttSettings:
    try:
        if isinstance(broker, MqttSettings):
            return msgspec.structs.replace(broker, **more)
        host, colon, port = broker.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if colon and port.isdigit() and (bracketed or ":" not in host):  # an IPv6 address has colons of its own
            return MqttSettings(host=host[1:-1] if bracketed else host, port=int(port), **more)
        return MqttSettings(host=broker[1:-1] if broker.startswith("[") and broker.endswith("]") else broker, **more)
    except (TypeError, ValueError) as error:
        raise UsageError(f"broker {broker if isinstance(broker, str) else broker.where}: {error}") from error
