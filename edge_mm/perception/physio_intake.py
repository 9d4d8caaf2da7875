"""Cut a sampled signal into chunks of a quarter of a second, whatever blocks it comes in.

In: Samples of one stream. Out: ``Chunk``: equally long stretches with a time base, so that everything behind works on
the same arrays whatever the block boundaries were (same bits out). Gaps start a new run; jitter and drift do not. Not
here: smoothing time stamps (``clock``), filtering, missing values inside a block (``physio_filter``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_mm.errors import UsageError
from edge_mm.types import NS_PER_S, Sample

CHUNK_S = 0.25
"""Length of a chunk; everything on the device happens once per chunk."""
GAP_S = 0.05
"""A time stamp that is further off than this is a gap (or a step of the clock), not jitter."""
MOST = 1e10
"""No sensor gives a value as large, in whatever it counts (converters have 32 bits at most): it is missing. One that
begins a stretch would else be what all others are counted from, and a millivolt beside 1e38 is nothing."""
ROUNDING_NS = 2_000
"""A time stamp that is off by less is a rounded one: exact streams give the same times whatever their blocks."""


class TimeBase:
    """Capture time of a run's samples: ``at(index)``."""

    def __init__(self, origin_ns: int, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._origin_ns = origin_ns
        self._offset_ns = 0

    def at(self, index: float) -> int:
        """Capture time of the sample at a (fractional) index of this run, ns."""
        return self._origin_ns + round(index * NS_PER_S / self.rate_hz) + self._offset_ns

    def follow(self, deviation_ns: int) -> None:
        """Take over a time stamp (``perception.clock`` has smoothed it); what is only rounded is left alone."""
        if abs(deviation_ns) > ROUNDING_NS:
            self._offset_ns += deviation_ns


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of ``CHUNK_S`` (shorter only at the end of a run); one value where a stream is slower than 4 Hz."""

    values: npt.NDArray[np.float64]
    """(n,) in the stream's unit, NaN where a value is missing."""
    start: int
    """Index of the first value in its run."""
    time: TimeBase
    """Time of the run."""
    fresh: bool
    """First chunk of a run: nothing before it is continuous with it."""
    full: bool
    """False for what was left over when the run ended."""


class Intake:
    """Blocks in, chunks out.

    Args:
        stream: its name, for messages.
        axes: 1 for blocks (n,); 3 for acceleration (n, 3), whose magnitude is taken, NaN where an axis is missing.
    """

    def __init__(self, stream: str, *, axes: int = 1) -> None:
        self._stream = stream
        self._instant = () if axes == 1 else (axes,)
        self._time: TimeBase | None = None
        self._held: list[npt.NDArray[np.float64]] = []
        self._received = 0
        self._given = 0
        self._chunks = 0

    def push(self, sample: Sample) -> Iterator[Chunk]:
        """Take a block.

        Raises:
            UsageError: the block has another shape, or no rate.
        """
        values = np.asarray(sample.data, np.float64)
        if not values.ndim or values.shape[1:] != self._instant or not sample.rate_hz > 0:
            want = f"(n, {self._instant[0]})" if self._instant else "(n,)"
            raise UsageError(
                f"stream {self._stream}: a block must have shape {want} and a rate above 0, "
                f"not {values.shape} at {sample.rate_hz} Hz"
            )
        if self._instant:
            values = np.linalg.norm(values, axis=1)
        if values.size == 0:
            return
        values = np.where(np.abs(values) < MOST, values, np.nan)
        if self._time is not None and self._is_gap(self._time, sample):
            yield from self.flush()
        if self._time is None:
            self._time = TimeBase(sample.t_ns, sample.rate_hz)
        else:
            self._time.follow(sample.t_ns - self._time.at(self._received))
        self._held.append(values)
        self._received += values.size
        yield from self._whole(self._time)

    def flush(self) -> Iterator[Chunk]:
        """End of the run: the last, shorter chunk."""
        if self._time is not None and self._received > self._given:
            yield self._take(self._time, self._received, full=False)
        self._time, self._held = None, []
        self._received = self._given = self._chunks = 0

    def _is_gap(self, time: TimeBase, sample: Sample) -> bool:
        if abs(sample.rate_hz / time.rate_hz - 1.0) > 0.005:
            return True
        return abs(sample.t_ns - time.at(self._received)) > GAP_S * NS_PER_S

    def _whole(self, time: TimeBase) -> Iterator[Chunk]:
        while True:
            end = max(self._given + 1, round((self._chunks + 1) * CHUNK_S * time.rate_hz))
            if end > self._received:
                return
            yield self._take(time, end, full=True)

    def _take(self, time: TimeBase, end: int, *, full: bool) -> Chunk:
        values = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        count = end - self._given
        chunk = Chunk(values[:count], self._given, time, self._given == 0, full)
        self._held = [values[count:]]
        self._given = end
        self._chunks += 1
        return chunk
