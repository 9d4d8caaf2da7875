"""Closed eyes on one camera, also where the face goes away with them closed.

In: ``driver.eyes_closed`` and ``driver.face_found`` of one stream. Out: whether they have been closed for long enough.
Not here: the numbers, what is said.
"""

from __future__ import annotations

from dataclasses import replace

from edge_mm.alerts.hold import SLACK_NS, ns
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured
from edge_mm.types import Observation

LOST = "the face was lost with the eyes closed: the alarm stays until it is acknowledged"


class ClosedEyes:
    """Tracker: eyes closed. Who slumps takes the face away with closed eyes, so the time counts on without a face.

    That needs eyes that were closed for ``face_lost_closed_s`` when the face went, and pictures that are good: a camera
    that is covered says nothing. An alarm whose face has been away for ``face_lost_s`` is latched.
    """

    __slots__ = ("_closed", "_least_ns", "_level", "_lost_ns", "_lost_s_ns", "hold")

    def __init__(self, limits: Limits, dwell_s: float) -> None:
        self._level = Level(
            enter=limits.eyes_closed_enter,
            exit=limits.eyes_closed_exit,
            dwell_s=dwell_s,
            keep_s=limits.eyes_closed_keep_s,
            max_gap_s=limits.vision_max_gap_s,
            timed=True,
        )
        self.hold = self._level.hold
        self._least_ns = ns(limits.face_lost_closed_s) - SLACK_NS
        self._lost_s_ns = ns(limits.face_lost_s) - SLACK_NS
        self._closed = 0.0
        self._lost_ns: int | None = None

    def read(self, reading: Observation) -> None:
        """Take how closed the eyes are, or whether there is a face."""
        hold = self.hold
        if reading.name != "driver.face_found":
            self._lost_ns = None
            self._closed = reading.value
            self._level.read_value(reading.t_ns, reading.value)
            return
        if reading.value >= 0.5 or hold.last_ns is None or hold.onset_ns is None or hold.calm_ns is not None:
            return
        if self._lost_ns is None:
            if hold.last_ns - hold.onset_ns < self._least_ns:
                return
            self._lost_ns = reading.t_ns
        self._level.read_value(reading.t_ns, max(self._closed, self._level.enter))

    @property
    def slumped(self) -> bool:
        """Whether the face has been away for long enough since the eyes were closed."""
        last = self.hold.last_ns
        return self._lost_ns is not None and last is not None and last - self._lost_ns >= self._lost_s_ns

    def measured(self) -> Measured:
        """How long, and the limit."""
        measured = self._level.measured()
        return replace(measured, latch=LOST) if self.hold.told and self.slumped else measured
