"""Counts and latencies of a run, and what the process costs.

In: ``count`` and ``took`` from the runtime's threads. Out: plain dictionaries for ``bridge/health`` and the summary.
Memory is bounded: a stage keeps its newest ``KEPT`` latencies, 8 bytes each. Not here: who publishes them.
"""

from __future__ import annotations

import resource
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path

KEPT = 4096
"""Newest latencies of a stage that its percentiles are taken from."""


class Meters:
    """One run's numbers; safe to use from several threads.

    Args:
        clock_s: the present in seconds.
        cpu_clock_s: CPU seconds of this process, all threads.
    """

    def __init__(
        self, *, clock_s: Callable[[], float] = time.monotonic, cpu_clock_s: Callable[[], float] = time.process_time
    ) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self._took: dict[str, array[float]] = {}
        self._totals: Counter[str] = Counter()
        self._clock_s, self._cpu_clock_s = clock_s, cpu_clock_s
        self._started, self._cpu_start = clock_s(), cpu_clock_s()

    def count(self, group: str, name: str, amount: int = 1) -> None:
        """Add to a counter, for example ``count("samples", "cabin")``."""
        with self._lock:
            self._counts.setdefault(group, Counter())[name] += amount

    def took(self, stage: str, seconds: float) -> None:
        """One run of a stage took so long."""
        with self._lock:
            kept, number = self._took.setdefault(stage, array("d")), self._totals[stage]
            if number < KEPT:
                kept.append(seconds)
            else:
                kept[number % KEPT] = seconds
            self._totals[stage] = number + 1

    def counts(self, group: str) -> dict[str, int]:
        """Name -> count."""
        with self._lock:
            return dict(sorted(self._counts.get(group, Counter()).items()))

    def stages(self) -> dict[str, dict[str, float]]:
        """Stage -> ``n``, ``p50_ms``, ``p95_ms``, ``max_ms`` of its newest runs."""
        with self._lock:
            kept = {stage: sorted(values) for stage, values in sorted(self._took.items())}
            totals = dict(self._totals)
        return {
            stage: {
                "n": totals[stage],
                "p50_ms": _ms(values, 0.50),
                "p95_ms": _ms(values, 0.95),
                "max_ms": _ms(values, 1.0),
            }
            for stage, values in kept.items()
        }

    @property
    def wall_s(self) -> float:
        """Seconds since this object was made."""
        return self._clock_s() - self._started

    @property
    def cpu_s(self) -> float:
        """CPU seconds of this process, all threads, since this object was made."""
        return self._cpu_clock_s() - self._cpu_start


def _ms(ordered: list[float], share: float) -> float:
    """Nearest-rank percentile in milliseconds."""
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def process_cpu_s() -> float:
    """CPU seconds of this process since it began, start-up included."""
    return time.process_time()


def peak_rss_mib() -> float:
    """Largest resident memory so far, MiB. ``ru_maxrss`` would count what the parent had before ``exec``."""
    return _status_mib("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rss_mib() -> float:
    """Resident memory now, MiB; 0 where the system does not say."""
    return _status_mib("VmRSS")


def _status_mib(key: str) -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError, IndexError):
        return 0.0
    return 0.0
