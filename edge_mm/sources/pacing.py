"""Makes a file give its samples when they would have happened.

In: any source. Out: the same samples, later. Not here: restamping. For a daemon that mixes files with devices, give the
file source ``start_ns = time.monotonic_ns()``: then its times are on the devices' clock already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from edge_mm.protocols import Source
from edge_mm.types import NS_PER_S, Sample, StreamSpec


class Stop(Protocol):
    """What ``threading.Event`` is: something to wait on that ends the wait early."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most so many seconds; True when it was set."""
        ...


class Paced:
    """A source in real time.

    A frame comes at its time; a block comes when its last sample would have been captured, as from a device.

    Args:
        source: What to slow down.
        stop: Ends a wait at once: ``read`` then returns None, as at the end of the file.
        speed: 2.0 plays twice as fast as it happened.
        origin_ns: The stream time that is "now" at ``open``; None takes the first sample's. Give all sources of one
            recording the same, or each would start at once, whatever its offset.
        began_ns: The clock's time that belongs to ``origin_ns``; None takes that of ``open``. With the same for both a
            sample is due at its own time, however late the source is opened.
        clock: Monotonic nanoseconds.
    """

    def __init__(
        self,
        source: Source,
        *,
        stop: Stop,
        speed: float = 1.0,
        origin_ns: int | None = None,
        began_ns: int | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self._source = source
        self._stop = stop
        self._speed = speed
        self._origin_ns = origin_ns
        self._given_ns = began_ns
        self._clock = clock
        self._began_ns = 0
        self._base_ns = 0
        self._started = False

    @property
    def name(self) -> str:
        """Stream name of the source inside."""
        return self._source.name

    @property
    def live(self) -> bool:
        """As the source inside: a paced file still waits for a slow reader."""
        return self._source.live

    def open(self) -> StreamSpec:
        """Open the source inside; time runs from here, or from ``began_ns``."""
        spec = self._source.open()
        self._began_ns = self._clock() if self._given_ns is None else self._given_ns
        self._started = self._origin_ns is not None
        self._base_ns = self._origin_ns or 0
        return spec

    def read(self) -> Sample | None:
        """The next sample, not before it is due; None at the end or when stopped."""
        sample = self._source.read()
        if sample is None:
            return None
        if not self._started:
            self._began_ns, self._base_ns, self._started = self._clock(), sample.t_ns, True
        complete_ns = sample.t_ns if sample.data.ndim == 3 else sample.end_ns
        due_ns = self._began_ns + round((complete_ns - self._base_ns) / self._speed)
        while (left_ns := due_ns - self._clock()) > 0:
            if self._stop.wait(left_ns / NS_PER_S):
                return None
        return sample

    def close(self) -> None:
        """Close the source inside."""
        self._source.close()
