"""Rules about what a wrist says: a fall, and arousal as under stress.

In: ``motion.fall`` and ``health.stress`` observations. Out: policies, one per kind of alert. A fall is urgent: who lies
there may not be able to call. Arousal is low priority and has to last: the encoder was trained in one laboratory, where
the schedule of the session told as much (model card). Not here: the numbers (``limits``).
"""

from __future__ import annotations

from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule
from edge_mm.alerts.watch import Watch

FALL = Rule(
    kind="motion.fall",
    priority="high",
    code="fall_detected",
    raised="a fall (probability {value:.2f}, limit {limit:g})",
    cleared="up again: ordinary movement for {seconds:.0f} s",
    unit="probability",
)
STRESS = Rule(
    kind="health.stress",
    priority="low",
    code="aroused_for",
    raised="aroused as under stress for {seconds:.0f} s, against this person's last ten minutes (limit {limit:g} s)",
    cleared="calm again for {seconds:.0f} s",
    unit="s",
)


def fall_policies(limits: Limits) -> list[Watch]:
    """One policy: a fall is an event, said once."""

    def level() -> Level:
        return Level(
            enter=limits.fall_enter,
            exit=limits.fall_exit,
            dwell_s=0.0,
            keep_s=limits.fall_keep_s,
            max_gap_s=limits.fall_still_s,
        )

    return [
        Watch(
            FALL,
            level,
            names=frozenset({FALL.kind}),
            sense="motion",
            min_quality=limits.min_quality,
            max_gap_s=limits.fall_still_s,
            event_s=limits.fall_still_s,
            event_over="no further impact",
        )
    ]


def stress_policies(limits: Limits) -> list[Watch]:
    """One policy: arousal that lasts."""

    def level() -> Level:
        return Level(
            enter=limits.stress_enter,
            exit=limits.stress_exit,
            dwell_s=limits.stress_s,
            keep_s=limits.stress_keep_s,
            max_gap_s=limits.stress_max_gap_s,
            timed=True,
        )

    return [
        Watch(
            STRESS,
            level,
            names=frozenset({STRESS.kind}),
            sense="skin",
            min_quality=limits.min_quality,
            max_gap_s=limits.stress_max_gap_s,
        )
    ]
