"""Impacts, and whether one of them is a fall: an int8 1-D CNN over the 5 s around the peak.

In: rows of 50 Hz: acceleration in g, with gravity or without it, and turning rate in deg/s or nothing. Out: where the
impacts are, and what the net takes of one. Its window is centred on the peak and always 5 s long, so that the length
of a recording says nothing. Gravity is taken out by a moving mean, so a sensor that reports it and one that does not
look alike. Not here: the stream (``motion``), resampling (``motion_grid``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_mm.perception.motion_grid import RATE_HZ, Rows

GRAPH = "motion.fall"
AFTER = round(2.5 * RATE_HZ)
"""Rows after the peak that are waited for."""
LENGTH = 2 * AFTER + 1
CHANNELS = 9
SMOOTH = RATE_HZ // 2
"""Half the moving mean that counts as gravity."""
APART = RATE_HZ
"""An impact is the largest of the rows within a second on either side."""
IMPACT_G = 1.5
"""Acceleration without gravity from which a peak is looked at. In HIFD the weakest of 89 falls reached 2.9 g; half of
the recordings of daily life never reach this."""
EMBEDDING = 16
_ACC_G, _GYRO_DPS = 2.0, 250.0
_FULL = 4.0

Signal = npt.NDArray[np.float32]


def complete(rows: Rows) -> npt.NDArray[np.bool_]:
    """(n,) whether a row has all its values."""
    return np.asarray(np.isfinite(rows).all(axis=1), np.bool_)


def without_gravity(acc: Rows) -> Rows:
    """(n, 3) acceleration less its moving mean over a second; a missing row keeps its neighbour's value and is 0.

    The mean is taken over what is there, so the first and the last half second are less exact.
    """
    there = complete(acc)
    if not there.any():
        return np.zeros_like(acc)
    values = np.where(there[:, None], acc, np.float32(0.0)).astype(np.float64)
    count = np.concatenate(([0.0], np.cumsum(there)))
    sums = np.concatenate((np.zeros((1, 3)), np.cumsum(values, axis=0)))
    at = np.arange(len(acc))
    low, high = np.maximum(at - SMOOTH, 0), np.minimum(at + SMOOTH + 1, len(acc))
    share = np.maximum(count[high] - count[low], 1.0)
    mean = (sums[high] - sums[low]) / share[:, None]
    return np.where(there[:, None], values - mean, 0.0).astype(np.float32)


def impacts(acc: Rows, *, lowest_g: float = IMPACT_G) -> npt.NDArray[np.int64]:
    """Rows of the impacts in ``acc``; none in the first and the last ``APART + SMOOTH`` rows, which are context."""
    margin = APART + SMOOTH
    if len(acc) <= 2 * margin:
        return np.zeros(0, np.int64)
    known = acc[complete(acc)]
    # nothing is further from a mean than the whole range
    if not len(known) or float(np.linalg.norm(np.ptp(known, axis=0))) < lowest_g:
        return np.zeros(0, np.int64)
    size = np.linalg.norm(without_gravity(acc)[SMOOTH : len(acc) - SMOOTH], axis=1)
    inner = size[APART : len(size) - APART]
    if not (inner >= lowest_g).any():
        return np.zeros(0, np.int64)
    around = np.lib.stride_tricks.sliding_window_view(size, 2 * APART + 1)
    # of two rows alike the first counts
    first = np.asarray(around.argmax(axis=1) == APART)
    return np.flatnonzero(first & (inner >= lowest_g)) + margin


def fall_input(acc: Rows, gyro: Rows) -> Signal:
    """What the net takes.

    Args:
        acc: (LENGTH, 3) in g, the impact in the middle; NaN where a row is missing.
        gyro: (LENGTH, 3) in deg/s; NaN where a row is missing, all of them where there is no gyroscope.

    Returns:
        (LENGTH, CHANNELS): acceleration, turning rate, the lengths of both (all through arcsinh, which keeps small
        motions visible beside impacts), and 1 where there is a gyroscope.
    """
    shock = without_gravity(acc)
    there = complete(gyro)
    present = bool(there.mean() >= 0.5)
    turn = np.where(there[:, None], gyro, 0.0) if present else np.zeros_like(gyro)
    out = np.zeros((LENGTH, CHANNELS), np.float32)
    out[:, 0:3] = np.arcsinh(shock * (2.0 / _ACC_G))
    out[:, 3:6] = np.arcsinh(turn * (2.0 / _GYRO_DPS))
    out[:, 6] = np.arcsinh(np.linalg.norm(shock, axis=1) * (2.0 / _ACC_G))
    out[:, 7] = np.arcsinh(np.linalg.norm(turn, axis=1) * (2.0 / _GYRO_DPS))
    out[:, 8] = float(present)
    return np.clip(out, -_FULL, _FULL)
