"""What is said to the broker during one connection: who we are, how things stand, then what has happened.

In: a Connection and the outbox. Out: retained messages; the outbox's transitions in order, at most ``MAX_INFLIGHT``
unconfirmed, each deleted when the broker has taken it. The states that are said at the start are those of the present,
never of the backlog. What the broker throws away (MQTT 5 says so: an access list) is not delivered: it stays, and is
tried again after a pause. Not here: connecting again (``mqtt``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from edge_mm.delivery import clock
from edge_mm.delivery.backlog import Backlog
from edge_mm.delivery.bridge_payloads import BridgeState, encode
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.complaints import oversized, unsubscribed, untaken
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.dated import anchor_for
from edge_mm.delivery.link import Troubles
from edge_mm.delivery.meter import Meter
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import alert_event, shortened
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import Record
from edge_mm.delivery.retry import Retry
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.topics import ALERT_EVENT, ALERT_STATE, BRIDGE_STATE, Message, Topics
from edge_mm.errors import DeliveryError, OutboxError

MAX_INFLIGHT = 20
"""Unconfirmed transitions at a time, as brokers expect (mosquitto's max_inflight_messages is 20)."""

log = logging.getLogger(__name__)


class Session:
    """One connection's conversation; belongs to the delivery thread.

    Args:
        connection: open.
        outbox: what is to be delivered.
        topics: names.
        meter: where to count.
        settings: of the broker. Its ``ack_timeout_s``: the connection is given up when transitions are unconfirmed and
            the broker has confirmed nothing at all for longer. A slow one that goes on confirming is left in peace:
            connecting anew would send all again.
        troubles: is told what the broker denies.
        listens: what to subscribe to; nothing when empty.
        backlog: what of the outbox is sent next; all of it in order when absent.
    """

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        topics: Topics,
        *,
        meter: Meter,
        settings: MqttSettings,
        troubles: Troubles,
        listens: str = "",
        backlog: Backlog | None = None,
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._topics = topics
        self._meter = meter
        self._settings = settings
        self._troubles = troubles
        self._listens, self._asked_for = listens, 0
        self._inflight: dict[int, tuple[int, float]] = {}  # message number -> (seq, when)
        self._heard = 0.0  # when the broker last confirmed anything, or transitions began to be under way
        self._settling: dict[int, float] = {}  # confirmed by the broker, which may still lose it: seq -> since when
        self._confirmed: set[int] = set()  # for good, but still in the outbox
        self._oversized: set[int] = set()  # transitions that this broker cannot be given
        self._backlog = backlog or Backlog(outbox)
        self._stated = 0
        self._said: dict[int, Message] = {}  # what else waits to be confirmed
        self._denied: dict[str, Message] = {}  # retained things that were thrown away, by topic
        self._events, self._rest = Retry(), Retry()
        self._farewell: int | None = None
        self._complaint = ""

    def greet(self, retained: Iterable[Message]) -> None:
        """The birth message, then everything that the broker keeps for those who come later; then listen."""
        self.say(Message(BRIDGE_STATE, self._topics.of(BRIDGE_STATE), encode(BridgeState("online"))))
        self.say_all(retained)
        if self._listens:
            self._asked_for = self._connection.ask_for([self._listens])

    def say(self, message: Message) -> int | None:
        """Publish one message as its channel prescribes; None: it is larger than the broker takes, which is told."""
        channel, topic, payload, correlation = message
        if not self._fits(topic, payload, correlation):
            return None
        number = self._connection.publish(
            topic, payload, qos=channel.qos, retain=channel.retain, correlation=correlation
        )
        if channel.qos:
            self._said[number] = message
            self._denied.pop(topic, None)  # this one is newer
        return number

    def say_all(self, messages: Iterable[Message]) -> None:
        """Publish each of these."""
        for message in messages:
            self.say(message)

    def pump(self) -> None:
        """Publish the states that changed, then as many waiting transitions as may be under way.

        Raises:
            DeliveryError: the connection is lost, or the broker confirms nothing; the outbox cannot be read.
        """
        now = clock.now()
        for record in self._outbox.states(after=self._stated):
            payload = encode(alert_state(record, anchor=anchor_for(self._outbox, record, now)))
            self.say(Message(ALERT_STATE, self._topics.of(ALERT_STATE, record.alert.key), payload))
            self._stated = record.seq
        room = self._events.room(MAX_INFLIGHT) - len(self._inflight)
        waiting = self._outbox.waiting() - len(self._inflight) - self._done
        if room > 0 and waiting > 0:
            for record in self._backlog.next(room):
                self._send(record, now)
        if self._denied and self._rest.room(1):
            self._rest.again()
            for message in list(self._denied.values()):
                self.say(message)
        self._look_whether_heard()
        self._check_patience()

    def settle(self, numbers: Iterable[int]) -> bool:
        """The broker has answered for these messages: delete what is delivered.

        Returns:
            Whether a transition was among them.
        """
        present, before = time.monotonic(), len(self._settling)
        for number in numbers:
            self._heard = present
            reason = self._connection.denied.pop(number, None)
            if number == self._farewell:
                self._farewell = None
            if number in self._inflight:
                self._settle_event(number, reason, present)
            elif (message := self._said.pop(number, None)) is not None:
                self._settle_rest(message, reason)
        self._mark(list(self._settling)[before:])
        while self._settling:
            seq, since = next(iter(self._settling.items()))
            if present - since < self._settings.settle_s:
                break
            del self._settling[seq]
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
        self._backlog.settled = True
        return True

    def part(self, state: BridgeState) -> None:
        """Publish the device's last state; ``parted`` tells when the broker has it."""
        self._farewell = self.say(Message(BRIDGE_STATE, self._topics.of(BRIDGE_STATE), encode(state)))

    @property
    def parted(self) -> bool:
        """Whether the broker has confirmed the last ``part``."""
        return self._farewell is None

    @property
    def _done(self) -> int:
        """How many in the outbox need not be sent during this connection."""
        return len(self._settling) + len(self._confirmed) + len(self._oversized)

    @property
    def drained(self) -> bool:
        """Whether nothing is under way that could be delivered now, and what was is settled."""
        left = self._outbox.waiting() - len(self._confirmed) - len(self._oversized)
        return not self._inflight and (self._events.held or left == 0)

    @property
    def mute(self) -> bool:
        """Whether the broker throws alerts away."""
        return self._events.held

    def _settle_event(self, number: int, reason: str | None, present: float) -> None:
        seq, since = self._inflight.pop(number)
        if reason is None:
            self._meter.confirmed(present - since)
            self._settling[seq] = present
            if self._events.held:
                self._events.over()
                self._troubles.over(self._topics.of(ALERT_EVENT))
            return
        self._backlog.again(seq)
        self._events.deny()
        self._tell_denied(self._topics.of(ALERT_EVENT), reason)

    def _mark(self, seqs: list[int]) -> None:
        if seqs and self._settings.settle_s > 0:
            try:
                self._outbox.confirmed(*seqs)
            except OutboxError as error:  # a full disk: they are sent again should this process end now
                log.debug("confirmed alerts cannot be marked: %s", error)

    def _settle_rest(self, message: Message, reason: str | None) -> None:
        if reason is None:
            self._troubles.over(message.topic)
            if not self._denied:
                self._rest.over()
            return
        self._tell_denied(message.topic, reason)
        newer = any(said.topic == message.topic for said in self._said.values())
        if message.channel.retain and not newer:
            self._denied[message.topic] = message
            self._rest.deny()

    def _tell_denied(self, topic: str, reason: str) -> None:
        self._meter.count("denied")
        self._troubles.add(topic, untaken(self._settings, topic, reason))

    def _look_whether_heard(self) -> None:
        granted = self._connection.answers(self._asked_for) if self._asked_for else None
        if granted is None:
            return
        self._asked_for = 0
        if all(granted):
            self._troubles.over(self._listens)
        else:
            text = unsubscribed(self._settings, [self._listens]) + "; no request is heard (acknowledge, silence ...)"
            self._troubles.add(self._listens, text)

    def _fits(self, topic: str, payload: bytes, correlation: bytes | None = None) -> bool:
        allowed = self._connection.allowed
        if allowed.fits(topic, payload, correlation):
            return True
        text = oversized(self._settings, topic, len(payload), allowed.packet_bytes)
        self._troubles.add(f"size of {topic}", text)
        return False

    def _send(self, record: Record, now: Anchor) -> None:
        if record.seq in self._confirmed or record.seq in self._settling or record.seq in self._oversized:
            return
        if any(seq == record.seq for seq, _ in self._inflight.values()):  # one before it was thrown away
            return
        event = alert_event(record, source=self._topics.source, anchor=anchor_for(self._outbox, record, now), now=now)
        topic, payload = self._topics.of(ALERT_EVENT), encode(event)
        if not self._connection.allowed.fits(topic, payload):
            payload = encode(shortened(event))
        if not self._fits(topic, payload):
            self._oversized.add(record.seq)
            return
        number = self._connection.publish(topic, payload, qos=ALERT_EVENT.qos, retain=ALERT_EVENT.retain)
        present = time.monotonic()
        if not self._inflight:
            self._heard = present
        self._inflight[number] = (record.seq, present)
        self._meter.count("published")

    def _check_patience(self) -> None:
        if self._inflight and time.monotonic() - self._heard > self._settings.ack_timeout_s:
            raise DeliveryError(
                f"the broker has confirmed nothing for {self._settings.ack_timeout_s:g} s; connecting to it anew"
            )
