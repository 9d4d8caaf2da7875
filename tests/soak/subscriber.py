"""A persistent subscriber in a thread of its own, which survives everything that happens to the broker.

In: the broker's settings. Out: every transition in the order of arrival, and when anything came last. Not here: whether
that is all of it (``verdict``).
"""

from __future__ import annotations

import threading
import time

from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber

FILTERS = ("edge_mm/+/alert/event", "edge_mm/+/sensor/+/state")


class Listening:
    """Listens from the moment it is made until it is closed."""

    def __init__(self, settings: MqttSettings) -> None:
        self.events: list[AlertEvent] = []
        self.last_s = 0.0
        self._subscriber = Subscriber(settings, client_id="soak", filters=FILTERS)
        self._subscriber.open()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def doubles(self) -> int:
        """Deliveries that were dropped by id: QoS 1 delivers at least once."""
        return self._subscriber.duplicates

    def drain(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait until so many transitions have come, or until none came for ``timeout_s``."""
        seen, since_s = len(self.events), time.monotonic()
        while len(self.events) < count and time.monotonic() - since_s < timeout_s:
            self._stop.wait(0.2)
            if len(self.events) != seen:
                seen, since_s = len(self.events), time.monotonic()
        self._stop.wait(1.0)  # what should not come has time to

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._subscriber.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            received = self._subscriber.receive(timeout_s=0.5)
            if received is None:
                continue
            if not received.retained:
                self.last_s = time.monotonic()
            if received.event is not None:
                self.events.append(received.event)
