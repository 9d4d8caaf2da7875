"""What is said to the broker during one connection: who we are, how things stand, then what has happened.

In: a Connection and the outbox. Out: retained messages; the outbox's transitions in order, at most ``MAX_INFLIGHT``
unconfirmed, each deleted when the broker has confirmed it. The states that are said at the start are those of the
present, never of the backlog. Not here: connecting again (``mqtt``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable

import msgspec

from edge_mm.delivery import clock
from edge_mm.delivery.bridge_payloads import BridgeState, encode
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import Record
from edge_mm.delivery.topics import ALERT_EVENT, ALERT_STATE, BRIDGE_STATE, Channel, Topics
from edge_mm.errors import DeliveryError, OutboxError

MAX_INFLIGHT = 20
"""Unconfirmed transitions at a time, as brokers expect (mosquitto's max_inflight_messages is 20)."""
_LATENCIES = 1000

log = logging.getLogger(__name__)


class MqttStats(msgspec.Struct, frozen=True):
    """Counters since start."""

    connects: int
    """Successful connections."""
    published: int
    """Transitions handed to a broker; one that had to be sent again counts again."""
    confirmed: int
    """Transitions that a broker confirmed."""
    dropped: int
    """Readings and estimates that were not sent: the broker was not there, or a newer estimate came before."""
    confirm_p50_ms: float | None
    """Publish to PUBACK, of the last 1000: median."""
    confirm_p95_ms: float | None
    """95th percentile."""
    confirm_max_ms: float | None
    """Longest."""


class Meter:
    """Counts and times; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("connects", "published", "confirmed", "dropped"), 0)
        self._latencies_s: deque[float] = deque(maxlen=_LATENCIES)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a counter of ``MqttStats``."""
        with self._lock:
            self._counts[what] += number

    def confirmed(self, latency_s: float) -> None:
        """A transition was confirmed after so long."""
        with self._lock:
            self._counts["confirmed"] += 1
            self._latencies_s.append(latency_s)

    def stats(self) -> MqttStats:
        """All of it."""
        with self._lock:
            order = sorted(self._latencies_s)
            counts = dict(self._counts)
        p50, p95, top = (
            round(order[min(int(len(order) * share), len(order) - 1)] * 1000, 3) if order else None
            for share in (0.5, 0.95, 1.0)
        )
        return MqttStats(**counts, confirm_p50_ms=p50, confirm_p95_ms=p95, confirm_max_ms=top)


class Session:
    """One connection's conversation; belongs to the delivery thread.

    Args:
        connection: open.
        outbox: what is to be delivered.
        topics: names.
        meter: where to count.
        ack_timeout_s: give the connection up when transitions are unconfirmed and the broker has confirmed nothing at
            all for longer. A slow one that goes on confirming is left in peace: connecting anew would send all again.
    """

    def __init__(
        self, connection: Connection, outbox: Outbox, topics: Topics, *, meter: Meter, ack_timeout_s: float
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._topics = topics
        self._meter = meter
        self._ack_timeout_s = ack_timeout_s
        self._inflight: dict[int, tuple[int, float]] = {}  # message number -> (seq, when)
        self._heard = 0.0  # when the broker last confirmed anything, or transitions began to be under way
        self._confirmed: set[int] = set()  # by the broker, but still in the outbox
        self._sent = 0
        self._stated = 0
        self._farewell: int | None = None
        self._complaint = ""

    def greet(self, retained: Iterable[tuple[Channel, str, bytes]]) -> None:
        """The birth message, then everything that the broker keeps for those who come later."""
        self.say(BRIDGE_STATE, self._topics.of(BRIDGE_STATE), encode(BridgeState("online")))
        for channel, topic, payload in retained:
            self.say(channel, topic, payload)

    def say(self, channel: Channel, topic: str, payload: bytes) -> int:
        """Publish one message as its channel prescribes."""
        return self._connection.publish(topic, payload, qos=channel.qos, retain=channel.retain)

    def pump(self) -> None:
        """Publish the states that changed, then as many waiting transitions as may be under way.

        Raises:
            DeliveryError: the connection is lost, or the broker confirms nothing; the outbox cannot be read.
        """
        now = clock.now()
        for record in self._outbox.states(after=self._stated):
            payload = encode(alert_state(record, anchor=self._anchor(record, now)))
            self.say(ALERT_STATE, self._topics.of(ALERT_STATE, record.alert.key), payload)
            self._stated = record.seq
        room = MAX_INFLIGHT - len(self._inflight)
        waiting = self._outbox.depth - len(self._inflight) - len(self._confirmed)
        if room > 0 and waiting > 0:
            for record in self._outbox.pending(room, after=self._sent):
                self._send(record, now)
        self._check_patience()

    def settle(self, numbers: Iterable[int]) -> bool:
        """The broker has confirmed these messages: delete what is delivered.

        Returns:
            Whether a transition was among them.
        """
        present = time.monotonic()
        for number in numbers:
            self._heard = present
            if number == self._farewell:
                self._farewell = None
            if number in self._inflight:
                seq, since = self._inflight.pop(number)
                self._meter.confirmed(present - since)
                self._confirmed.add(seq)
        if not self._confirmed:
            return False
        try:
            self._outbox.acknowledged(*self._confirmed)
        except OutboxError as error:
            # Kept, and tried again at the next turn; after a reconnect it would be sent twice, with the same id.
            if str(error) != self._complaint:
                log.error("delivered alerts cannot be deleted: %s", error)
            self._complaint = str(error)
            return False
        self._confirmed.clear()
        self._complaint = ""
        return True

    def part(self, state: BridgeState) -> None:
        """Publish the device's last state; ``parted`` tells when the broker has it."""
        self._farewell = self.say(BRIDGE_STATE, self._topics.of(BRIDGE_STATE), encode(state))

    @property
    def parted(self) -> bool:
        """Whether the broker has confirmed the last ``part``."""
        return self._farewell is None

    @property
    def drained(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._inflight and self._outbox.depth == len(self._confirmed)

    def _send(self, record: Record, now: Anchor) -> None:
        event = alert_event(record, source=self._topics.source, anchor=self._anchor(record, now), now=now)
        number = self.say(ALERT_EVENT, self._topics.of(ALERT_EVENT), encode(event))
        present = time.monotonic()
        if not self._inflight:
            self._heard = present
        self._inflight[number] = (record.seq, present)
        self._sent = record.seq
        self._meter.count("published")

    def _anchor(self, record: Record, now: Anchor) -> Anchor | None:
        """What dates a record: the present, unless the clock was right before in this boot and has been moved since."""
        if record.boot_id == now.boot_id and now.synced:
            return now
        noted = self._outbox.anchor_of(record.boot_id)
        if record.boot_id != now.boot_id:
            return noted
        return noted if noted is not None and noted.synced else now

    def _check_patience(self) -> None:
        if self._inflight and time.monotonic() - self._heard > self._ack_timeout_s:
            raise DeliveryError(
                f"the broker has confirmed nothing for {self._ack_timeout_s:g} s; connecting to it anew"
            )
