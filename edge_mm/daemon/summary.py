"""What a run or a replay did and cost, for programs and for people.

In: a run's meters. Out: a ``Summary``. Not here: the periodic ``bridge/health`` (``daemon.health``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from edge_mm.daemon.meters import Meters, peak_rss_mib, process_cpu_s
from edge_mm.kinds import Transition

if TYPE_CHECKING:
    from edge_mm.delivery.meter import MqttStats


@dataclass(frozen=True, slots=True)
class Summary:
    """One run."""

    samples: Mapping[str, int]
    """Stream -> Samples that were read (frames, blocks); those of ``drops`` among them never reached the monitor."""
    drops: Mapping[str, int]
    """Stream -> Samples lost because the monitor was slower."""
    windows: int
    """Fusion windows."""
    alerts: int
    """Alarms raised."""
    transitions: int
    """All that happened to alarms: raised, acknowledged, silenced ... cleared."""
    by_kind: Mapping[str, int]
    """Kind -> alarms raised."""
    stages: Mapping[str, Mapping[str, float]]
    """Stage -> ``n``, ``p50_ms``, ``p95_ms``, ``max_ms``."""
    wall_s: float
    """Seconds that it took, from the making of the run's meters to this summary: waits for the broker are in it."""
    cpu_s: float
    """CPU seconds of the process since it began, start-up included."""
    peak_rss_mib: float
    """Largest resident memory, MiB."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "samples": dict(self.samples),
            "drops": dict(self.drops),
            "windows": self.windows,
            "alerts": self.alerts,
            "transitions": self.transitions,
            "by_kind": dict(self.by_kind),
            "stages": {stage: dict(values) for stage, values in self.stages.items()},
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "peak_rss_mib": self.peak_rss_mib,
        }

    def as_text(self) -> str:
        """A table for people."""
        rows = [
            ("samples", _list(self.samples)),
            ("dropped", _list({k: v for k, v in self.drops.items() if v}) or "none"),
            ("windows", str(self.windows)),
            ("alerts", f"{self.alerts}  ({_list(self.by_kind)})" if self.alerts else "none"),
            ("time", f"{self.wall_s:.1f} s, {self.cpu_s:.1f} s of CPU, {self.peak_rss_mib:.0f} MiB at most"),
        ]
        lines = [f"{key:8} {value}" for key, value in rows]
        if self.stages:
            width = max(map(len, self.stages))
            lines.append(f"{'stage':{width}}       n   p50 ms   p95 ms")
            lines.extend(
                f"{stage:{width}} {one['n']:7.0f} {one['p50_ms']:8.2f} {one['p95_ms']:8.2f}"
                for stage, one in self.stages.items()
            )
        return "\n".join(lines)


def summarize(
    meters: Meters,
    *,
    windows: int,
    drops: Mapping[str, int],
    delivery: MqttStats | None = None,
) -> Summary:
    """Sum up a run whose meters counted ``samples`` per stream, transitions per kind.

    Args:
        meters: the run's.
        windows: fusion windows.
        drops: stream -> samples lost.
        delivery: the delivery thread's own numbers.
    """
    stages: dict[str, Mapping[str, float]] = {**meters.stages()}
    if delivery is not None and delivery.confirm_p50_ms is not None:
        stages["publish to PUBACK"] = {
            "n": delivery.confirmed,
            "p50_ms": delivery.confirm_p50_ms,
            "p95_ms": delivery.confirm_p95_ms or 0.0,
            "max_ms": delivery.confirm_max_ms or 0.0,
        }
    raised = meters.counts("raised")
    return Summary(
        samples=meters.counts("samples"),
        drops=dict(sorted(drops.items())),
        windows=windows,
        alerts=sum(raised.values()),
        transitions=sum(sum(meters.counts(each).values()) for each in get_args(Transition)),
        by_kind=raised,
        stages=stages,
        wall_s=round(meters.wall_s, 3),
        cpu_s=round(process_cpu_s(), 3),
        peak_rss_mib=peak_rss_mib(),
    )


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
