"""Heart rate variability: the usual table of numbers from intervals between beats.

In: intervals between successive normal beats, seconds. Out: ``Hrv``. Definitions, bands and names are those of the Task
Force of the European Society of Cardiology (Circulation 1996;93:1043, doi:10.1161/01.CIR.93.5.1043); SD1 and SD2 are
Brennan's (2001, doi:10.1109/10.959330). Not here: finding beats, telling normal ones from others by their shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SHORTEST_S, LONGEST_S = 0.3, 2.0
"""Intervals outside are no beats next to each other: 200 and 30 bpm."""
ECTOPIC = 0.2
"""An interval further than this share from the median of the five around it is left out (Malik 1989's 20 %)."""
LF_HZ, HF_HZ = (0.04, 0.15), (0.15, 0.4)
"""Low and high frequency bands, Hz."""
SPECTRUM_S = 120.0
"""Shorter recordings have no low frequency: the Task Force asks for 2 minutes."""
FEWEST = 3


class Hrv(NamedTuple):
    """Heart rate variability; NaN where there is too little to say it."""

    intervals: int
    """Normal intervals that were used."""
    heart_rate_bpm: float
    """60 over the mean interval."""
    mean_nn_ms: float
    """Mean interval."""
    sdnn_ms: float
    """Standard deviation of the intervals."""
    rmssd_ms: float
    """Root of the mean square of successive differences."""
    pnn50_percent: float
    """Share of successive differences above 50 ms."""
    sd1_ms: float
    """Width of the Poincare plot."""
    sd2_ms: float
    """Length of the Poincare plot."""
    lf_ms2: float
    """Power from 0.04 to 0.15 Hz."""
    hf_ms2: float
    """Power from 0.15 to 0.4 Hz."""
    lf_hf: float
    """Ratio of the two."""


def hrv(rr_s: npt.ArrayLike) -> Hrv:
    """The table of a stretch of intervals.

    Args:
        rr_s: (n,) seconds between successive beats; NaN parts stretches. Those that no normal heart has, and early or
            late ones (``ECTOPIC``), are left out together with the differences that touch them.

    Raises:
        ValueError: not a one-dimensional array of numbers.
    """
    rr = np.asarray(rr_s, np.float64)
    if rr.ndim != 1:
        raise ValueError(f"rr_s has shape {rr.shape}; give (n,) seconds between beats")
    normal = normal_intervals(rr)
    nn = 1000.0 * rr[normal]
    nan = float("nan")
    if nn.size < FEWEST:
        return Hrv(int(nn.size), *(nan,) * 10)
    together = normal[:-1] & normal[1:]
    steps = 1000.0 * np.diff(rr)[together]
    mean, sdnn = float(nn.mean()), float(nn.std(ddof=1))
    rmssd = rmssd_ms(rr)
    pnn50 = sd1 = sd2 = nan
    if steps.size >= 2:
        pnn50 = 100.0 * float(np.mean(np.abs(steps) > 50.0))
        sd1 = float(steps.std(ddof=1) / np.sqrt(2.0))
        sd2 = float(np.sqrt(max(0.0, 2.0 * sdnn**2 - sd1**2)))
    low, high = _bands(rr, normal)
    return Hrv(
        int(nn.size), 60_000.0 / mean, mean, sdnn, rmssd, pnn50, sd1, sd2, low, high, low / high if high > 0 else nan
    )


def rmssd_ms(rr_s: Array) -> float:
    """RMSSD of a stretch alone, as in ``hrv``; NaN where fewer than two differences are normal."""
    normal = normal_intervals(rr_s)
    steps = 1000.0 * np.diff(rr_s)[normal[:-1] & normal[1:]]
    return float(np.sqrt(np.mean(steps**2))) if steps.size >= 2 else float("nan")


def normal_intervals(rr_s: Array) -> npt.NDArray[np.bool_]:
    """(n,) which intervals are those of a normal rhythm."""
    with np.errstate(invalid="ignore"):
        possible = (rr_s >= SHORTEST_S) & (rr_s <= LONGEST_S)
    if not possible.any():
        return possible
    filled = np.where(possible, rr_s, np.median(rr_s[possible]))
    padded = np.pad(filled, 2, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    near: npt.NDArray[np.bool_] = np.abs(filled - around) <= ECTOPIC * around
    return possible & near


def _bands(rr: Array, normal: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Power in the two bands, ms^2: Lomb's periodogram (1976, doi:10.1007/BF00648343), which needs no resampling.

    Its scale is that of a density: a wave of intervals with the amplitude A has the power A^2 / 2.
    """
    nan = float("nan")
    times = np.cumsum(np.where(np.isfinite(rr), rr, 0.0))[normal]
    if times.size < FEWEST or times[-1] - times[0] < SPECTRUM_S:
        return nan, nan
    span = float(times[-1] - times[0])
    values = 1000.0 * rr[normal]
    values = values - np.polyval(np.polyfit(times, values, 1), times)
    hz = np.arange(LF_HZ[0], HF_HZ[1], 0.5 / span)
    angle = 2.0 * np.pi * hz[:, None]
    shift = np.arctan2(np.sin(2 * angle * times).sum(1), np.cos(2 * angle * times).sum(1)) / (2 * angle[:, 0])
    phase = angle * (times - shift[:, None])
    cosine, sine = np.cos(phase), np.sin(phase)
    lomb = 0.5 * ((cosine @ values) ** 2 / (cosine**2).sum(1) + (sine @ values) ** 2 / (sine**2).sum(1))
    density = 2.0 * span / times.size * lomb

    def power(band: tuple[float, float]) -> float:
        return float(density[(hz >= band[0]) & (hz < band[1])].sum() * (0.5 / span))

    return power(LF_HZ), power(HF_HZ)
