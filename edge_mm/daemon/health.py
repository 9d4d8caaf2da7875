"""How the device does: the body of ``bridge/health``.

In: meters, states and the process. Out: a dictionary every ``HEALTH_S``. No reading of a person is in it. Not here:
publishing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from edge_mm.daemon.meters import Meters, peak_rss_mib, rss_mib
from edge_mm.delivery import clock

HEALTH_S = 30.0
"""How often it is published."""


class Health:
    """Works out rates from one report to the next.

    Args:
        meters: of the run.
        rss_limit_mib: what the board's profile allows; reported beside what is used.
    """

    def __init__(self, meters: Meters, *, rss_limit_mib: int) -> None:
        self._meters = meters
        self._limit_mib = rss_limit_mib
        self._before: tuple[float, float, Mapping[str, int]] = (0.0, 0.0, {})

    def report(
        self,
        *,
        streams: Mapping[str, str],
        drops: Mapping[str, int],
        windows: int,
        outbox: Mapping[str, Any],
        mqtt: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The present state.

        Args:
            streams: stream -> state.
            drops: stream -> Samples lost.
            windows: fusion windows so far.
            outbox: ``depth``, ``unstored``, ``error``.
            mqtt: link and counters.
        """
        wall_s, cpu_s, samples = self._meters.wall_s, self._meters.cpu_s, self._meters.counts("samples")
        wall_before, cpu_before, before = self._before
        self._before = (wall_s, cpu_s, samples)
        passed = max(wall_s - wall_before, 1e-3)
        anchor = clock.now()
        return {
            "time": clock.iso(anchor.wall_ns),
            "clock_synced": anchor.synced,
            "uptime_s": round(wall_s, 1),
            "streams": {
                name: {
                    "state": state,
                    "samples": samples.get(name, 0),
                    "per_s": round((samples.get(name, 0) - before.get(name, 0)) / passed, 2),
                    "dropped": drops.get(name, 0),
                }
                for name, state in sorted(streams.items())
            },
            "windows": windows,
            "alerts": {
                "raised": sum(self._meters.counts("raised").values()),
                "cleared": sum(self._meters.counts("cleared").values()),
            },
            "stages": self._meters.stages(),
            "process": {
                "cpu_percent": round(100 * (cpu_s - cpu_before) / passed, 1),
                "rss_mib": rss_mib(),
                "peak_rss_mib": peak_rss_mib(),
                "rss_limit_mib": self._limit_mib,
            },
            "os": {"load_average": [round(load, 2) for load in os.getloadavg()], "boot_s": round(time.monotonic(), 1)},
            "outbox": dict(outbox),
            "mqtt": dict(mqtt),
        }
