"""Which events a receiver has had already, so that it gets each once.

In: source, number and id of each event. Out: whether it is new. A device sends again what a broker may have lost, up
to all that waits in its outbox (100,000); its numbers have no hole, so 8 bytes in a page of neighbours are enough for
each.
Not here: receiving (``subscriber``).
"""

from __future__ import annotations

from array import array
from collections import OrderedDict

PAGE = 1024
"""Numbers that lie together."""
PAGES = 2048
"""Kept at most, 8 KiB each: two million events where numbers have no hole, 2,048 where somebody makes them up."""
_EMPTY = array("Q", bytes(8 * PAGE))


class Seen:
    """Grows with what comes, up to 16 MiB; then what was not asked for longest is forgotten.

    Args:
        pages: kept at most.
    """

    def __init__(self, pages: int = PAGES) -> None:
        self._most = pages
        self._pages: OrderedDict[tuple[str, int], array[int]] = OrderedDict()

    def add(self, source: str, number: int, name: str) -> bool:
        """Take an event; whether it is new. An outbox that was begun anew has the same numbers and other ids."""
        key = (source, number // PAGE)
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = array("Q", _EMPTY)
            if len(self._pages) > self._most:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(key)
        mark, place = _mark(name), number % PAGE
        if page[place] == mark:
            return False
        page[place] = mark
        return True

    def forget(self, source: str, number: int, name: str) -> None:
        """It has not been dealt with: it is new when it comes again."""
        page = self._pages.get((source, number // PAGE))
        if page is not None and page[number % PAGE] == _mark(name):
            page[number % PAGE] = 0


def _mark(name: str) -> int:
    """64 bits of an id, differently in each process; never the 0 of a place that is free."""
    return hash(name) & 0xFFFF_FFFF_FFFF_FFFF or 1
