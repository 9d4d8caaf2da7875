"""When a block of a sampled signal was really captured.

In: for each block of a live stream the time it was stamped with (arrival minus its length), which jitters by
milliseconds and comes from another clock than the sensor's. Out: the capture time on our clock, smooth, with the
sensor's drift (200 ppm and more) followed. A stream whose blocks abut, as those of a recording with one rate do, passes
through unchanged to the nanosecond; a table with a time per value that was rounded to milliseconds does not: it is
smoothed as a live stream is. Not here: video (each frame has its own stamp), dropping anything.

What is lost: a smoothed stamp still moves a little from block to block, and readings take it over, so under 45 ms of
jitter the time between two beats scatters by 0.25 ms (RR intervals do not, they are counted in samples). A sensor that
is off by 0.15 % or more, which no crystal is, is caught up with in steps of 15 ms every few seconds.

The loop is a fading-memory g-h filter (Brookner, *Tracking and Kalman Filtering Made Easy*, 1998, ch. 1.2.6: gains
``g = 1 - q**2``, ``h = (1 - q)**2`` with ``q = exp(-block / MEMORY_S)``), which starts as a plain average.
"""

from __future__ import annotations

import math
from collections import deque

from edge_mm.types import NS_PER_S

MEMORY_S = 30.0
"""How long the loop remembers. 200 ppm cost at most about 3 ms while it learns, nothing later."""
STEP_NS = 50_000_000
"""A block that is off by more than this, or by half its own length where that is more, is a gap or a step at once."""
EXACT_NS = 2_000
"""Blocks that abut to within this are exact (times rounded to a microsecond) and are not touched."""
MIN_SPEED = 0.9
"""After a step back, time goes on at this speed until the stream has caught up: it never stops or goes back."""
_PERSISTENT = 8


class SampleClock:
    """Capture times for the blocks of one stream."""

    def __init__(self, rate_hz: float) -> None:
        """Start with no history.

        Args:
            rate_hz: nominal elements per second, > 0.

        Raises:
            ValueError: the rate is not positive.
        """
        if not rate_hz > 0:
            raise ValueError(f"rate_hz must be above 0, not {rate_hz}")
        self._period_ns = NS_PER_S / rate_hz
        self._blocks = 0
        self._length_ns = 0.0
        self._floor_ns: int | None = None
        self._restart(0)

    def stamp(self, t_ns: int, n: int) -> int:
        """Capture time of the next block.

        Args:
            t_ns: the time the source gave to the block's first element, in nanoseconds.
            n: elements in the block, > 0.

        Returns:
            The capture time of the first element; larger than every time returned before.
        """
        length_ns = n * self._period_ns
        if self._blocks == 0:
            self._restart(t_ns)
        else:
            self._follow(t_ns)
        self._blocks += 1
        out = t_ns if self._exact else self._anchor_ns + round(self._ahead_ns)
        if self._floor_ns is not None:
            out = max(out, self._floor_ns)
        self._floor_ns = out + max(1, math.floor(MIN_SPEED * length_ns))
        self._length_ns = length_ns
        return out

    def _restart(self, t_ns: int) -> None:
        # Times are kept as an integer anchor plus a small float: float64 alone would lose nanoseconds in a year.
        self._anchor_ns = t_ns
        self._ahead_ns = 0.0
        self._drift = 0.0  # how much longer the sensor's second is than ours
        self._blocks = 0
        self._exact = True
        self._errors: deque[float] = deque(maxlen=_PERSISTENT)

    def _follow(self, t_ns: int) -> None:
        length_ns = self._length_ns  # from the previous block's start to this one's
        self._ahead_ns += length_ns * (1.0 + self._drift)
        error = (t_ns - self._anchor_ns) - self._ahead_ns
        step_ns = STEP_NS if self._exact else max(STEP_NS, 0.5 * length_ns)
        self._errors.append(error)
        # Delays only ever add. If even the smallest of many is late, samples are missing; early likewise.
        lasting = len(self._errors) == _PERSISTENT and (
            min(self._errors) > step_ns / 4 or max(self._errors) < -step_ns / 4
        )
        if abs(error) > step_ns or lasting:
            self._restart(t_ns)
            return
        if self._exact and abs(error) <= EXACT_NS:
            self._ahead_ns += error
            return
        self._exact = False
        keep = math.exp(-length_ns / (MEMORY_S * NS_PER_S))
        self._ahead_ns += max(1.0 - keep * keep, 1.0 / (self._blocks + 1)) * error
        self._drift += (1.0 - keep) ** 2 * error / max(length_ns, 1.0)
