"""What the delivery thread is to say besides alerts: the retained things, the latest readings, the latest estimate.

In: news, from any thread. Out: messages for the broker. Retained things are kept for every later connect; readings and
estimates are only of the moment: one that cannot be sent now is counted as dropped. Not here: alerts (``outbox``).
"""

from __future__ import annotations

import threading
import time

from edge_mm.delivery import clock
from edge_mm.delivery.bridge_payloads import encode, fusion_state, sensor_state
from edge_mm.delivery.session import Meter
from edge_mm.delivery.topics import FUSION_STATE, SENSOR_STATE, Channel, Topics
from edge_mm.types import Estimate, Observation

SUMMARY_S = 1.0
"""A sensor's readings are published at most this often."""
Message = tuple[Channel, str, bytes]
"""Channel, full topic, payload."""


class News:
    """Safe to use from several threads.

    Args:
        topics: names.
        meter: where drops are counted.
    """

    def __init__(self, topics: Topics, meter: Meter) -> None:
        self._topics = topics
        self._meter = meter
        self._lock = threading.Lock()
        self._online = False
        self._retained: dict[str, tuple[Channel, bytes]] = {}
        self._fresh: set[str] = set()  # topics of _retained that are to be published again
        self._readings: dict[str, dict[str, Observation]] = {}
        self._estimate: Estimate | None = None
        self._summary_at = 0.0

    def online(self, online: bool) -> None:
        """Whether the broker is there; what was of the moment is dropped and counted when it goes."""
        missed = 0
        with self._lock:
            self._online = online
            if not online:
                missed = sum(map(len, self._readings.values())) + (self._estimate is not None)
                self._readings, self._estimate = {}, None
        self._meter.count("dropped", missed)

    def retain(self, channel: Channel, name: str, payload: bytes) -> None:
        """Say this, and again at every connect."""
        topic = self._topics.of(channel, name)
        with self._lock:
            self._retained[topic] = (channel, payload)
            self._fresh.add(topic)

    def reading(self, observation: Observation) -> None:
        """The latest of a name replaces the one before."""
        with self._lock:
            if self._online:
                self._readings.setdefault(observation.stream, {})[observation.name] = observation
                return
        self._meter.count("dropped")

    def estimate(self, estimate: Estimate) -> None:
        """The latest replaces one that is still waiting."""
        with self._lock:
            missed = not self._online or self._estimate is not None
            if self._online:
                self._estimate = estimate
        if missed:
            self._meter.count("dropped")

    def retained(self) -> list[Message]:
        """All that a new connection says at its start."""
        with self._lock:
            self._fresh.clear()
            return [(channel, topic, payload) for topic, (channel, payload) in self._retained.items()]

    def take(self) -> list[Message]:
        """What is to be said now: retained things that changed, the estimate, once a second the readings."""
        present = time.monotonic()
        with self._lock:
            messages = [(self._retained[topic][0], topic, self._retained[topic][1]) for topic in sorted(self._fresh)]
            self._fresh.clear()
            estimate, self._estimate = self._estimate, None
            readings: dict[str, dict[str, Observation]] = {}
            if present >= self._summary_at:
                readings, self._readings = self._readings, {}
                self._summary_at = present + SUMMARY_S
        if estimate is None and not readings:
            return messages
        anchor = clock.now()
        if estimate is not None:
            payload = encode(fusion_state(estimate, anchor=anchor))
            messages.append((FUSION_STATE, self._topics.of(FUSION_STATE), payload))
        for stream, latest in readings.items():
            payload = encode(sensor_state(latest.values(), anchor=anchor))
            messages.append((SENSOR_STATE, self._topics.of(SENSOR_STATE, stream), payload))
        return messages
