"""Does the broker take what we publish: login, and a message of our own there and back.

In: ``[mqtt]`` and the device's name. Out: remarks. Not here: the message (``delivery.echo``).
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_mm.daemon.remark import Remark, error, ok, warning
from edge_mm.delivery.echo import Echo, echo
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError

SLOW_MS = 1000.0
"""A round trip longer than that delays every alert."""


def broker(settings: MqttSettings, device: str) -> Iterator[Remark]:
    """Log in and try it; a daemon that runs keeps its connection."""
    try:
        found = echo(settings, device, timeout_s=min(settings.connect_timeout_s, 5.0))
    except DeliveryError as problem:
        text, _, cure = str(problem).partition("; ")
        yield error("broker", text, cure or "check [mqtt] host, port, username, password and tls")
        return
    yield from judged(found, settings)


def judged(found: Echo, settings: MqttSettings) -> Iterator[Remark]:
    """What an echo, or its absence, means."""
    who = f"user {settings.username!r}" if settings.username else "a client without a user name"
    topics = found.topic.rsplit("/", 2)[0] + "/#"
    where = f"{settings.where}: login accepted"
    if found.round_trip_ms is not None:
        text = f"{where}; a message to {found.topic} came back after {found.round_trip_ms:g} ms"
        if found.round_trip_ms > SLOW_MS:
            yield warning("broker", text, "the network or the broker is slow: alerts will be late by as much")
        else:
            yield ok("broker", text)
        return
    if found.may_publish is False:
        yield error(
            "broker",
            f"{where}; it did not take a message to {found.topic}: publishing is denied",
            f"allow {who} to write to {topics} in the broker's access list (mosquitto: topic readwrite {topics})",
        )
    if found.may_subscribe is False:
        level = warning if found.may_publish else error
        yield level(
            "broker",
            f"{where}; it does not let us read {found.topic}: subscribing is denied"
            + (", publishing is not" if found.may_publish else ""),
            f"allow {who} to read {topics}: 'edge-mm tail' and commands need it",
        )
    elif found.may_publish is not False:
        yield error(
            "broker",
            f"{where}; a message to {found.topic} was confirmed and did not come back: one of both is denied",
            f"allow {who} to write and read {topics} in the broker's access list, and look at the broker's log",
        )
