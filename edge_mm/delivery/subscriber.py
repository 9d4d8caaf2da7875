"""An ordinary MQTT client at the other end: what ``edge-mm tail``, the demo and a receiver of one's own do.

In: a broker. Out: alert events, each once, in order, whatever breaks in between. How: a persistent session (the broker
keeps what arrives while we are away), QoS 1, a message is confirmed when the one after it is asked for, doubles are
dropped by ``id``. Drives its own network loop: no thread. Not here: publishing (``mqtt``).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from edge_mm.delivery.complaints import LoginRefusedError
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.seen import Seen
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.topics import ALERT_EVENT
from edge_mm.errors import DeliveryError

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

_BACKOFF_S = (0.1, 5.0)

log = logging.getLogger(__name__)


class Received(msgspec.Struct, frozen=True):
    """One message."""

    topic: str
    """Full topic."""
    payload: bytes
    """As it came."""
    retained: bool
    """True when the broker had kept it from before we subscribed."""
    event: AlertEvent | None
    """Decoded, if it is an alert event."""


class Subscriber:
    """Receives with a persistent session; a context manager; for one thread.

    Args:
        settings: the broker.
        client_id: the session's name; the same name goes on where it stopped.
        filters: topic filters; the alert events of every device when absent.
        persistent: False leaves no session behind.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        filters: Sequence[str] | None = None,
        persistent: bool = True,
    ) -> None:
        self.duplicates = 0
        self._settings = settings
        self._client_id = client_id
        self._filters = list(filters or (f"{settings.base_topic}/+/{ALERT_EVENT.path}",))
        self._persistent = persistent
        self._connection: Connection | None = None
        self._queue: deque[tuple[Connection, MQTTMessage]] = deque()
        self._handed: tuple[Connection, MQTTMessage] | None = None
        self._seen = Seen()

    def open(self, *, timeout_s: float = 5.0) -> None:
        """Connect and subscribe.

        Raises:
            DeliveryError: the broker is not there or does not let us in.
        """
        self._hang_up()
        connection = Connection(
            self._settings,
            client_id=self._client_id,
            clean_session=not self._persistent,
            on_message=lambda message: self._queue.append((connection, message)),
        )
        try:
            connection.open(timeout_s)
            connection.subscribe(self._filters, timeout_s=timeout_s)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    @property
    def connected(self) -> bool:
        """Whether the broker was there when last looked; ``receive`` looks, and connects again."""
        return self._connection is not None

    def receive(self, *, timeout_s: float) -> Received | None:
        """The next message, None when there is none in time; reconnects as long as that takes.

        Asking for the next message confirms the one before.

        Raises:
            LoginRefusedError: after a reconnect, the broker does not let us in any more.
        """
        deadline = time.monotonic() + timeout_s
        wait_s = _BACKOFF_S[0]
        while True:
            left = deadline - time.monotonic()
            try:
                if self._connection is None and not self._queue:
                    self.open(timeout_s=max(left, 0.1))
                received = self._next(max(left, 0.0))
                wait_s = _BACKOFF_S[0]
            except LoginRefusedError:
                raise
            except DeliveryError as error:
                log.info("%s", error)
                self._hang_up()
                received = None
                time.sleep(max(0.0, min(wait_s, deadline - time.monotonic())))
                wait_s = min(2 * wait_s, _BACKOFF_S[1])
            if received is not None:
                return received
            if time.monotonic() >= deadline:
                return None

    def alerts(self, *, idle_s: float | None = None) -> Iterator[AlertEvent]:
        """Alert events as they come; ends when none came for ``idle_s`` (never, when absent).

        Raises:
            LoginRefusedError: as ``receive``.
        """
        while True:
            received = self.receive(timeout_s=3600.0 if idle_s is None else idle_s)
            if received is None:
                if idle_s is not None:
                    return
            elif received.event is not None:
                yield received.event

    def close(self, *, forget: bool = False) -> None:
        """Disconnect; the broker goes on collecting for us unless ``forget``. Safe to call twice."""
        self._confirm()
        self._leave()
        if forget and self._persistent:
            last = Connection(self._settings, client_id=self._client_id, clean_session=True)
            try:
                last.open()
            finally:
                last.close()

    def __enter__(self) -> Subscriber:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        """Disconnect; what was being dealt with when an exception came is not confirmed, so that it comes again."""
        if kind is None:
            self.close()
        else:
            self._leave()

    def _leave(self) -> None:
        """Disconnect and forget what is in hand, also as a double."""
        if self._handed is not None and (event := _event(self._handed[1])) is not None:
            self._seen.forget(event.source, event.data.seq, event.id)
        self._handed = None
        self._hang_up()
        self._queue.clear()

    def _next(self, timeout_s: float) -> Received | None:
        """One message or one turn of the network loop."""
        self._confirm()
        if self._connection is not None:  # also with something in hand: the confirmation wants to be sent
            self._connection.step(0.0 if self._queue else timeout_s)
        if not self._queue:
            return None
        self._handed = self._queue.popleft()
        _, message = self._handed
        topic = _topic(message)
        if topic is None:
            log.warning("a message was passed over: its topic is no UTF-8")
            return None
        event = _event(message)
        if event is not None and not self._seen.add(event.source, event.data.seq, event.id):
            self.duplicates += 1
            return None
        return Received(topic, bytes(message.payload), bool(message.retain), event)

    def _confirm(self) -> None:
        """Confirm what was handed out, if the connection it came by is still there; else it comes again, a double."""
        handed, self._handed = self._handed, None
        if handed is not None and handed[0] is self._connection:
            handed[0].confirm(handed[1])

    def _hang_up(self) -> None:
        """Disconnect; what was received and not yet handed out stays: a broker that died cannot send it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _topic(message: MQTTMessage) -> str | None:
    try:
        return str(message.topic)
    except UnicodeDecodeError:  # MQTT forbids it, and not every broker looks
        return None


def _event(message: MQTTMessage) -> AlertEvent | None:
    topic = _topic(message)
    if topic is None or not topic.endswith(f"/{ALERT_EVENT.path}"):
        return None
    try:
        # As text: msgspec does not look at the encoding of fields that it does not know.
        event = msgspec.json.decode(message.payload.decode(), type=AlertEvent)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # anyone may publish there
        log.warning("%s: not an alert event: %s", topic, error)
        return None
    # A broker between two others may put levels before ours. The device's own level is what access lists guard.
    if topic.split("/")[-3] != event.source.rpartition("/")[2]:
        log.warning("%s: not an alert event of this device: it says that it is of %.80r", topic, event.source)
        return None
    return event
