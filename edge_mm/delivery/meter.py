"""What delivery has done since the start, and how long the broker took.

In: counts and times, from several threads. Out: ``MqttStats``. Not here: publishing them (``daemon.health``).
"""

from __future__ import annotations

import threading
from collections import deque

import msgspec

_LATENCIES = 1000
_COUNTED = (
    "connects", "published", "confirmed", "dropped", "denied", "requests", "requests_refused", "requests_ignored",
)  # fmt: skip


class MqttStats(msgspec.Struct, frozen=True):
    """Counters since start."""

    connects: int
    """Successful connections."""
    published: int
    """Transitions handed to a broker; one that had to be sent again counts again."""
    confirmed: int
    """Transitions that a broker confirmed."""
    dropped: int
    """Readings, estimates, answers, lines that were not sent: the broker was not there, or newer ones came before."""
    denied: int
    """Publications that the broker threw away, as far as it says so (MQTT 5)."""
    requests: int
    """Messages to a request's topic that were requests; each is answered. With the two below: all that came."""
    requests_refused: int
    """Messages there that were answered at once with what is wrong with them."""
    requests_ignored: int
    """Messages there that were not answered: retained ones, and more than are looked at."""
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
        self._counts = dict.fromkeys(_COUNTED, 0)
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
