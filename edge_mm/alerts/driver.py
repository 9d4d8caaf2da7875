"""Rules about a driver: eyes, yawns, head, and the fused drowsiness.

In: ``driver.*`` observations and the ``drowsy`` head. Out: policies, one per kind of alert. Not here: the numbers and
their sources (``limits``), how durations are measured (``rules``, ``windows``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_mm.alerts.eyes import ClosedEyes
from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.gaze import FACE, away_watch
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule, Tracker
from edge_mm.alerts.watch import Watch
from edge_mm.alerts.windows import ShareOfTime

EYES_CLOSED = Rule(
    kind="driver.eyes_closed",
    priority="high",
    code="eyes_closed_for",
    raised="eyes closed for {seconds:.1f} s (limit {limit:g} s)",
    cleared="eyes open again for {seconds:.1f} s",
    unit="s",
)
SLEEP = Rule(
    kind="driver.sleep",
    priority="high",
    code="asleep_for",
    raised="asleep: eyes closed for {seconds:.1f} s (limit {limit:g} s)",
    cleared="awake: eyes open again for {seconds:.1f} s",
    unit="s",
)
PERCLOS = Rule(
    kind="driver.perclos",
    priority="medium",
    code="perclos_above",
    raised="eyes closed for {value:.0%} of the last {window:g} s (limit {limit:.0%})",
    cleared="eyes closed for {value:.0%} of the last {window:g} s, below the limit of {limit:.0%} again",
    unit="1",
)
YAWNING = Rule(
    kind="driver.yawning",
    priority="low",
    code="yawning_for",
    raised="yawning for {seconds:.1f} s (limit {limit:g} s)",
    cleared="no yawn for {seconds:.1f} s",
    unit="s",
)
LOOKING_AWAY = Rule(
    kind="driver.looking_away",
    priority="medium",
    code="looking_away_for",
    raised="looking away for {seconds:.1f} s (limit {limit:g} s)",
    cleared="looking ahead again for {seconds:.1f} s",
    unit="s",
)
DROWSY = Rule(
    kind="driver.drowsy",
    priority="high",
    code="drowsy_above",
    raised="drowsy: probability {value:.2f} by {senses} (limit {limit:g}) for {seconds:.1f} s",
    cleared="no longer drowsy: probability {value:.2f} by {senses} (limit {limit:g})",
    unit="probability",
)


def driver_policies(limits: Limits, *, heads: Iterable[str], frames: bool = True) -> list[Watch | HeadWatch]:
    """One policy per rule: those over frames where there is a camera, the fused one where the bundle has the head."""
    policies: list[Watch | HeadWatch] = frame_policies(limits) if frames else []
    if "drowsy" in heads:
        level = Level(
            enter=limits.drowsy_enter,
            exit=limits.drowsy_exit,
            dwell_s=limits.drowsy_s,
            keep_s=limits.drowsy_keep_s,
            max_gap_s=limits.fusion_max_gap_s,
        )
        # Sound and heart alone say how the composites were made, not how tired a person is (the bundle's card).
        policies.append(HeadWatch(DROWSY, level, head="drowsy", min_quality=limits.min_quality, needs="vision"))
    return policies


def frame_policies(limits: Limits) -> list[Watch | HeadWatch]:
    """The rules over the readings of each frame."""
    gap_s = limits.vision_max_gap_s

    def watch(rule: Rule, *names: str, track: Callable[[], Tracker]) -> Watch:
        return Watch(
            rule, track, names=frozenset(names), sense="vision", min_quality=limits.min_quality, max_gap_s=gap_s
        )

    def closed(dwell_s: float) -> Level:
        return Level(
            enter=limits.eyes_closed_enter,
            exit=limits.eyes_closed_exit,
            dwell_s=dwell_s,
            keep_s=limits.eyes_closed_keep_s,
            max_gap_s=gap_s,
            timed=True,
        )

    def perclos() -> ShareOfTime:
        return ShareOfTime(
            above=limits.perclos_closed,
            window_s=limits.perclos_window_s,
            min_cover_s=limits.perclos_min_cover_s,
            enter=limits.perclos_enter,
            exit=limits.perclos_exit,
            max_gap_s=gap_s,
        )

    def yawning() -> Level:
        return Level(
            enter=limits.yawning_enter,
            exit=limits.yawning_exit,
            dwell_s=limits.yawning_s,
            keep_s=limits.yawning_keep_s,
            max_gap_s=gap_s,
            timed=True,
        )

    return [
        watch(EYES_CLOSED, "driver.eyes_closed", FACE, track=lambda: ClosedEyes(limits, limits.eyes_closed_s)),
        watch(SLEEP, "driver.eyes_closed", track=lambda: closed(limits.sleep_s)),
        watch(PERCLOS, "driver.eyes_closed", track=perclos),
        watch(YAWNING, "driver.yawning", track=yawning),
        away_watch(LOOKING_AWAY, limits),
    ]
