"""Cuts sampled signals into blocks and gives each its time.

In: values, and where the file has them the times of the values. Out: ``Sample`` blocks of 0.2 s. Not here: files.

Without times, element k lies at ``k / rate``: integer arithmetic, no drift. With times, a block's elements are counted
from an anchor, the time of an element; the anchor moves where counting and the file disagree by more than half a period
(and its jitter), and a gap always starts a new block at the file's own time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_mm.types import NS_PER_S, Sample

_LATEST_S = 1e12  # 30,000 years: what is later is no time, and its nanoseconds no number
BLOCK_S = 0.2
"""Long enough that a block costs little, short enough that an alert does not wait for it."""


def position_ns(index: int, rate_hz: float) -> int:
    """Time of element ``index`` in nanoseconds; exact for whole-numbered rates."""
    if rate_hz == int(rate_hz):
        return index * NS_PER_S // int(rate_hz)
    return round(index * (NS_PER_S / rate_hz))


def block_length(rate_hz: float) -> int:
    """Elements in a block of ``BLOCK_S``, at least one."""
    return max(1, round(rate_hz * BLOCK_S))


@dataclass(frozen=True, slots=True)
class Timing:
    """What the time column of a file says about its rate."""

    rate_hz: float
    """Samples per second."""
    gap_s: float
    """A step longer than this is a gap."""
    slack_s: float
    """Counting may differ from the column by this much."""


def timing_of(times_s: npt.NDArray[np.float64]) -> Timing | None:
    """Find rate and jitter of the first some thousand times; None where they do not rise, or repeat more than rise.

    Args:
        times_s: (n,) float64, seconds; may hold gaps, steps back, NaN, repeated values of a coarse clock.
    """
    steps = np.diff(times_s[np.abs(times_s) <= _LATEST_S])
    if 2 * np.count_nonzero(steps < 0) > len(steps):
        return None
    steps = steps[steps >= 0]
    if not len(steps) or not np.any(steps > 0):
        return None
    limit = np.inf
    for _ in range(6):  # leave out the gaps: what is far longer than the mean of the rest
        period = float(np.mean(steps[steps <= limit]))
        limit = 3 * period
    near = steps[steps <= limit]
    jitter = float(np.percentile(np.abs(near - period), 95))
    kept = steps[steps <= 1.5 * period + 2 * jitter]
    period = float(np.mean(kept))
    if period < 1e-9:  # a clock far coarser than the samples, or a wrong unit
        return None
    rate_hz = 1.0 / period
    # A column rounded to milliseconds knows its rate to 1 ms in all of its span: then a whole number is meant.
    if round(rate_hz) >= 1 and abs(rate_hz / round(rate_hz) - 1) < max(1e-4, 2e-3 / (period * len(kept))):
        rate_hz = float(round(rate_hz))
    return Timing(rate_hz=rate_hz, gap_s=1.5 * period + 2 * jitter, slack_s=0.5 * period + 2 * jitter)


class BlockCutter:
    """Collects values and gives full blocks; one stream, in order.

    Args:
        stream: Stream name.
        rate_hz: Elements per second.
        start_ns: Time of the first element.
        timing: How to use times; None: they are not given.
    """

    def __init__(self, *, stream: str, rate_hz: float, start_ns: int, timing: Timing | None = None) -> None:
        self._stream = stream
        self._rate_hz = rate_hz
        self._start_ns = start_ns
        self._timing = timing
        self._length = block_length(rate_hz)
        self._values: npt.NDArray[np.float32] | None = None
        self._times: npt.NDArray[np.float64] = np.zeros(0)
        self._anchor_ns = 0  # time of the element from which is counted, relative to the start
        self._counted = 0  # elements given since the anchor
        self._last_s: float | None = None  # time of the last element that came in, after mending
        self._shift_s = 0.0

    def push(
        self, values: npt.NDArray[np.float32], times_s: npt.NDArray[np.float64] | None = None, *, last: bool = False
    ) -> list[Sample]:
        """Take the next values.

        Args:
            values: (n,) or (n, 3) float32.
            times_s: (n,) float64 seconds, where there is a ``timing``.
            last: Nothing follows: give the rest as well.
        """
        self._values = values if self._values is None else np.concatenate([self._values, values])
        if times_s is not None and self._timing is not None and len(times_s):
            self._times = np.concatenate([self._times, self._mended(times_s)])
        begins = [0]
        if self._timing is not None:
            begins += (np.flatnonzero(np.diff(self._times) > self._timing.gap_s) + 1).tolist()
        samples = []
        done = 0
        for begin, end in zip(begins, [*begins[1:], len(self._values)], strict=True):
            final = end < len(self._values) or last
            if begin:
                self._anchor(float(self._times[begin]))
            for at in range(begin, end, self._length):
                stop = min(at + self._length, end)
                if stop - at == self._length or final:
                    samples.append(self._cut(at, stop))
                    done = stop
        self._values = self._values[done:]
        self._times = self._times[done:]
        return samples

    def _cut(self, at: int, stop: int) -> Sample:
        assert self._values is not None  # noqa: S101 - for mypy: push has set it
        if self._timing is not None:
            now_s = float(self._times[at])
            counted_s = (self._anchor_ns + position_ns(self._counted, self._rate_hz)) / NS_PER_S
            if abs(now_s - counted_s) > self._timing.slack_s:
                self._anchor(now_s)
        t_ns = self._start_ns + self._anchor_ns + position_ns(self._counted, self._rate_hz)
        self._counted += stop - at
        return Sample(stream=self._stream, t_ns=t_ns, data=self._values[at:stop].copy(), rate_hz=self._rate_hz)

    def _anchor(self, time_s: float) -> None:
        self._anchor_ns, self._counted = round(time_s * 1e6) * 1000, 0  # a microsecond: what float64 keeps of an epoch

    def _mended(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Times relative to the first one: unreadable ones filled in, and never going back (midnight, a clock set)."""
        period = 1.0 / self._rate_hz
        readable = np.flatnonzero(np.abs(times_s) <= _LATEST_S)
        if self._last_s is None:
            first = int(readable[0]) if len(readable) else 0
            self._shift_s = first * period - float(times_s[first]) if len(readable) else 0.0
            self._last_s = -period
        # Unreadable ones lie a period apart after the last readable one, closer where the next one is near.
        known = np.concatenate([[self._last_s - self._shift_s], times_s[readable]])
        places = np.concatenate([[-1], readable])
        before = np.searchsorted(places, np.arange(len(times_s)), side="right") - 1
        count = np.diff(places)
        rise = np.diff(known)
        apart = np.append(np.where(rise >= 0, np.minimum(rise / count, period), period), period)
        filled = known[before] + (np.arange(len(times_s)) - places[before]) * apart[before]
        steps = np.diff(np.concatenate([known[:1], filled]))
        mended = self._last_s + np.cumsum(np.where(steps < 0, period, steps))
        self._last_s = float(mended[-1])
        self._shift_s = self._last_s - float(filled[-1])
        return mended
