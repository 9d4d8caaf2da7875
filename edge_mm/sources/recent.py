"""Whether what comes from a device is readable of late.

In: for each message, whether it could be read. Out: ``poor``, once a third of the last ones could not. Not here:
counting them all, saying so.
"""

from __future__ import annotations

from collections import deque

_OF = 20
_ENOUGH = 6


class Recent:
    """The last 20 messages of one sender."""

    def __init__(self) -> None:
        self._bad: deque[bool] = deque(maxlen=_OF)

    def note(self, *, bad: bool) -> None:
        """A message has come."""
        self._bad.append(bad)

    @property
    def poor(self) -> bool:
        """A third of them, and of at least six, could not be read."""
        return len(self._bad) >= _ENOUGH and 3 * sum(self._bad) >= len(self._bad)
