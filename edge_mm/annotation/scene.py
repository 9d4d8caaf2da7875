"""What is known at one moment of the recording.

In: the monitor's outputs, and what became of the streams, each when its time has come. Out: the newest reading of each
name, the newest Estimate, the alerts that stand and those that are just over. Old things are forgotten, so that an hour
needs no more memory than a minute. Not here: how it looks.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from edge_mm.types import NS_PER_S, Alert, Estimate, Observation, Output, Reply, Status

SPAN_S = 8.0
"""Seconds that the strips show."""
CLEARED_S = 4.0
"""An alert that is over is shown for so long."""
_FRESH_S = {"vision": 0.6, "audio": 2.0, "physio": 6.0}
"""A reading older than this is of the past."""
ESTIMATE_FRESH_S = 10.0
SURE = 0.5
"""From this probability on, a class of sound is named."""
_URGENCY = {"high": 0, "medium": 1, "low": 2}


class Beat(NamedTuple):
    """A beat of the heart."""

    t_ns: int
    """When."""
    label: str
    """``N``, ``S``, ``V``, ``F``; empty for a pulse."""


class Heard(NamedTuple):
    """The likeliest class of sound at one moment."""

    t_ns: int
    """Centre of what was heard."""
    name: str
    """Class; empty where none of those that are asked for was likely."""
    value: float
    """Its probability."""


class Scene:
    """The state of the recording at ``now_ns``."""

    def __init__(self) -> None:
        self.now_ns = self.origin_ns = 0
        """The moment, and the time that is shown as 0: the recording's first."""
        self.estimate: Estimate | None = None
        self.beats: dict[str, deque[Beat]] = {}
        """Stream -> beats of the last ``SPAN_S``."""
        self.heard: dict[str, deque[Heard]] = {}
        """Stream -> the likeliest class of each moment of the last ``SPAN_S``."""
        self.states: dict[str, Status] = {}
        """Stream -> what was last said about it."""
        self.active: dict[str, Alert] = {}
        """Key -> the latest transition of an alert that stands."""
        self.cleared: deque[Alert] = deque()
        self._readings: dict[tuple[str, str], Observation] = {}

    def take(self, what: Output | Status) -> None:
        """Something whose time has come."""
        if isinstance(what, Observation):
            self._reading(what)
        elif isinstance(what, Estimate):
            self.estimate = what
        elif isinstance(what, Status):
            self.states[what.stream] = what
        elif isinstance(what, Reply):
            return
        elif what.state != "cleared":
            self.active[what.key] = what
        elif self.active.pop(what.key, None) is not None:
            self.cleared.append(what)

    def move(self, now_ns: int) -> None:
        """Time goes on: what is out of sight is forgotten."""
        self.now_ns = now_ns
        oldest_ns = now_ns - round(SPAN_S * NS_PER_S)
        for beats in self.beats.values():
            while beats and beats[0].t_ns < oldest_ns:
                beats.popleft()
        for heard in self.heard.values():
            while heard and heard[0].t_ns < oldest_ns:
                heard.popleft()
        while self.cleared and now_ns - self.cleared[0].t_ns > CLEARED_S * NS_PER_S:
            self.cleared.popleft()

    def reading(self, name: str, stream: str) -> Observation | None:
        """The newest reading of a name, if it is of the present."""
        one = self._readings.get((stream, name))
        return one if one is not None and self._fresh(one) else None

    def readings(self, stream: str) -> list[Observation]:
        """Every reading of a stream that is of the present, in the order in which their names first came."""
        return [one for (where, _), one in self._readings.items() if where == stream and self._fresh(one)]

    def standing(self) -> list[Alert]:
        """The alerts that stand, the most urgent first, of these the newest first."""
        return sorted(self.active.values(), key=lambda one: (_URGENCY[one.priority], -one.t_ns))

    def fused(self) -> Estimate | None:
        """The newest Estimate, if it is of the present."""
        one = self.estimate
        return one if one is not None and self.now_ns - one.t_ns <= ESTIMATE_FRESH_S * NS_PER_S else None

    def _fresh(self, one: Observation) -> bool:
        return self.now_ns - one.t_ns <= _FRESH_S[one.source] * NS_PER_S

    def _reading(self, one: Observation) -> None:
        self._readings[one.stream, one.name] = one
        if one.name == "vitals.beat":
            self.beats.setdefault(one.stream, deque()).append(Beat(one.t_ns, one.label))
        elif one.name.startswith("audio."):
            marks = self.heard.setdefault(one.stream, deque())
            name = one.name.removeprefix("audio.")
            likely = name != "other" and one.value >= SURE
            if marks and marks[-1].t_ns == one.t_ns:
                if likely and one.value > marks[-1].value:
                    marks[-1] = Heard(one.t_ns, name, one.value)
            else:
                marks.append(Heard(one.t_ns, name if likely else "", one.value if likely else 0.0))
