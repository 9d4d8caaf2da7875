"""The embeddings of one stream that some window still needs, in time order.

In: embeddings, nearly always in order. Out: arrays of those that overlap a stretch of time. A contiguous buffer that
moves its live part to the front when it is full, so that adding costs O(1) amortised and reading is a slice. Not here:
which windows there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.types import Embedding

MAX_EMBEDDINGS = 4096
"""Per stream; a 10 s window at 30 frames per second holds 300. The oldest go first."""
_FIRST_ROOM = 64

Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float32]]


class Ring:
    """Start, end, quality and vector of each embedding; starts ascend."""

    def __init__(self) -> None:
        self._head = 0
        self._tail = 0
        self._starts = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)
        self._quality = np.zeros(0, np.float64)
        self._vectors = np.zeros((0, 0), np.float32)

    def insert(self, embedding: Embedding) -> int:
        """Keep one embedding at its place in time.

        Returns:
            How many had to go for it: 0, or 1 when ``MAX_EMBEDDINGS`` are held.
        """
        lost = 0
        if self._tail - self._head >= MAX_EMBEDDINGS:
            self._head += 1
            lost = 1
        if self._tail == len(self._starts):
            self._make_room(embedding.vector.shape[0])
        place = self._tail
        if place > self._head and embedding.t_ns < self._starts[place - 1]:
            place = self._head + int(np.searchsorted(self._starts[self._head : place], embedding.t_ns, "right"))
            for column in self._columns():
                column[place + 1 : self._tail + 1] = column[place : self._tail].copy()
        self._starts[place] = embedding.t_ns
        self._ends[place] = embedding.t_ns + embedding.span_ns
        self._quality[place] = embedding.quality
        self._vectors[place] = embedding.vector
        self._tail += 1
        return lost

    def between(self, start_ns: int, end_ns: int) -> Part | None:
        """Copies of those that overlap ``[start_ns, end_ns)``, None when there are none.

        Returns:
            Starts (n,) and ends (n,) int64 nanoseconds, quality (n,) float64, vectors (n, d) float32.
        """
        stop = self._head + int(np.searchsorted(self._starts[self._head : self._tail], end_ns))
        inside = self._head + np.flatnonzero(self._ends[self._head : stop] > start_ns)
        if not len(inside):
            return None
        return self._starts[inside], self._ends[inside], self._quality[inside], self._vectors[inside]

    def forget(self, before_ns: int) -> None:
        """Drop the oldest as long as they end at ``before_ns`` or earlier."""
        needed = self._ends[self._head : self._tail] > before_ns
        self._head = self._head + int(needed.argmax()) if needed.any() else self._tail

    def end_all(self, at_ns: int) -> None:
        """What is kept ends at ``at_ns`` at the latest: it has been said anew."""
        live = slice(self._head, self._tail)
        self._ends[live] = np.minimum(self._ends[live], at_ns)

    def first_start_ns(self) -> int | None:
        """Start of the oldest one, None when there is none."""
        return int(self._starts[self._head]) if self._tail > self._head else None

    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        return self._starts, self._ends, self._quality, self._vectors

    def _make_room(self, dim: int) -> None:
        """Move the live part to the front; into a buffer twice as long when it fills more than half of this one."""
        count = self._tail - self._head
        size = len(self._starts)
        if 2 * count > size or size == 0:
            size = max(_FIRST_ROOM, 2 * size)
            fresh: tuple[npt.NDArray[Any], ...] = (
                np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size), np.zeros((size, dim), np.float32)
            )  # fmt: skip
        else:
            fresh = self._columns()
        for new, old in zip(fresh, self._columns(), strict=True):
            if count:
                new[:count] = old[self._head : self._tail].copy()
        self._starts, self._ends, self._quality, self._vectors = fresh
        self._head, self._tail = 0, count
