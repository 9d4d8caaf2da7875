"""How close int8 values are to float ones: signal-to-noise ratio, cosine, largest error.

In: float and int8 values of one tensor, row by row. Out: a ``Fidelity``. Not here: where the values come from
(``answers``, ``layers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MOST_DB = 120.0
"""Equal values are said to have this ratio; float32 itself has about 140 dB."""


class Fidelity(NamedTuple):
    """Int8 against float over all values of a tensor."""

    snr_db: float
    """10 log10(sum of squares of float / sum of squares of the error), from -120 to 120."""
    cosine: float
    """Of the angle between the two, 1 when they are parallel."""
    max_error: float
    """Largest absolute difference, in the tensor's own unit."""
    low: float
    high: float
    """Smallest and largest float value."""


class Sums:
    """Fidelity of values that come in pieces."""

    def __init__(self) -> None:
        self._signal = self._other = self._both = self._noise = self._max = 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, real: npt.NDArray[Any], int8: npt.NDArray[Any]) -> None:
        """One piece of both, same shape."""
        a, b = real.astype(np.float64).ravel(), int8.astype(np.float64).ravel()
        error = a - b
        self._signal += float(a @ a)
        self._other += float(b @ b)
        self._both += float(a @ b)
        self._noise += float(error @ error)
        self._max = max(self._max, float(np.abs(error).max(initial=0.0)))
        self._low, self._high = (
            min(self._low, float(a.min(initial=np.inf))),
            max(self._high, float(a.max(initial=-np.inf))),
        )

    def fidelity(self) -> Fidelity:
        """Of all pieces so far."""
        length = np.sqrt(self._signal * self._other)
        cosine = self._both / length if length > 0 else float(self._signal == self._other)
        return Fidelity(_decibels(self._signal, self._noise), float(cosine), self._max, self._low, self._high)


def fidelity(real: npt.NDArray[Any], int8: npt.NDArray[Any]) -> Fidelity:
    """Of two arrays of the same shape."""
    sums = Sums()
    sums.add(real, int8)
    return sums.fidelity()


def by_output(real: Mapping[str, npt.NDArray[Any]], int8: Mapping[str, npt.NDArray[Any]]) -> dict[str, Fidelity]:
    """Of each output: name -> ``Fidelity``; both from ``answers.paired_answers``."""
    return {name: fidelity(values, int8[name]) for name, values in real.items()}


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return MOST_DB
    if not (signal > 0 and np.isfinite(signal) and np.isfinite(noise)):
        return -MOST_DB
    return float(np.clip(10 * np.log10(signal / noise), -MOST_DB, MOST_DB))
