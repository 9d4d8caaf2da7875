"""Rules about how a driver's attention is spread: glances added up, stages, no answer, nobody there.

In: what the camera reads of each frame. Out: policies for the kinds that ``enabled`` or a preset asks for. Not here:
one long glance (``driver``), the numbers and their sources (``numbers_attention``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from edge_mm.alerts.eyes import LOST, ClosedEyes
from edge_mm.alerts.gaze import FACE, GAZE, Gaze, Road, Speed, road_watch
from edge_mm.alerts.hold import SLACK_NS, Hold, ns, seconds_between
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule, Tracker
from edge_mm.alerts.watch import Watch
from edge_mm.alerts.windows import SumOfTime
from edge_mm.kinds import Priority
from edge_mm.types import Observation

EYES = "driver.eyes_closed"
GLANCING_AWAY = Rule(
    kind="driver.glancing_away",
    priority="medium",
    code="glances_away_within",
    raised="looking away for {value:.1f} s of the last {window:g} s (limit {limit:g} s)",
    cleared="looking away for {value:.1f} s of the last {window:g} s, below the limit of {limit:g} s again",
    unit="s",
)
UNRESPONSIVE = Rule(
    kind="driver.unresponsive",
    priority="high",
    code="unresponsive_for",
    raised="no answer: {what} (limit {limit:g} s)",
    cleared="looking ahead again with open eyes",
    unit="s",
)
NOT_VISIBLE = Rule(
    kind="driver.not_visible",
    priority="medium",
    code="face_not_found_for",
    raised="no face in good pictures for {seconds:.0f} s (limit {limit:g} s): an empty seat, or the camera looks past",
    cleared="a face is seen again",
    unit="s",
    category="technical",  # it says nothing of how a person is
)
_STAGES: tuple[Priority, ...] = ("low", "medium", "high")


def stage(number: int) -> Rule:
    """The rule of one stage of distraction, 1 to 3."""
    return Rule(
        kind="driver.distracted",
        priority=_STAGES[number - 1],
        code="distracted_for",
        raised=f"distracted for {{seconds:.1f}} s (stage {number}, limit {{limit:g}} s)",
        cleared="attentive again for {seconds:.1f} s",
        unit="s",
        key=f"driver.distracted/{number}",
    )


class Glances:
    """Tracker: seconds of looking away, added up over a sliding window."""

    def __init__(self, limits: Limits, speed: Speed | None = None) -> None:
        self._road = Road(limits, speed)
        self._sum = _added_up(limits)
        self.hold = self._sum.hold

    def read(self, reading: Observation) -> None:
        """Take an angle, or whether there is a face."""
        if (judged := self._road.read(reading)) is not None:
            self._sum.read_value(*judged)

    def measured(self) -> Measured:
        """Seconds and limit."""
        return self._sum.measured()


def _added_up(limits: Limits) -> SumOfTime:
    return SumOfTime(
        above=1.0,
        window_s=limits.glances_window_s,
        enter_s=limits.glances_s,
        exit_s=limits.glances_exit_s,
        max_gap_s=limits.vision_max_gap_s,
    )


class Distracted:
    """Tracker: the head turned away or the eyes closed, one after the other or together."""

    def __init__(self, limits: Limits, dwell_s: float) -> None:
        self._limits = limits
        self._gaze = Gaze(limits)
        self._closed: Observation | None = None
        self._level = Level(
            enter=1.0,
            exit=0.5,
            dwell_s=dwell_s,
            keep_s=limits.distracted_keep_s,
            max_gap_s=limits.vision_max_gap_s,
            timed=True,
        )
        self.hold = self._level.hold

    def read(self, reading: Observation) -> None:
        """Take an angle, whether there is a face, or how closed the eyes are; a frame's angles come last."""
        if reading.name == EYES:
            self._closed = reading
            return
        if (judged := self._gaze.read(reading)) is None:
            return
        t_ns, ratio = judged
        limits, closed = self._limits, 0.0
        # What began with closed eyes is not over while they cannot be read; before that, it is not known to begin.
        if self._closed is not None and (self._closed.t_ns == t_ns or self.hold.told):
            closed = self._closed.value
        if ratio >= 1.0 or closed >= limits.eyes_closed_enter:
            state = 1.0
        else:
            state = 0.0 if ratio < limits.away_exit_ratio and closed < limits.eyes_closed_exit else 0.75
        self._level.read_value(t_ns, state)

    def measured(self) -> Measured:
        """How long, and the limit."""
        return self._level.measured()


class Unresponsive:
    """Tracker: the gaze has not come back ``unresponsive_s`` after a warning, or the eyes are closed for longer still.

    The warnings are those of one long glance and of glances added up. By speed, who stands needs no answer, and without
    a speed the gaze is not judged; the eyes are.
    """

    def __init__(self, limits: Limits, speed: Speed | None = None) -> None:
        self._limits = limits
        self._road = Road(limits, speed)
        self._away = Level(
            enter=1.0,
            exit=limits.away_exit_ratio,
            dwell_s=limits.away_s,
            keep_s=0.0,
            max_gap_s=limits.vision_max_gap_s,
        )
        self._sum = _added_up(limits)
        self._eyes = ClosedEyes(limits, limits.unresponsive_eyes_s)
        self._warned_ns: int | None = None
        self._wait_ns = ns(limits.unresponsive_s) - SLACK_NS
        self._by_eyes = self._gone = False
        self.hold = Hold(dwell_s=0.0, keep_s=limits.away_keep_s, max_gap_s=limits.vision_max_gap_s)

    def read(self, reading: Observation) -> None:
        """Take what the camera says."""
        if reading.name in (EYES, FACE):
            self._eyes.read(reading)
        standing = self._road.standing(reading.t_ns)
        if reading.name != EYES and (judged := self._road.read(reading)) is not None:
            self._sum.read_value(*judged)
            self._glance(*judged)
            # only now: until a frame's angles have come it is not known whether the gaze is back
            self._gone = self._warned_ns is not None and reading.t_ns - self._warned_ns >= self._wait_ns
        last = self._eyes.hold.last_ns if reading.name == EYES else reading.t_ns
        asleep = bool(self._eyes.hold.told) and not standing
        gone = self._gone and not standing
        if last is None or not (asleep or gone or self.hold.told or reading.name != FACE):  # a face says neither
            return
        self._by_eyes = asleep
        over = not (asleep or gone) and (standing or self.hold.told is not None or self._answers())
        if self.hold.read(reading.t_ns, enters=asleep or gone, leaves=over) and self.hold.told:
            self.hold.onset_ns = self._eyes.hold.onset_ns if asleep else self._away.hold.onset_ns or self._warned_ns

    def _answers(self) -> bool:
        """Asked until something was said: an alarm of before a restart ends with a gaze that was seen to be ahead.

        Closed eyes or a glance that may just be beginning may as well have been going on since then.
        """
        ahead = self._away.hold.last_ns is not None and self._away.hold.onset_ns is None
        return ahead and self._eyes.hold.onset_ns is None

    def _glance(self, t_ns: int, ratio: float) -> None:
        self._away.wait(self._road.dwell_s)
        self._away.read_value(t_ns, ratio)
        if ratio < self._limits.away_exit_ratio:
            self._warned_ns = None
        elif self._warned_ns is None and ratio >= 1.0 and (self._away.hold.told or self._sum.hold.told):
            self._warned_ns = t_ns

    def measured(self) -> Measured:
        """Which of both, how long, and the limit."""
        limits, last = self._limits, self.hold.last_ns
        if self._by_eyes:
            limit, start, words = limits.unresponsive_eyes_s, self._eyes.hold.onset_ns, "eyes closed for"
        else:
            limit, start, words = (
                limits.unresponsive_s,
                self._warned_ns,
                "the gaze did not come back after the warning,",
            )
        seconds = 0.0 if start is None or last is None else seconds_between(start, last)
        latch = LOST if self._by_eyes and self._eyes.slumped else ""
        params: dict[str, float | str] = {"seconds": seconds, "limit": limit, "what": f"{words} {seconds:.1f} s"}
        return Measured(seconds, limit, params, latch)


def attention_policies(limits: Limits) -> Iterator[Watch]:
    """One policy for each rule (three for the stages)."""

    def watch(rule: Rule, track: Callable[[], Tracker], *names: str) -> Watch:
        return Watch(
            rule, track, names=frozenset(names), sense="vision", min_quality=limits.min_quality,
            max_gap_s=limits.vision_max_gap_s,
        )  # fmt: skip

    def absent() -> Level:
        return Level(
            enter=0.5,
            exit=0.5000001,
            dwell_s=limits.not_visible_s,
            keep_s=limits.not_visible_keep_s,
            max_gap_s=limits.vision_max_gap_s,
            below=True,
            timed=True,
        )

    yield road_watch(GLANCING_AWAY, limits, Glances, *GAZE)
    yield road_watch(UNRESPONSIVE, limits, Unresponsive, EYES, *GAZE)
    for number, dwell_s in enumerate((limits.distracted_1_s, limits.distracted_2_s, limits.distracted_3_s), start=1):
        yield watch(stage(number), partial(Distracted, limits, dwell_s), EYES, *GAZE)
    yield watch(NOT_VISIBLE, absent, FACE)
