"""A live source that plays a recording for ever at the pace of a clock, and fails as it is told.

In: a ``Played``, a clock, and from another thread what goes wrong now and for how long (``suffer``). Out: Samples as a
device would give them, or what a broken one gives instead. Not here: which fault comes when (``schedule``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from soak.clock import FastClock
from soak.played import Block, Played

from edge_mm.errors import SourceError, SourceLost
from edge_mm.types import NS_PER_S, Sample, StreamSpec

MARK = "tests/soak"
"""In every text of a fault that was made on purpose."""
HOUR_NS = 3600 * NS_PER_S
BACKLOG = 40
"""Blocks that a burst gives at once."""
SLOW_S = 0.4
"""Seconds that a slow read takes longer."""


def _spoiled(value: float) -> Callable[[Sample], Sample]:
    def spoil(sample: Sample) -> Sample:
        return replace(sample, data=np.full(sample.data.shape, value, np.float32))

    return spoil


def _rate(value: float) -> Callable[[Sample], Sample]:
    return lambda sample: replace(sample, rate_hz=value)


def _shifted(by_ns: int) -> Callable[[Sample], Sample]:
    return lambda sample: replace(sample, t_ns=sample.t_ns + by_ns)


def _shaped(shape: tuple[int, ...]) -> Callable[[Sample], Sample]:
    return lambda sample: replace(sample, data=np.zeros(shape, sample.data.dtype))


GARBAGE: Mapping[str, tuple[Callable[[Sample], Sample], ...]] = {
    "wrong shape": (_shaped(()), _shaped((0,)), _shaped((7, 5)), _shaped((3, 3, 3, 3)), _shaped((2, 0, 3))),
    "wrong type": tuple(
        lambda sample, kind=kind: replace(sample, data=sample.data.astype(kind))
        for kind in ("complex64", "int16", "bool", "float64", "S4", "object")
    ),
    "not a number": (_spoiled(np.nan),),
    "huge values": (_spoiled(np.inf), _spoiled(-3e38), _spoiled(1e30)),
    "absurd rate": (_rate(0.0), _rate(np.nan), _rate(1e12), _rate(-5.0), _rate(np.inf), _rate(1e-300)),
    "time ahead": (_shifted(HOUR_NS), _shifted(24 * HOUR_NS), _shifted(1 << 62)),
    "time back": (_shifted(-HOUR_NS), _shifted(-24 * HOUR_NS), _shifted(-(1 << 62))),
}
"""What a broken device gives instead of a sample, by kind of fault."""


class Device:
    """Live, as ``edge_mm.protocols.Source`` has it.

    Args:
        played: what it gives.
        clock: its time.
    """

    live = True

    def __init__(self, played: Played, clock: FastClock) -> None:
        self._played, self._clock = played, clock
        self._block_ns = round(played.block_s * NS_PER_S)
        self._number = 0
        self._next_ns = 0
        self._owed = 0
        self._fault, self._until_s = "", 0.0
        self.stop = threading.Event()
        """Ends every wait."""

    @property
    def name(self) -> str:
        return self._played.spec.name

    def suffer(self, fault: str, seconds: float) -> None:
        """From now on this goes wrong, for so many seconds of the machine's."""
        self._until_s, self._fault = time.monotonic() + seconds, fault
        self._owed = BACKLOG if fault == "burst" else 0

    def open(self) -> StreamSpec:
        if self._now() == "will not open":
            raise SourceError(f"{MARK}/{self.name}: will not open")
        self._next_ns = self._clock()
        return self._played.spec

    def read(self) -> Sample | None:
        fault = self._now()
        if fault in ("lost", "will not open"):
            if fault == "lost":
                self._fault = ""
            raise SourceLost(f"{MARK}/{self.name}: gone")
        if fault == "thread ends":
            self._fault = ""
            raise SystemExit(f"{MARK}/{self.name}")
        if fault == "stall":
            self.stop.wait(self._until_s - time.monotonic())
        if fault == "slow":
            self.stop.wait(SLOW_S)
        if self._owed:
            self._owed -= 1
        else:
            self._pace()
        if self.stop.is_set():
            return None
        sample = Sample(self.name, self._next_ns - self._block_ns, self._block(), self._played.spec.rate_hz)
        ways = GARBAGE.get(fault)
        return sample if ways is None else ways[self._number % len(ways)](sample)

    def close(self) -> None:
        pass

    def _now(self) -> str:
        return self._fault if time.monotonic() < self._until_s else ""

    def _pace(self) -> None:
        """Wait until the next block is complete; what was missed meanwhile is missed."""
        self._next_ns += self._block_ns
        now_ns = self._clock()
        if now_ns - self._next_ns > NS_PER_S:
            self._next_ns = now_ns
        self.stop.wait(max(0.0, (self._next_ns - now_ns) / NS_PER_S / self._clock.speed))

    def _block(self) -> Block:
        self._number += 1
        return self._played.block(self._number)
