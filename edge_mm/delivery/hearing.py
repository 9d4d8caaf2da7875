"""Requests as they come from the network: which are heard, and what is answered at once.

In: messages to ``bridge/request/+``, from anybody whom the broker lets publish there. Out: each checked request to
whoever handles it; a ``Response`` for each that is wrong; counts of those that are not answered. Retained ones say what
somebody wanted once, and are ignored. However many come, no more than ``RATE_PER_S`` are looked at, so that nobody can
stall alerts. Not here: whether a payload is a request (``asking``), acting on it (``daemon.commands``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from edge_mm.delivery import clock
from edge_mm.delivery.asking import UNKNOWN, read_request, refusal
from edge_mm.delivery.dialect import correlation_of
from edge_mm.delivery.requests import REQUESTS, Asked, Response
from edge_mm.delivery.topics import BRIDGE_REQUEST, Topics

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

BURST, RATE_PER_S = 20, 5.0
"""So many requests at once, and so many a second for long."""
LARGEST_BYTES = 65_536
"""A broker that speaks MQTT 5 does not send us a larger packet at all."""
_TOLD_S = 1.0
"""How often it is said that there are too many."""
log = logging.getLogger(__name__)


class Heard(msgspec.Struct, frozen=True):
    """One request."""

    verb: str
    """Which."""
    asked: Asked
    """What it says, checked."""
    correlation: bytes | None = None
    """The caller's correlation data (MQTT 5); the answer has it too. A response topic is not followed: nobody makes us
    publish elsewhere."""


class Hearing:
    """Belongs to the delivery thread.

    Args:
        topics: names.
        handle: takes a request, in the delivery thread and at once; False: too many wait already. Absent: none is
            handled.
        answer: publishes a response: verb, response, correlation data.
        count: counts each message once: ``requests``, ``requests_refused`` or ``requests_ignored``.
        clock_s: the present in seconds.
    """

    def __init__(
        self,
        topics: Topics,
        *,
        handle: Callable[[Heard], bool] | None,
        answer: Callable[[str, Response, bytes | None], None],
        count: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begins = f"{topics.source}/{BRIDGE_REQUEST.path.format('')}"
        self._handle, self._answer, self._count, self._clock_s = handle, answer, count, clock_s
        self._tokens, self._filled_s, self._told_s = float(BURST), clock_s(), float("-inf")

    @property
    def filter(self) -> str:
        """What to subscribe to; empty where nobody handles requests."""
        return "" if self._handle is None else f"{self._begins}+"

    def take(self, message: MQTTMessage) -> None:
        """One message; whatever is in it, this returns. It is counted once: as right, refused or ignored."""
        try:
            heard = self._heard(message)
        except Exception:  # of what we did not think of: delivery goes on
            log.exception("a request could not be read")
            self._count("requests_ignored")
            return
        if heard is None:
            return
        self._count("requests")  # before it is handed over: who is asked for health counts that request, too
        try:
            taken = self._handle is not None and self._handle(heard)
            error = "" if taken else "too many requests wait to be handled; wait and ask again"
        except Exception:
            log.exception("the request %s could not be handled", heard.verb)
            error = "internal error"
        if error:
            transaction = heard.asked.transaction
            self._answer(heard.verb, refusal(f"{heard.verb}: {error}", transaction=transaction), heard.correlation)

    def _heard(self, message: MQTTMessage) -> Heard | None:
        """The request, if it is a right one; else it is refused or ignored, and counted so."""
        try:
            topic = str(message.topic)
        except UnicodeDecodeError:  # MQTT forbids it, and not every broker looks
            topic = ""
        if message.retain or not topic.startswith(self._begins):
            self._count("requests_ignored")
            return None
        verb, correlation = topic.removeprefix(self._begins), correlation_of(message)
        level = verb if verb in REQUESTS else UNKNOWN
        now_s = self._clock_s()
        if not self._room(now_s):
            if now_s - self._told_s < _TOLD_S:
                self._count("requests_ignored")
                return None
            self._told_s = now_s
            self._refuse(level, refusal("too many requests; wait and ask again"), correlation)
            return None
        found = read_request(verb, bytes(message.payload), now=clock.now())
        if isinstance(found, Response):
            self._refuse(level, found, correlation)
            return None
        return Heard(verb, found, correlation)

    def _refuse(self, level: str, response: Response, correlation: bytes | None) -> None:
        self._answer(level, response, correlation)
        self._count("requests_refused")

    def _room(self, now_s: float) -> bool:
        self._tokens = min(BURST, self._tokens + (now_s - self._filled_s) * RATE_PER_S)
        self._filled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
