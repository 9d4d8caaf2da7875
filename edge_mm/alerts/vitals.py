"""Rules about the heart: rate, rhythm, ventricular beats.

In: ``vitals.heart_rate_bpm``, ``vitals.respiration_rate_bpm``, ``vitals.rhythm_irregular`` and ``vitals.beat``
observations. Out: policies, one per kind of alert. Not here: the numbers and their sources (``limits``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from edge_mm.alerts.hold import Hold, ns, seconds_between
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule, Tracker
from edge_mm.alerts.watch import Watch
from edge_mm.alerts.windows import CountOf
from edge_mm.types import NS_PER_S, Observation

HEART_RATE_LOW = Rule(
    kind="health.heart_rate_low",
    priority="medium",
    code="heart_rate_below",
    raised="heart rate {value:.0f} bpm, at or below {limit:g} bpm for {seconds:.0f} s",
    cleared="heart rate {value:.0f} bpm, above the limit of {limit:g} bpm again",
    unit="bpm",
)
HEART_RATE_HIGH = Rule(
    kind="health.heart_rate_high",
    priority="medium",
    code="heart_rate_above",
    raised="heart rate {value:.0f} bpm, at or above {limit:g} bpm for {seconds:.0f} s",
    cleared="heart rate {value:.0f} bpm, below the limit of {limit:g} bpm again",
    unit="bpm",
)
RESPIRATION_LOW = Rule(
    kind="health.respiration_low",
    priority="low",  # read from the heartbeat, not from the chest
    code="respiration_below",
    raised="breathing {value:.0f} times a minute, at or below {limit:g} for {seconds:.0f} s",
    cleared="breathing {value:.0f} times a minute, above the limit of {limit:g} again",
    unit="bpm",
)
RESPIRATION_HIGH = Rule(
    kind="health.respiration_high",
    priority="low",
    code="respiration_above",
    raised="breathing {value:.0f} times a minute, at or above {limit:g} for {seconds:.0f} s",
    cleared="breathing {value:.0f} times a minute, below the limit of {limit:g} again",
    unit="bpm",
)
IRREGULAR_RHYTHM = Rule(
    kind="health.irregular_rhythm",
    priority="medium",
    code="rhythm_irregular_for",
    raised="irregular heart rhythm for {seconds:.0f} s (limit {limit:g} s)",
    cleared="heart rhythm regular again for {seconds:.0f} s",
    unit="s",
)
VENTRICULAR_BEATS = Rule(
    kind="health.ventricular_beats",
    priority="medium",
    code="ventricular_beats_within",
    raised="{value:g} ventricular (or fusion) beats within {window:g} s (alert from {limit:g})",
    cleared="{value:g} ventricular beats within the last {window:g} s, below the limit of {limit:g} again",
    unit="1",
)
VENTRICULAR_RUN = Rule(
    kind="health.ventricular_run",
    priority="high",
    code="ventricular_beats_in_a_row",
    raised="{value:g} ventricular beats in a row at {bpm:.0f} bpm (limit {limit:g} beats at {limit_bpm:g} bpm)",
    cleared="no run of ventricular beats for {seconds:.0f} s",
    unit="1",
)


class RunOfBeats:
    """Tracker: ventricular beats in a row, each soon after the one before.

    Beats without a class (of a pulse sensor) say nothing. Over when beats have come for ``keep_s`` without a gap and
    without such a run.
    """

    __slots__ = ("_beats", "_bpm", "_rr_ns", "_run", "hold")

    def __init__(self, *, beats: int, bpm: float, keep_s: float, max_gap_s: float) -> None:
        self._beats = beats
        self._bpm = bpm
        self._rr_ns = ns(60.0 / bpm)
        self._run: deque[int] = deque(maxlen=beats)
        self.hold = Hold(dwell_s=0.0, keep_s=keep_s, max_gap_s=max_gap_s)

    def read(self, reading: Observation) -> None:
        """Take a beat; one older than the last is ignored."""
        t_ns = reading.t_ns
        last = self.hold.last_ns
        if not reading.label or (last is not None and t_ns < last):
            return
        if reading.label != "V" or (self._run and t_ns - self._run[-1] > self._rr_ns):
            self._run.clear()
        if reading.label == "V":
            self._run.append(t_ns)
        enough = len(self._run) >= self._beats
        if self.hold.read(t_ns, enters=enough, leaves=not enough) and self.hold.told:
            self.hold.onset_ns = self._run[0]

    def measured(self) -> Measured:
        """Beats in a row and the limit."""
        hold, count = self.hold, len(self._run)
        span_ns = self._run[-1] - self._run[0] if count > 1 else 0
        since_ns, last_ns = hold.calm_ns, hold.last_ns
        params: dict[str, float | str] = {
            "value": count,
            "limit": self._beats,
            "bpm": round(60.0 * NS_PER_S * (count - 1) / span_ns, 1) if span_ns else 0.0,
            "limit_bpm": self._bpm,
            "seconds": 0.0 if since_ns is None or last_ns is None else seconds_between(since_ns, last_ns),
        }
        return Measured(float(count), float(self._beats), params)


def vitals_policies(limits: Limits) -> list[Watch]:
    """One policy per rule."""

    def watch(rule: Rule, name: str, track: Callable[[], Tracker]) -> Watch:
        return Watch(
            rule, track, names=frozenset({name}), sense="physio", min_quality=limits.min_quality,
            max_gap_s=limits.vitals_max_gap_s,
        )  # fmt: skip

    def heart_rate(enter: float, exit: float, *, below: bool) -> Level:
        return Level(
            enter=enter,
            exit=exit,
            dwell_s=limits.heart_rate_s,
            keep_s=limits.heart_rate_keep_s,
            max_gap_s=limits.vitals_max_gap_s,
            below=below,
        )

    def respiration(enter: float, exit: float, *, below: bool) -> Watch:
        level = partial(
            Level, enter=enter, exit=exit, dwell_s=limits.respiration_s, keep_s=limits.respiration_keep_s,
            max_gap_s=limits.respiration_max_gap_s, below=below,
        )  # fmt: skip
        return Watch(
            RESPIRATION_LOW if below else RESPIRATION_HIGH, level, names=frozenset({"vitals.respiration_rate_bpm"}),
            sense="physio", min_quality=limits.respiration_min_quality, max_gap_s=limits.respiration_max_gap_s,
        )  # fmt: skip

    def irregular() -> Level:
        return Level(
            enter=limits.irregular_enter,
            exit=limits.irregular_exit,
            dwell_s=limits.irregular_s,
            keep_s=limits.irregular_keep_s,
            max_gap_s=limits.irregular_max_gap_s,
            timed=True,
        )

    def ventricular() -> CountOf:
        return CountOf(
            label="V",
            window_s=limits.ventricular_window_s,
            enter=limits.ventricular_count,
            exit=limits.ventricular_exit_count,
            keep_s=limits.ventricular_keep_s,
            max_gap_s=limits.vitals_max_gap_s,
        )

    def run() -> RunOfBeats:
        return RunOfBeats(
            beats=limits.ventricular_run_beats,
            bpm=limits.ventricular_run_bpm,
            keep_s=limits.ventricular_run_keep_s,
            max_gap_s=limits.vitals_max_gap_s,
        )

    low, low_exit = limits.heart_rate_low_bpm, limits.heart_rate_low_exit_bpm
    high, high_exit = limits.heart_rate_high_bpm, limits.heart_rate_high_exit_bpm
    return [
        watch(HEART_RATE_LOW, "vitals.heart_rate_bpm", lambda: heart_rate(low, low_exit, below=True)),
        watch(HEART_RATE_HIGH, "vitals.heart_rate_bpm", lambda: heart_rate(high, high_exit, below=False)),
        respiration(limits.respiration_low_bpm, limits.respiration_low_exit_bpm, below=True),
        respiration(limits.respiration_high_bpm, limits.respiration_high_exit_bpm, below=False),
        Watch(
            IRREGULAR_RHYTHM,
            irregular,
            names=frozenset({"vitals.rhythm_irregular"}),
            sense="physio",
            min_quality=limits.irregular_min_quality,
            max_gap_s=limits.irregular_max_gap_s,
        ),
        watch(VENTRICULAR_BEATS, "vitals.beat", ventricular),
        watch(VENTRICULAR_RUN, "vitals.beat", run),
    ]
