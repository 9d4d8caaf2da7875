"""One sampled signal as means of whole seconds of the clock.

In: Samples (n,) of one stream at any rate, NaN where a value is missing. Out: ``Second`` s in order, each once it is
over, the same whatever the blocks were; seconds of a gap are left out. Not here: what is believable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.errors import UsageError
from edge_mm.perception.physio_intake import ROUNDING_NS
from edge_mm.types import NS_PER_S, Sample


class Second(NamedTuple):
    """A whole second."""

    number: int
    """Its start in seconds of the clock."""
    value: float
    """Mean of its values, NaN if there are none."""
    share: float
    """Values that are there, of those that should be; 0..1."""


class Seconds:
    """One stream.

    Args:
        stream: its name, for messages.
        rate_hz: values per second.

    Attributes:
        newest: the second that is not over yet, -1 before the first block.
    """

    def __init__(self, stream: str, rate_hz: float) -> None:
        self._stream = stream
        self._expected = max(1.0, rate_hz)
        self.newest = -1
        self.clear()

    def clear(self) -> None:
        """The next block begins anew."""
        self._times = np.zeros(0, np.int64)
        self._held = np.zeros(0, np.float64)

    def push(self, sample: Sample) -> list[Second]:
        """Take a block; gives the seconds that are over.

        Raises:
            UsageError: the block has not the shape (n,), or no rate.
        """
        values = np.asarray(sample.data, np.float64)
        if values.ndim != 1 or not sample.rate_hz > 0:
            raise UsageError(
                f"stream {self._stream}: a block must have shape (n,) and a rate above 0, "
                f"not {values.shape} at {sample.rate_hz} Hz"
            )
        if not len(values):
            return []
        steps = np.rint(np.arange(len(values) + 1) * (NS_PER_S / sample.rate_hz)).astype(np.int64)
        times = sample.t_ns + steps
        if len(self._times) and times[0] < self._times[-1]:  # the clock stepped back
            self.clear()
        self._times = np.concatenate((self._times, times[:-1]))
        self._held = np.concatenate((self._held, values))
        end = (int(times[-1]) + ROUNDING_NS) // NS_PER_S  # the second that is not over yet
        numbers = (self._times + ROUNDING_NS) // NS_PER_S
        over = int(np.searchsorted(numbers, end))
        self.newest = end
        found = self._means(numbers[:over], self._held[:over])
        self._times, self._held = self._times[over:], self._held[over:]
        return found

    def _means(self, numbers: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> list[Second]:
        found = []
        for number in np.unique(numbers).tolist():
            inside = values[numbers == number]
            known = inside[np.isfinite(inside)]
            value = float(known.mean()) if len(known) else float("nan")
            found.append(Second(number, value, min(1.0, len(known) / self._expected)))
        return found
