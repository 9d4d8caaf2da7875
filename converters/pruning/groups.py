"""Channels that live or die together, and those that must live.

In: channels by number, which of them are added, multiplied or otherwise tied, which may not go and why. Out: their
groups. Not here: how a model ties them (``rules``), which groups go (``channels``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class Groups:
    """A forest of channels: find with halved paths, unite by the smaller number."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._frozen: dict[int, str] = {}

    def fresh(self, count: int) -> Ids:
        """So many new channels, each on its own."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def unite(self, one: Ids, other: Ids) -> None:
        """Tie ``one[i]`` to ``other[i]``; the same length."""
        for a, b in np.unique(np.stack([one, other], axis=1), axis=0).tolist():
            low, high = sorted((self._root(a), self._root(b)))
            if low != high:
                self._parents[high] = low
                if high in self._frozen:
                    self._frozen.setdefault(low, self._frozen.pop(high))

    def freeze(self, ids: Ids, why: str, *, foremost: bool = False) -> None:
        """These may not go; the first reason that is given stays, unless one is ``foremost``."""
        for root in {self._root(one) for one in np.unique(ids).tolist()}:
            if foremost or root not in self._frozen:
                self._frozen[root] = why

    def roots(self, ids: Ids) -> Ids:
        """The group of each channel, named by one of its members."""
        known, back = np.unique(ids, return_inverse=True)
        return np.array([self._root(one) for one in known.tolist()], np.int64)[back.reshape(-1)]

    def why_frozen(self, root: int) -> str | None:
        """Why this group may not go; None where it may."""
        return self._frozen.get(self._root(root))

    def _root(self, one: int) -> int:
        while self._parents[one] != one:
            self._parents[one] = self._parents[self._parents[one]]
            one = self._parents[one]
        return one
