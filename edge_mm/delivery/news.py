"""What the delivery thread is to say besides alerts: the retained things, the latest readings, the latest estimate.

In: news, from any thread. Out: messages for the broker. Retained things are kept for every later connect; readings,
estimates, answers, log lines and pieces of signals are only of the moment: one that cannot be sent now is counted as
dropped. The newest events wait for the broker. Not here: alerts (``outbox``), what it all says (``announcing``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from edge_mm.delivery import clock
from edge_mm.delivery.bridge_payloads import encode, fusion_state, sensor_state
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.meter import Meter
from edge_mm.delivery.topics import FUSION_STATE, SENSOR_STATE, Channel, Message, Topics
from edge_mm.types import Estimate, Observation

SUMMARY_S = 1.0
"""A sensor's readings are published at most this often."""
EVENTS = 64
"""Events that wait for the broker; older ones are dropped and counted."""
MOMENTS = 128
"""Answers, log lines and pieces of signals that may wait for the delivery thread."""
Build = Callable[[Anchor], bytes]
"""Makes a payload when it is sent, by the clock as it is then."""


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
        self._events: deque[tuple[Channel, str, Build, bytes | None]] = deque(maxlen=EVENTS)
        self._moments: deque[tuple[Channel, str, Build, bytes | None]] = deque()

    def online(self, online: bool) -> None:
        """Whether the broker is there; what was of the moment is dropped and counted when it goes."""
        missed = 0
        with self._lock:
            self._online = online
            if not online:
                missed = sum(map(len, self._readings.values())) + (self._estimate is not None) + len(self._moments)
                self._readings, self._estimate = {}, None
                self._moments.clear()
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

    def event(self, channel: Channel, build: Build) -> None:
        """Say this as soon as the broker is there."""
        with self._lock:
            missed = len(self._events) == EVENTS
            self._events.append((channel, self._topics.of(channel), build, None))
        if missed:
            self._meter.count("dropped")

    def moment(self, channel: Channel, name: str, build: Build, correlation: bytes | None = None) -> None:
        """Say this now or never."""
        with self._lock:
            taken = self._online and len(self._moments) < MOMENTS
            if taken:
                self._moments.append((channel, self._topics.of(channel, name), build, correlation))
        if not taken:
            self._meter.count("dropped")

    def retained(self) -> list[Message]:
        """All that a new connection says at its start."""
        with self._lock:
            self._fresh.clear()
            return [Message(channel, topic, payload) for topic, (channel, payload) in self._retained.items()]

    def take(self) -> list[Message]:
        """What is to be said now: retained things that changed, the estimate, once a second the readings."""
        present = time.monotonic()
        with self._lock:
            messages = [Message(self._retained[one][0], one, self._retained[one][1]) for one in sorted(self._fresh)]
            self._fresh.clear()
            estimate, self._estimate = self._estimate, None
            readings: dict[str, dict[str, Observation]] = {}
            if present >= self._summary_at:
                readings, self._readings = self._readings, {}
                self._summary_at = present + SUMMARY_S
            said = [*self._events, *self._moments]
            self._events.clear()
            self._moments.clear()
        if estimate is None and not readings and not said:
            return messages
        anchor = clock.now()
        messages += [Message(channel, topic, build(anchor), correlation) for channel, topic, build, correlation in said]
        if estimate is not None:
            payload = encode(fusion_state(estimate, anchor=anchor))
            messages.append(Message(FUSION_STATE, self._topics.of(FUSION_STATE), payload))
        for stream, latest in readings.items():
            payload = encode(sensor_state(latest.values(), anchor=anchor))
            messages.append(Message(SENSOR_STATE, self._topics.of(SENSOR_STATE, stream), payload))
        return messages
