"""How the device does: the body of ``bridge/health``.

In: meters, states, the process and the board. Out: a dictionary every ``HEALTH_S``, with None for what the board does
not say. No reading of a person is in it. Not here: publishing, the board's files (``daemon.board_state``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.daemon import board_state
from edge_mm.daemon.meters import Meters, peak_rss_mib, rss_mib
from edge_mm.delivery import clock

HEALTH_S = 30.0
"""How often it is published."""


class Health:
    """Works out rates from one report to the next.

    Args:
        meters: of the run.
        rss_limit_mib: what the board's profile allows; reported beside what is used.
        outbox: path of the outbox; the disk under it is told. None: not told.
        zone: type of the thermal zone that the board's profile names; the hottest one where it is empty.
        root: where the board's ``proc`` and ``sys`` are.
    """

    def __init__(
        self,
        meters: Meters,
        *,
        rss_limit_mib: int,
        outbox: str | None = None,
        zone: str = "",
        root: Path = board_state.ROOT,
    ) -> None:
        self._meters = meters
        self._limit_mib = rss_limit_mib
        self._outbox, self._zone, self._root = outbox, zone, root
        self._cpu = board_state.cpu_times(root)
        self._before: tuple[float, float, Mapping[str, int]] = (0.0, 0.0, {})

    def report(
        self,
        *,
        streams: Mapping[str, str],
        drops: Mapping[str, int],
        windows: int,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The present state.

        Args:
            streams: stream -> state.
            drops: stream -> Samples lost.
            windows: fusion windows so far.
            more: of the supervision: ``outbox``, ``mqtt``, ``parts`` and so on.
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
                "threads": board_state.threads(self._root),
                "descriptors": board_state.descriptors(self._root),
            },
            "os": {
                "load_average": [round(load, 2) for load in os.getloadavg()],
                "boot_s": round(time.monotonic(), 1),
                "cpu_percent": self._machine_percent(),
            },
            "board": self._board(),
            **more,
        }

    def _machine_percent(self) -> float | None:
        """Of all cores, since the report before."""
        before, self._cpu = self._cpu, board_state.cpu_times(self._root)
        return self._cpu.percent_since(before)

    def _board(self) -> dict[str, Any]:
        root = self._root
        power, frequency, memory = board_state.power(root), board_state.frequency(root), board_state.memory(root)
        disk = None if self._outbox is None else board_state.disk(Path(self._outbox).parent, root)
        return {
            "temperature_c": board_state.temperature_c(root, zone=self._zone),
            "power": None if power is None else {"now": list(power.now), "since_boot": list(power.since_boot)},
            "frequency": None if frequency is None else msgspec.to_builtins(frequency),
            "memory": None if memory is None else msgspec.to_builtins(memory),
            "disk": None
            if disk is None
            else {"free_mib": disk.free_mib, "total_mib": disk.total_mib, "read_only": disk.read_only},
        }
