"""Everything that leaves the device over MQTT: alerts from the outbox, and how things stand.

In: an outbox that others commit to, readings, states. Out: the topic tree (``topics``). One thread of its own connects,
keeps trying when the broker is away or refuses us, and says who we are and how things stand at every connect. An alert
is in the outbox before this module hears of it, so nothing here can lose one. Not here: deciding, storing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_mm.delivery.announcing import Announcer
from edge_mm.delivery.backlog import Backlogs
from edge_mm.delivery.backoff import Backoff
from edge_mm.delivery.bridge_payloads import BridgeState, encode
from edge_mm.delivery.complaints import LoginRefusedError
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.dated import ClockNotes
from edge_mm.delivery.guest import Guest, Nobody, told, topic_of
from edge_mm.delivery.hearing import LARGEST_BYTES, Heard, Hearing
from edge_mm.delivery.link import Link, LinkState, Spoken, Troubles
from edge_mm.delivery.meter import Meter, MqttStats
from edge_mm.delivery.news import SUMMARY_S, News
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.session import Session
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.suspicion import LEAST_BYTES, Suspicion
from edge_mm.delivery.topics import BRIDGE_STATE, Topics
from edge_mm.delivery.waker import Waker
from edge_mm.errors import DeliveryError
from edge_mm.types import Estimate, Observation

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

_FAREWELL_SHARE = 0.2
"""Of the time that ``stop`` has: kept for saying ``offline`` when the backlog does not go out in time."""

log = logging.getLogger(__name__)


class MqttSink(Announcer):
    """Delivers the outbox to a broker and publishes what else is known.

    An alert is committed to the outbox, with the alarm machine's snapshot; then ``wake`` says that there is one.
    All public methods may be called from any thread and never wait for the network, ``stop`` and ``wait_*`` aside.

    Args:
        settings: the broker.
        outbox: what to deliver; its ``device`` names the topics.
        on_link: called with each change, from the delivery thread.
        on_request: takes each request that is one, from the delivery thread and at once; False: too many wait. Answer
            with ``respond``. Where it is absent, nobody may ask anything.
        guest: speaks and listens over the same connection.
        backoff_s: first and longest wait between attempts, seconds.

    Raises:
        ConfigError: the device's name cannot be a topic.
    """

    def __init__(
        self,
        settings: MqttSettings,
        outbox: Outbox,
        *,
        on_link: Callable[[Link], None] | None = None,
        on_request: Callable[[Heard], bool] | None = None,
        guest: Guest | None = None,
        backoff_s: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self.topics = Topics(outbox.device, base=settings.base_topic)
        self._settings = settings
        self._outbox = outbox
        self._on_link, self._guest = on_link, guest or Nobody()
        self._backoff_s = backoff_s
        self._meter, self._backlogs, self._clock = Meter(), Backlogs(outbox), ClockNotes(outbox)
        self._waker = Waker()
        super().__init__(News(self.topics, self._meter), self.wake)
        self._hearing = Hearing(self.topics, handle=on_request, answer=self.respond, count=self._meter.count)
        self._troubles, self._suspicion, self._spoken = Troubles(), Suspicion(), Spoken()
        self._changed = threading.Condition()  # guards what follows
        self._link = Link("starting")
        self._stop_by: float | None = None
        self._drain_by = 0.0
        self._online_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self.turned_s = time.monotonic()
        """When the delivery thread last came round, in seconds of the monotonic clock; one that hangs does not."""

    @property
    def link(self) -> Link:
        """How the connection stands."""
        return self._link

    def stats(self) -> MqttStats:
        """Counters and latencies since start."""
        return self._meter.stats()

    @property
    def alive(self) -> bool:
        """Whether the delivery thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the outbox."""
        self._waker.wake()

    def publish_observation(self, observation: Observation) -> None:
        """As ``Announcer``; the guest hears of it."""
        super().publish_observation(observation)
        self._guest.observed(observation)

    def publish_estimate(self, estimate: Estimate) -> None:
        """As ``Announcer``; the guest hears of it."""
        super().publish_estimate(estimate)
        self._guest.estimated(estimate)

    def wait_link(self, state: LinkState, *, timeout_s: float) -> bool:
        """Wait until the connection stands so; False when it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._link.state == state, timeout_s)

    def wait_drained(self, *, timeout_s: float) -> bool:
        """Wait until the outbox is empty; False when it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._outbox.waiting() == 0, timeout_s)

    def stop(self, *, timeout_s: float = 5.0, drain: bool = True) -> bool:
        """Say ``stopping``, deliver what can be delivered, say ``offline``, disconnect; safe to call twice.

        A broker that does not confirm ``offline`` in time is left without a word, so that it publishes the last will.
        Without ``drain`` nothing is waited for but that: somebody else delivers the outbox right after.

        Returns:
            Whether the outbox is empty. What is left is delivered after the next start.
        """
        with self._changed:
            if self._stop_by is None:
                self._drain_by = time.monotonic() + (timeout_s * (1 - _FAREWELL_SHARE) if drain else 0.0)
                self._stop_by = time.monotonic() + timeout_s
            self._changed.notify_all()
        self.wake()
        if self._thread.ident is not None and self._thread is not threading.current_thread():  # it may be on_link
            self._thread.join(timeout_s + 0.5)
        if not self._thread.is_alive():
            self._waker.close()
        return self._outbox.waiting() == 0

    def _run(self) -> None:
        backoff = Backoff(*self._backoff_s)
        while self._stop_by is None:
            self._online_since = None
            self.turned_s = time.monotonic()
            try:
                self._clock.note()  # here too: a broker that is away must not keep a late date from the outbox
                self._connect_and_serve()
            except LoginRefusedError as error:
                self._set_link(Link("refused", str(error)))
            except DeliveryError as error:
                if self._late:
                    break
                self._set_link(Link("offline", str(error)))
            except Exception as error:
                if self._late:
                    break
                log.exception("delivery stumbled and goes on")
                self._set_link(Link("offline", f"internal error: {error!r}"))
            held_s = 0.0 if self._online_since is None else time.monotonic() - self._online_since
            with self._changed:
                self._changed.wait_for(lambda: self._stop_by is not None, backoff.after(held_s))
        if not self._late:
            self._clock.note()
        self._set_link(Link("stopped"))

    @property
    def _late(self) -> bool:
        """Whether nobody waits for this thread any more: the outbox may be closed, and nothing is said of that."""
        return self._stop_by is not None and time.monotonic() > self._stop_by

    def _connect_and_serve(self) -> None:
        settings, topics = self._settings, self.topics
        will = (BRIDGE_STATE, topics.of(BRIDGE_STATE), encode(BridgeState("offline", "connection lost")))
        # A clean session: a request that was made while we were away is too old, so nothing need be kept for us.
        client_id = settings.client_id or f"edge_mm-{topics.device}"

        def heard(message: MQTTMessage) -> None:
            if message.qos:
                connection.confirm(message)
            if topic_of(message) in self._guest.filters:
                told(self._guest, message)
            else:
                self._hearing.take(message)

        connection = Connection(
            settings,
            client_id=client_id,
            will=will,
            clean_session=True,
            on_message=heard,
            version=self._spoken.wanted(),
            largest=max(LARGEST_BYTES, self._guest.largest_bytes),
            given_up=lambda: self._late,
        )
        parted = False
        try:
            connection.open()
            self._speaks(connection.version)
            self._spoken.say(self._settings, connection.version)
            self._troubles.forget()
            if connection.version == "3.1.1" and (limit := self._suspicion.packet_bytes) is not None:
                connection.flow.limit(limit)
            session = Session(
                connection, self._outbox, topics, meter=self._meter, settings=settings, troubles=self._troubles,
                listens=self._hearing.filter, backlog=self._backlogs.begin(),
            )  # fmt: skip
            session.greet(self._news.retained())
            session.pump()
            self._guest.connected()
            if self._guest.filters:  # where it may not, it hears nothing, and speaks all the same
                connection.ask_for(list(self._guest.filters))
            self._meter.count("connects")
            self._online_since = time.monotonic()
            self._online_as(session)
            parted = self._serve(connection, session)
        except DeliveryError as error:
            self._spoken.failed(error)
            if connection.version == "3.1.1":  # MQTT 5 tells what is too large
                self._suspicion.ended(self._settings.where, connection.flow.stuck_bytes(LEAST_BYTES))
            raise
        finally:
            connection.close(goodbye=parted)  # else the will must come: what is retained still says online

    def _serve(self, connection: Connection, session: Session) -> bool:
        """Say what there is to say until it is time to stop; whether the broker has confirmed that we are offline."""
        while self._stop_by is None:
            session.say_all((*self._news.take(), *self._guest.take()))
            session.pump()
            self._clock.note()
            self._turn(connection, session, timeout_s=SUMMARY_S)
        session.say_all(self._news.take())  # what was said last must not stay as it was before
        session.part(BridgeState("stopping"))
        while not (session.drained and session.parted) and (left := self._drain_by - time.monotonic()) > 0:
            session.pump()
            self._turn(connection, session, timeout_s=left)
            session.say_all(self._news.take())  # whoever asks now is told that it is ending
        session.part(BridgeState("offline", "stopped"))
        while not session.parted and (left := self._stop_by - time.monotonic()) > 0:
            self._turn(connection, session, timeout_s=left)
            session.say_all(self._news.take())
        return session.parted

    def _turn(self, connection: Connection, session: Session, *, timeout_s: float) -> None:
        self.turned_s = time.monotonic()
        numbers = connection.step(timeout_s, wake_fd=self._waker.fd)
        self._waker.heard()
        if session.settle(numbers):
            with self._changed:
                self._changed.notify_all()
        self._online_as(session)

    def _online_as(self, session: Session) -> None:
        """Connected; and what the broker denies all the same."""
        trouble = self._troubles.sentence
        link = Link("online", f"connected to {self._settings.where}", trouble, mute=session.mute)
        if link != self._link:
            self._set_link(link)

    def _set_link(self, link: Link) -> None:
        with self._changed:
            before, self._link = self._link, link
            self._changed.notify_all()
        self._news.online(link.state == "online")
        if link == before:
            return
        if link.state == before.state == "online":  # what the broker denies has been logged
            self._tell_link(link)
            return
        if link.state in ("offline", "refused"):
            log.warning("%s", link.detail)
        else:
            log.info("MQTT: %s", link.detail or link.state)
        self._tell_link(link)

    def _tell_link(self, link: Link) -> None:
        if self._on_link is not None:
            try:
                self._on_link(link)
            except Exception:
                log.exception("on_link failed")
