"""Skin conductance, temperature and heart beats as steps of 10 s.

In: means of whole seconds (``skin_seconds``), and intervals between beats. Out: the table of the last ten minutes that
``skin_stress`` reads. Steps lie on an absolute grid of the clock (second // 10). Not here: samples,
features.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edge_mm.perception.skin_stress import COLUMNS, STEP_S, STEPS, Table

MIN_BEATS = 3
"""Beats in a step from which it has a rate."""
VARIED_S, VARIED_BEATS = 60, 10
"""Successive differences of so many beats in the last minute give the variability."""
NO_CONTACT_US = 0.05
"""Below this the electrodes touch nothing (Kleckner et al. 2018, doi:10.1109/TBME.2017.2758643)."""
MIN_SHARE = 0.5


SLOPE_US = 10.0
"""A change of more than this from one second to the next is the electrode, not the skin (same source)."""
BELIEVED = {"conductance": (NO_CONTACT_US, 100.0), "temperature": (5.0, 45.0)}
"""uS and degC; a wrist is colder than the body, and in the cold much colder."""
_KEPT_S = 10 * STEP_S


class Beat(NamedTuple):
    """An interval that was heard."""

    at_s: float
    rr_s: float


class Steps:
    """The last ten minutes."""

    def __init__(self) -> None:
        self.rates_hz = {"conductance": 1.0, "temperature": 1.0}
        """Values per second that there should be, where there is less than one."""
        self._rows: deque[Table] = deque(maxlen=STEPS)
        self._beats: deque[Beat] = deque(maxlen=1024)
        self._seconds: dict[str, dict[int, float]] = {"conductance": {}, "temperature": {}}
        self._next: int | None = None

    def hear(self, beat: Beat) -> None:
        """Take an interval; a step back of the clock forgets those before."""
        if self._beats and beat.at_s < self._beats[-1].at_s - VARIED_S:
            self._beats.clear()
        self._beats.append(beat)

    def put(self, name: str, number: int, value: float) -> None:
        """Take a second.

        Args:
            name: ``conductance`` or ``temperature``.
            number: its start in seconds of the clock.
            value: NaN where there is none to be believed.
        """
        seconds = self._seconds[name]
        newest = max(seconds, default=number)
        if number < newest:  # the clock stepped back
            self._rows.clear()
            self._next = None
            for kept in self._seconds.values():
                kept.clear()
        seconds[number] = value
        for old in [second for second in seconds if second < number - _KEPT_S]:
            del seconds[old]
        if self._next is not None and number // STEP_S - self._next > STEPS:  # a pause longer than the table
            self._rows.clear()
            self._next = None
        if self._next is None:
            self._next = number // STEP_S

    def close(self, until_s: int) -> Iterator[int]:
        """Close what ends at ``until_s`` or before; gives each step's number when ``table`` ends with it."""
        if self._next is None:
            return
        target = until_s // STEP_S
        while self._next < target:
            self._rows.append(self._row(self._next))
            self._next += 1
            yield self._next - 1

    def table(self) -> Table | None:
        """(STEPS, 5); None before ten minutes are full: a shorter one would say how long it has been running."""
        return np.stack(self._rows) if len(self._rows) == STEPS else None

    def _row(self, step: int) -> Table:
        row = np.full(len(COLUMNS), np.nan)
        row[0], row[1] = self._heart((step + 1) * STEP_S)
        row[2], row[3] = self._skin(step * STEP_S)
        degrees = self._values("temperature", step * STEP_S, STEP_S)
        if len(degrees) >= self._needed("temperature"):
            row[4] = np.mean(degrees)
        return row

    def _heart(self, end_s: float) -> tuple[float, float]:
        recent = np.array([beat for beat in self._beats if end_s - VARIED_S <= beat.at_s < end_s]).reshape(-1, 2)
        inside = recent[recent[:, 0] >= end_s - STEP_S, 1]
        rate = 60.0 / float(np.median(inside)) if len(inside) >= MIN_BEATS else np.nan
        apart, change = np.diff(recent[:, 0]), np.abs(np.diff(recent[:, 1]))
        change = change[apart < 1.5 * recent[1:, 1]]  # only of beats that follow each other
        varied = np.log(float(np.median(change)) + 0.005) if len(change) >= VARIED_BEATS else np.nan
        return rate, float(varied)

    def _skin(self, start_s: int) -> tuple[float, float]:
        known = self._values("conductance", start_s, STEP_S)
        if len(known) < self._needed("conductance"):
            return np.nan, np.nan
        level = float(np.mean(np.log(known)))
        joined = np.concatenate((self._values("conductance", start_s - 1, 1), known))
        rises = float(np.clip(np.diff(joined), 0.0, None).sum()) / float(np.exp(level))
        return level, float(np.log(rises + 1e-3))

    def _values(self, name: str, start_s: int, count: int) -> Table:
        """Those of ``count`` seconds that are known."""
        seconds = self._seconds[name]
        known = [seconds[number] for number in range(start_s, start_s + count) if number in seconds]
        return np.array([value for value in known if np.isfinite(value)], np.float64)

    def _needed(self, name: str) -> int:
        return max(1, round(MIN_SHARE * STEP_S * min(self.rates_hz[name], 1.0)))


def believed(name: str, value: float, before: float) -> str:
    """Why a second's mean is not to be believed, or nothing.

    Args:
        name: ``conductance`` or ``temperature``.
        value: in uS or degC.
        before: of the second before, NaN if unknown.
    """
    low, high = BELIEVED[name]
    if not np.isfinite(value):
        return "missing"
    if value < low:
        return "no contact" if name == "conductance" else "too cold to be skin"
    if value > high:
        return "out of range"
    if name == "conductance" and abs(value - before) > SLOPE_US:
        return "jumps"
    return ""
