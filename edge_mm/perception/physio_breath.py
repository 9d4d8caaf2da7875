"""Breaths per minute from what breathing does to beats: their interval, their height and their foot.

In: each beat's time, interval and shape. Out: a rate and how clear it is. Breathing changes the interval (respiratory
sinus arrhythmia), the height (the heart's axis turns; a pulse is smaller on breathing in) and, in PPG, the baseline
(Charlton et al. 2018, doi:10.1109/RBME.2017.2763681, lists the methods). The spectra of all series are added, weighted
by how much each has one peak, and the common peak is the rate: spectral fusion, after Karlen et al. 2013
(doi:10.1109/TBME.2013.2246160), who fuse the rates instead. Not here: beats, filtering.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

WINDOW_S = 60.0
"""Seconds of beats that a rate is read from."""
SHORTEST_S = 32.0
"""Before so many seconds there is no rate: three breaths of the slowest."""
LOW_HZ, HIGH_HZ = 0.1, 0.7
"""6 to 42 breaths per minute; and never faster than half of the heart, which samples it."""
CLEAR = 0.3
"""Below this share of power around the peak nothing is said: the spectrum of noise has about 0.2."""
_RATE_HZ = 4.0
_POINTS = 2048
_NEAR_HZ = 0.04
_LONGEST_RR_S = 2.5


class Breath(NamedTuple):
    """A respiration rate."""

    per_minute: float
    """Breaths per minute."""
    quality: float
    """Share of the spectrum's power within 0.04 Hz of the peak, 0..1."""


class Breathing:
    """The beats of the last minute of one stream."""

    def __init__(self) -> None:
        self._beats: deque[tuple[float, ...]] = deque(maxlen=300)

    def add(self, at_s: float, *modulated: float) -> None:
        """Take a beat: its time in seconds, and what breathing changes of it (interval, height ...)."""
        if self._beats and at_s - self._beats[-1][0] > _LONGEST_RR_S:
            self._beats.clear()  # a gap: what came before says nothing of the phase
        self._beats.append((at_s, *modulated))

    def rate(self, now_s: float) -> Breath | None:
        """The rate at ``now_s``; None while it is not clear."""
        rows = np.array([beat for beat in self._beats if beat[0] > now_s - WINDOW_S])
        if len(rows) < 8 or rows[-1, 0] - rows[0, 0] < SHORTEST_S:
            return None
        return breath(rows[:, 0], rows[:, 1:])


def breath(times_s: Array, modulated: Array) -> Breath | None:
    """Respiration rate from beats.

    Args:
        times_s: (n,) seconds, ascending.
        modulated: (n, k) interval, height ... of each beat, any unit.

    Returns:
        None where no frequency stands out.
    """
    grid = np.arange(times_s[0], times_s[-1], 1.0 / _RATE_HZ)
    hz = np.asarray(np.fft.rfftfreq(_POINTS, 1.0 / _RATE_HZ), np.float64)
    fastest = min(HIGH_HZ, 0.5 / max(float(np.median(np.diff(times_s))), 1e-3))
    inside = (hz >= LOW_HZ) & (hz <= fastest)
    total = np.zeros(int(inside.sum()))
    if total.size < 8 or grid.size < SHORTEST_S:
        return None
    for series in modulated.T:
        middle = np.median(series)
        spread = 1.4826 * float(np.median(np.abs(series - middle)))
        if not spread > 0:
            continue
        tamed = np.clip(series, middle - 4 * spread, middle + 4 * spread)  # an early beat must not ring
        values = np.interp(grid, times_s, tamed)
        line = np.polyfit(grid - grid[0], values, 1)
        values = (values - np.polyval(line, grid - grid[0])) * np.hanning(grid.size)
        power = np.abs(np.fft.rfft(values, _POINTS)[inside]) ** 2
        if power.sum() > 0:
            power /= power.sum()
            total += _near(power, hz[inside]) ** 2 * power
    if not total.sum() > 0:
        return None
    total /= total.sum()
    share = _near(total, hz[inside])
    if share < CLEAR:
        return None
    return Breath(60.0 * float(hz[inside][int(total.argmax())]), min(1.0, share))


def _near(power: Array, hz: Array) -> float:
    """Share of a spectrum within ``_NEAR_HZ`` of its peak; a peak on the lower border is drift, not breath."""
    top = int(power.argmax())
    if top == 0:
        return 0.0
    return float(power[np.abs(hz - hz[top]) <= _NEAR_HZ].sum() / power.sum())
