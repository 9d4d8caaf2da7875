"""Somebody who speaks and listens over the device's connection to the broker, beside the delivery.

Not here: who that is (``home_assistant_guest``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from edge_mm.delivery.topics import Message
from edge_mm.types import Estimate, Observation

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage


log = logging.getLogger(__name__)


class Guest(Protocol):
    """``filters``, ``connected``, ``heard`` and ``take`` are called by the delivery thread, the others by any."""

    @property
    def largest_bytes(self) -> int:
        """The largest message that it wants to hear."""
        ...

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to."""
        ...

    def connected(self) -> None:
        """There is a new connection; what was said over the last one may be forgotten."""
        ...

    def heard(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """A message came for one of the filters, or for somebody else's."""
        ...

    def take(self) -> Iterable[Message]:
        """What is to be published now; asked about once a second."""
        ...

    def observed(self, observation: Observation) -> None:
        """A reading."""
        ...

    def estimated(self, estimate: Estimate) -> None:
        """A fused estimate."""
        ...


class Nobody:
    """A guest who is not there."""

    largest_bytes = 0
    filters: tuple[str, ...] = ()

    def connected(self) -> None:
        """Nothing."""

    def heard(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Nothing."""

    def take(self) -> Iterable[Message]:
        """Nothing."""
        return ()

    def observed(self, observation: Observation) -> None:
        """Nothing."""

    def estimated(self, estimate: Estimate) -> None:
        """Nothing."""


def topic_of(message: MQTTMessage) -> str:
    """Of a message; empty where it is no UTF-8, which MQTT forbids and not every broker looks for."""
    try:
        return str(message.topic)
    except UnicodeDecodeError:
        return ""


def told(guest: Guest, message: MQTTMessage) -> None:
    """Hand it a message; whatever is in it, this returns: a retained one would end every connection anew."""
    try:
        guest.heard(topic_of(message), bytes(message.payload), retained=bool(message.retain))
    except Exception:  # of what it did not think of: delivery goes on
        log.exception("a message on %s could not be read", topic_of(message))
