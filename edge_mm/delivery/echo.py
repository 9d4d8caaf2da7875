"""Whether what we publish arrives: a message to a topic of our own, and back.

In: settings and the device's name. Out: an ``Echo``: how long it took, or what the broker denies. Nothing is left:
the message is not retained, the session is a new one, and a daemon that runs keeps its own. Not here: judging it
(``daemon.doctor_broker``).

In MQTT 5 the confirmation says what the broker's access list throws away. MQTT 3.1.1 confirms it like everything else,
and mosquitto grants every subscription: with a broker that speaks nothing newer (nats-server) a message that does not
come back leaves the question open.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import msgspec

from edge_mm.delivery.complaints import LoginRefusedError
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.topics import BRIDGE_ECHO, Topics
from edge_mm.errors import DeliveryError


class Echo(msgspec.Struct, frozen=True):
    """What became of one message."""

    topic: str
    """Where it was published."""
    round_trip_ms: float | None
    """From handing it over to having it back; None: it did not come back."""
    may_publish: bool | None
    """Whether the broker took it; None: that cannot be told."""
    may_subscribe: bool | None
    """Whether the broker gives it to us; None: that cannot be told."""


def echo(settings: MqttSettings, device: str, *, timeout_s: float = 5.0) -> Echo:
    """Log in, subscribe to ``bridge/echo`` of the device, publish to it, wait for it.

    Args:
        settings: how to reach the broker.
        device: whose topic.
        timeout_s: longest wait for each answer.

    Raises:
        DeliveryError: the broker is not reachable or does not let us in.
    """
    topic = Topics(device, base=settings.base_topic).of(BRIDGE_ECHO)
    payload = f'"{uuid.uuid4().hex}"'.encode()
    arrived: list[float] = []

    def back(message_payload: bytes) -> None:
        if message_payload == payload:
            arrived.append(time.monotonic())

    line = _line(settings, back)
    subscribed = True
    try:
        line.open(timeout_s)
        try:
            line.subscribe([topic], timeout_s=timeout_s)
        except LoginRefusedError:
            subscribed = False
        began = time.monotonic()
        taken = _published(line, topic, payload, lambda: bool(arrived) or not subscribed, timeout_s)
    finally:
        line.close()
    if arrived:
        return Echo(topic, round(1000 * (arrived[0] - began), 1), may_publish=True, may_subscribe=True)
    may_publish = None if taken and line.version != "5" else taken
    return Echo(topic, None, may_publish, may_subscribe=False if may_publish or not subscribed else None)


def _line(settings: MqttSettings, back: Callable[[bytes], None]) -> Connection:
    # A name of its own at the broker: with the daemon's it would throw a running daemon out.
    name = f"edge_mm-echo-{uuid.uuid4().hex[:8]}"
    return Connection(
        settings, client_id=name, clean_session=True, on_message=lambda message: back(bytes(message.payload))
    )


def _published(line: Connection, topic: str, payload: bytes, enough: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the broker took it, as far as it says; some hang up on who publishes what he may not."""
    try:
        number = line.publish(topic, payload, qos=BRIDGE_ECHO.qos, retain=BRIDGE_ECHO.retain)
        confirmed = False
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0 and not (confirmed and enough()):
            confirmed = number in line.step(left) or confirmed
    except DeliveryError:
        return False
    return confirmed and number not in line.denied
