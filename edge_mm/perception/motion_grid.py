"""Acceleration and turning rate of any rate, on one grid of 50 Hz.

In: Samples (n, 3) of one stream, 20 to 400 Hz, any block size, NaN where a value is missing. Out: rows of an absolute
grid: row k is the motion at k / 50 s of the stream's clock, so that accelerometer and gyroscope lie side by side
whatever their rates, and the same stream gives the same rows whatever its blocks. Slower streams are interpolated,
faster ones averaged (a box of 20 ms). Not here: what the motion means.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_mm.errors import UsageError
from edge_mm.perception.physio_intake import GAP_S, ROUNDING_NS
from edge_mm.types import NS_PER_S, Sample

RATE_HZ = 50
ROW_NS = NS_PER_S // RATE_HZ
KEEP = 12 * RATE_HZ
"""Rows that are kept: a window of 5 s, what is not decided yet, and what a slower companion is waited for."""
BRIDGED_S = 0.1
"""Missing values of no more than this are interpolated; an impact is over in 0.1 s, so longer ones stay missing."""
_AVERAGED_HZ = 75.0
"""From this rate on a row is a mean of what was measured around it."""

Rows = npt.NDArray[np.float32]


class Grid:
    """The last 12 s of one stream.

    Attributes:
        end: the first row that is not known yet; None before the first sample.
        start: the first row of this run.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self.clear()

    def clear(self) -> None:
        """Forget everything; the next block sets the clock."""
        self.start: int | None = None
        self.end: int | None = None
        self._rows = np.zeros((0, 3), np.float32)  # those before ``end``
        self._origin_ns = self._count = 0
        self._rate = 0.0
        self._times = np.zeros(0, np.int64)  # samples that later rows still need
        self._held = np.zeros((0, 3), np.float64)

    def push(self, sample: Sample) -> bool:
        """Take a block of no more than a few seconds.

        Returns:
            True when the stream's clock stepped back, so that nothing from before may be compared.

        Raises:
            UsageError: the block has another shape, or no rate.
        """
        values = np.asarray(sample.data, np.float64)
        if values.ndim != 2 or values.shape[1] != 3 or not sample.rate_hz > 0:
            raise UsageError(
                f"stream {self._stream}: a block must have shape (n, 3) and a rate above 0, "
                f"not {values.shape} at {sample.rate_hz} Hz"
            )
        if not len(values):
            return False
        stepped = self._follow(sample)
        index = np.arange(self._count, self._count + len(values), dtype=np.float64)
        times = self._origin_ns + np.rint(index * (NS_PER_S / self._rate)).astype(np.int64)
        self._count += len(values)
        there = np.isfinite(values).all(axis=1)
        self._times = np.concatenate((self._times, times[there]))
        self._held = np.concatenate((self._held, values[there]))
        if self.end is None:
            self.start = self.end = int(-(-times[0] // ROW_NS))
        self._fill(int(times[-1]))
        return stepped

    def between(self, start: int, stop: int) -> Rows:
        """(stop - start, 3) rows, NaN where nothing is known."""
        out = np.full((stop - start, 3), np.nan, np.float32)
        if self.end is not None:
            first = self.end - len(self._rows)
            low, high = max(start, first), min(stop, self.end)
            if low < high:
                out[low - start : high - start] = self._rows[low - first : high - first]
        return out

    def _follow(self, sample: Sample) -> bool:
        """Take over the block's time stamp; a gap or another rate begins a new count, a step back a new run."""
        stepped = False
        if self.end is not None:
            expected = self._origin_ns + round(self._count * NS_PER_S / self._rate)
            off = sample.t_ns - expected
            same = abs(sample.rate_hz / self._rate - 1.0) <= 0.005
            if same and abs(off) <= GAP_S * NS_PER_S:
                if abs(off) > ROUNDING_NS:  # an exact stream has the same times whatever its blocks
                    self._origin_ns += off
                return False
            if off < 0:
                stepped = True
                self.clear()
            else:
                self._close()
        self._origin_ns, self._count, self._rate = sample.t_ns, 0, sample.rate_hz
        return stepped

    def _close(self) -> None:
        """What is held has no successor."""
        self._times, self._held = self._times[:0], self._held[:0]

    def _fill(self, last_ns: int) -> None:
        """Make the rows that the samples decide."""
        assert self.end is not None  # noqa: S101  # push sets it before
        averaged = self._rate >= _AVERAGED_HZ
        reach = ROW_NS // 2 if averaged else 0
        stop = (last_ns - reach) // ROW_NS + 1
        if stop <= self.end:
            return
        rows = np.arange(max(self.end, stop - KEEP), stop, dtype=np.int64)
        if rows[0] > self.end:  # a pause longer than what is kept
            self._rows = self._rows[:0]
        fresh = self._means(rows) if averaged else self._interpolated(rows)
        self._rows = np.concatenate((self._rows, fresh))[-KEEP:]
        self.end = stop
        # the newest sample before the next row is needed, too
        needed = np.searchsorted(self._times, stop * ROW_NS - reach, "left")
        keep = max(int(needed) - 1, 0)
        self._times, self._held = self._times[keep:], self._held[keep:]

    def _interpolated(self, rows: npt.NDArray[np.int64]) -> Rows:
        out = np.full((len(rows), 3), np.nan, np.float32)
        if not len(self._times):
            return out
        at = rows * ROW_NS
        right = np.searchsorted(self._times, at, "left")
        known = right < len(self._times)
        right = np.minimum(right, len(self._times) - 1)
        exact = known & (self._times[right] == at)
        left = np.maximum(right - 1, 0)
        span = self._times[right] - self._times[left]
        inside = known & (self._times[left] < at) & (span <= round(BRIDGED_S * NS_PER_S))
        share = np.where(inside, (at - self._times[left]) / np.maximum(span, 1), 0.0)[:, None]
        between = self._held[left] + (self._held[right] - self._held[left]) * share
        out[inside] = between[inside]
        out[exact] = self._held[right[exact]]
        return out

    def _means(self, rows: npt.NDArray[np.int64]) -> Rows:
        out = np.full((len(rows), 3), np.nan, np.float32)
        edges = np.searchsorted(self._times, np.append(rows, rows[-1] + 1) * ROW_NS - ROW_NS // 2, "left")
        count = np.diff(edges)
        some = np.flatnonzero(count)
        if len(some):
            sums = np.add.reduceat(self._held[: edges[-1]], edges[some], axis=0)
            out[some] = sums / count[some, None]
        return out
