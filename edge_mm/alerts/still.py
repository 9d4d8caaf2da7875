"""A fall after which nobody moves.

In: ``motion.fall`` and ``motion.activity_g`` of one stream. Out: a policy for ``motion.fall_no_movement``. A sensor
that is stuck or taken off gives no activity of good quality and raises nothing: that is ``sensor.unusable``. One that
was taken off and lies on a table looks like a person who lies still. Not here: the fall itself (``wrist``).
"""

from __future__ import annotations

from edge_mm.alerts.hold import Hold, ns, seconds_between
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule
from edge_mm.alerts.watch import Watch
from edge_mm.types import Observation

FALL, ACTIVITY = "motion.fall", "motion.activity_g"
RULE = Rule(
    kind="motion.fall_no_movement",
    priority="high",
    code="no_movement_after_fall_for",
    raised="a fall, then no movement for {seconds:.0f} s (limit {limit:g} s)",
    cleared="moving again after the fall, for {seconds:.0f} s",
    unit="s",
)
GAP_S = 5.0
"""Activity is said every second."""


class Still:
    """Tracker: an impact judged a fall, and stillness that begins soon after it."""

    __slots__ = ("_fell_ns", "_limits", "_within_ns", "hold")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fell_ns: int | None = None
        self._within_ns = ns(limits.fall_no_movement_within_s)
        self.hold = Hold(dwell_s=limits.fall_no_movement_s, keep_s=limits.fall_no_movement_keep_s, max_gap_s=GAP_S)

    def read(self, reading: Observation) -> None:
        """Take an impact, or how much somebody moves."""
        limits, hold = self._limits, self.hold
        if reading.name == FALL:
            if reading.value >= limits.fall_enter:
                self._fell_ns = reading.t_ns
            return
        fell_ns, t_ns = self._fell_ns, reading.t_ns
        if fell_ns is not None and hold.onset_ns is None and t_ns - fell_ns > self._within_ns:
            fell_ns = self._fell_ns = None
        after = fell_ns is not None and t_ns > fell_ns
        still = reading.value < limits.fall_no_movement_g
        # Until something was said, somebody may lie there since before a restart: then only movement is an end.
        over = reading.value >= limits.fall_no_movement_moves_g or (not after and hold.told is not None)
        hold.read(t_ns, enters=after and still, leaves=over)

    def measured(self) -> Measured:
        """How long nobody has moved, or moves again."""
        hold = self.hold
        start, last = hold.onset_ns if hold.told else hold.calm_ns, hold.last_ns
        seconds = 0.0 if start is None or last is None else seconds_between(start, last)
        limit = self._limits.fall_no_movement_s
        return Measured(seconds if hold.told else 0.0, limit, {"seconds": seconds, "limit": limit})


def still_policy(limits: Limits) -> Watch:
    """The policy."""
    return Watch(
        RULE, lambda: Still(limits), names=frozenset((FALL, ACTIVITY)), sense="motion",
        min_quality=limits.min_quality, max_gap_s=GAP_S,
    )  # fmt: skip
