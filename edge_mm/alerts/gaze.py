"""Where the head is turned, against how fast the car is.

In: ``driver.head_yaw_deg``, ``driver.head_pitch_deg``, ``driver.face_found`` of one stream; ``vehicle.speed_kmh``. Out:
how far away from the road, as a share of the limits; whether a glance lasts too long. Not here: what is said
(``driver``), glances added up and stages (``attention``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from edge_mm.alerts.hold import ns
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule, Tracker
from edge_mm.alerts.watch import Watch
from edge_mm.types import Condition, Observation, PolicyInput

FACE = "driver.face_found"
YAW, PITCH = "driver.head_yaw_deg", "driver.head_pitch_deg"
GAZE = (YAW, PITCH, FACE)
SPEED = "vehicle.speed_kmh"


class Gaze:
    """How far the head is turned away, 1 at the limit, frame by frame.

    Yaw and pitch of one frame carry the same time and are judged together, so that going from the mirror to the lap
    is one long glance. A face that is lost while the head was turned away was turned further: the glance goes on.
    """

    __slots__ = ("_frame", "_limits", "_ratio")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frame: dict[str, Observation] = {}
        self._ratio = 0.0

    def read(self, reading: Observation) -> tuple[int, float] | None:
        """Take an angle, or whether there is a face; gives time and share where a frame is complete.

        A frame without its other angle is judged by the next frame.
        """
        if reading.name == FACE:
            return (reading.t_ns, self._ratio) if reading.value < 0.5 and self._ratio >= 1.0 else None
        judged = None
        if self._frame and any(one.t_ns != reading.t_ns for one in self._frame.values()):
            judged = self._close()
        self._frame[reading.name] = reading
        return self._close() if len(self._frame) == 2 else judged

    def _close(self) -> tuple[int, float]:
        limits = self._limits
        t_ns = 0
        self._ratio = 0.0
        for name, one in self._frame.items():
            neutral, limit = (
                (limits.neutral_yaw_deg, limits.away_yaw_deg)
                if name == YAW
                else (limits.neutral_pitch_deg, limits.away_pitch_deg)
            )
            self._ratio = max(self._ratio, abs(one.value - neutral) / limit)
            t_ns = one.t_ns
        self._frame = {}
        return t_ns, self._ratio


class Speed:
    """The newest speed of the vehicle. One that is old, or none, is unknown."""

    __slots__ = ("_age_ns", "_kmh", "_t_ns")

    def __init__(self, max_age_s: float) -> None:
        self._age_ns = ns(max_age_s)
        self._kmh = 0.0
        self._t_ns: int | None = None

    def take(self, reading: Observation) -> None:
        """A car said how fast it is."""
        if self._t_ns is None or reading.t_ns >= self._t_ns or self._t_ns - reading.t_ns > self._age_ns:
            self._kmh, self._t_ns = reading.value, reading.t_ns

    def at(self, t_ns: int) -> float | None:
        """Speed at a time, km/h."""
        return self._kmh if self._t_ns is not None and abs(t_ns - self._t_ns) <= self._age_ns else None


class Road:
    """How far away from the road, and how long a glance may last: by speed where there is one to be heard.

    By speed, a slow car allows longer glances and a car that stands any; where the speed is unknown, nothing is said.
    """

    __slots__ = ("_gaze", "_limits", "_speed", "dwell_s", "kmh")

    def __init__(self, limits: Limits, speed: Speed | None = None) -> None:
        self._limits = limits
        self._gaze = Gaze(limits)
        self._speed = speed
        self.kmh: float | None = None
        self.dwell_s = limits.away_s

    @property
    def by_speed(self) -> bool:
        """Whether it depends on how fast the car is."""
        return self._speed is not None

    def read(self, reading: Observation) -> tuple[int, float] | None:
        """As ``Gaze.read``; ``dwell_s`` and ``kmh`` are then those of its time."""
        judged = self._gaze.read(reading)
        if judged is None or self._speed is None:
            return judged
        t_ns, ratio = judged
        kmh, limits = self._speed.at(t_ns), self._limits
        if kmh is None:
            return None
        self.kmh = kmh
        if kmh < limits.away_slow_kmh:
            return t_ns, 0.0
        self.dwell_s = limits.away_s if kmh > limits.away_fast_kmh else limits.away_slow_s
        return t_ns, ratio

    def standing(self, t_ns: int) -> bool:
        """Whether the car is so slow that nobody has to look ahead."""
        kmh = None if self._speed is None else self._speed.at(t_ns)
        return kmh is not None and kmh < self._limits.away_slow_kmh


class Away:
    """Tracker: the head is turned beyond a limit of yaw or of pitch."""

    def __init__(self, limits: Limits, speed: Speed | None = None) -> None:
        self._road = Road(limits, speed)
        self._level = Level(
            enter=1.0,
            exit=limits.away_exit_ratio,
            dwell_s=limits.away_s,
            keep_s=limits.away_keep_s,
            max_gap_s=limits.vision_max_gap_s,
            timed=True,
        )
        self.hold = self._level.hold

    def read(self, reading: Observation) -> None:
        """Take an angle, or whether there is a face."""
        if (judged := self._road.read(reading)) is not None:
            self._level.wait(self._road.dwell_s)
            self._level.read_value(*judged)

    def measured(self) -> Measured:
        """How long, and the limit; by speed also how fast."""
        measured = self._level.measured()
        if not self._road.by_speed:
            return measured
        return replace(measured, params={**measured.params, "kmh": round(self._road.kmh or 0.0, 1)})


class SpeedWatch(Watch):
    """A watch over a camera that also hears how fast the car is, from whatever stream says it."""

    def __init__(self, rule: Rule, limits: Limits, track: Callable[[Speed], Tracker], names: Iterable[str]) -> None:
        speed = self._speed = Speed(limits.speed_max_age_s)
        super().__init__(
            rule,
            lambda: track(speed),
            names=frozenset((*names, SPEED)),
            sense="vision",
            min_quality=limits.min_quality,
            max_gap_s=limits.vision_max_gap_s,
        )

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event."""
        if isinstance(event, Observation) and event.name == SPEED:
            self._speed.take(event)
            return ()
        return super().update(event)


def road_watch(rule: Rule, limits: Limits, track: Callable[[Limits, Speed | None], Tracker], *names: str) -> Watch:
    """A rule about looking at the road, by speed where the numbers say so."""
    if limits.away_by_speed:
        return SpeedWatch(rule, limits, lambda speed: track(limits, speed), names)
    return Watch(
        rule,
        lambda: track(limits, None),
        names=frozenset(names),
        sense="vision",
        min_quality=limits.min_quality,
        max_gap_s=limits.vision_max_gap_s,
    )


def away_watch(rule: Rule, limits: Limits) -> Watch:
    """Looking away, by speed where the numbers say so."""
    if limits.away_by_speed:
        rule = replace(rule, raised=f"{rule.raised} at {{kmh:.0f}} km/h")
    return road_watch(rule, limits, Away, *GAZE)
