"""The thread that talks to the broker: everything devices say comes in, requests go out, again after every failure.

In: the broker's settings; requests from the page's thread. Out: messages and the state of the connection, in a bounded
queue that the page's thread empties. Not here: what the messages mean (``fleet``).
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from edge_mm.dashboard.bounds import MAX_PAYLOAD_BYTES, MAX_WAITING, clean
from edge_mm.dashboard.fleet import Link
from edge_mm.dashboard.heard import FILTERS
from edge_mm.delivery.backoff import Backoff
from edge_mm.delivery.complaints import LoginRefusedError
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.listening import listener
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.topics import BRIDGE_REQUEST
from edge_mm.errors import DeliveryError

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

_BACKOFF_S = (0.5, 10.0)
_MAX_OUTGOING = 200
_PATIENCE_S = 5.0


class Arrived(msgspec.Struct, frozen=True):
    """One message, as it came."""

    topic: str
    payload: bytes
    retained: bool
    at_s: float
    """Monotonic seconds."""


class Broker:
    """Talks in a thread of its own from ``start`` to ``stop``.

    Args:
        settings: how to reach it.
        wake: called from that thread when there is something to take.
    """

    def __init__(self, settings: MqttSettings, *, wake: Callable[[], None]) -> None:
        self._make = listener(settings, device="dashboard")
        self._filters = [f"{settings.base_topic}/+/{path}" for path in FILTERS]
        self._wake = wake
        self._lock = threading.Lock()
        self._arrived: deque[Arrived | Link] = deque()
        self._dropped = 0
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._unconfirmed: list[MQTTMessage] = []
        self._connected = False
        self._stop = threading.Event()
        self._bell_out, self._bell_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="dashboard-broker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up; safe to call twice."""
        self._stop.set()
        self._ring()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def take(self) -> tuple[Sequence[Arrived | Link], int]:
        """What came since, in order, and how many messages were dropped because nobody took them."""
        with self._lock:
            taken, self._arrived = self._arrived, deque()
            dropped, self._dropped = self._dropped, 0
        return taken, dropped

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish a request; False when the broker is not there."""
        with self._lock:
            if not self._connected or len(self._outgoing) >= _MAX_OUTGOING:
                return False
            self._outgoing.append((topic, payload))
        self._ring()
        return True

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            os.write(self._bell_in, b"!")

    def _run(self) -> None:
        backoff = Backoff(*_BACKOFF_S)
        while not self._stop.is_set():
            asked_s, held = time.monotonic(), False
            began = asked_s
            connection = self._make(self._received)
            try:
                connection.open(_PATIENCE_S)
                connection.subscribe(self._filters, timeout_s=_PATIENCE_S)
                began, held = time.monotonic(), True
                self._say(Link("connected", "", began, asked_s))
                self._converse(connection)
            except DeliveryError as error:
                refused = isinstance(error, LoginRefusedError)
                self._say(Link("refused" if refused else "gone", clean(str(error)), time.monotonic()))
            finally:
                self._unconfirmed.clear()
                connection.close()
            self._stop.wait(backoff.after(time.monotonic() - began if held else 0.0))

    def _converse(self, connection: Connection) -> None:
        while not self._stop.is_set():
            connection.step(1.0, wake_fd=self._bell_out)
            while self._unconfirmed:
                connection.confirm(self._unconfirmed.pop())
            with suppress(BlockingIOError):
                os.read(self._bell_out, 4096)
            while self._outgoing:
                with self._lock:
                    topic, payload = self._outgoing.popleft()
                connection.publish(topic, payload, qos=BRIDGE_REQUEST.qos, retain=BRIDGE_REQUEST.retain)

    def _received(self, message: MQTTMessage) -> None:
        if message.qos:
            self._unconfirmed.append(message)
        try:
            topic = str(message.topic)
        except UnicodeDecodeError:  # MQTT forbids it, and not every broker looks
            topic = ""
        # One that is too long is known by its length alone.
        payload = bytes(message.payload[: MAX_PAYLOAD_BYTES + 1])
        self._put(Arrived(topic, payload, bool(message.retain), time.monotonic()))

    def _say(self, link: Link) -> None:
        with self._lock:
            self._connected = link.state == "connected"
            self._outgoing.clear()  # older than a device would take them, when the broker is back
        self._put(link)

    def _put(self, one: Arrived | Link) -> None:
        with self._lock:
            ring = not self._arrived
            self._arrived.append(one)
            if len(self._arrived) > MAX_WAITING:  # the oldest: what is newer replaces it anyhow
                oldest = self._arrived.popleft()
                if isinstance(oldest, Link):
                    self._arrived[0] = oldest
                self._dropped += 1
        if ring:
            self._wake()
