"""When to try again what a broker throws away.

In: that it was denied, or taken. Out: how much may be sent now. Not here: sending.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_S, LONGEST_S = 1.0, 30.0
"""Pauses between attempts: twice as long each time."""


class Retry:
    """One thing that may be denied.

    Args:
        clock_s: the present in seconds.
    """

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._pause_s, self._due_s = FIRST_S, float("-inf")
        self.held = False
        """Whether it was denied last."""

    def deny(self) -> None:
        """It was denied; the answers to one attempt, however many they are, count once."""
        now_s = self._clock_s()
        if self.held and now_s < self._due_s:
            return
        self._due_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_S)
        self.held = True

    def again(self) -> None:
        """It is tried again now; the next time after a pause, whatever comes of it."""
        self.deny()

    def over(self) -> None:
        """It was taken."""
        self._pause_s, self._due_s, self.held = FIRST_S, float("-inf"), False

    def room(self, usual: int) -> int:
        """How many may be under way now: one at a time where the last was denied, and none during a pause."""
        if not self.held:
            return usual
        return 1 if self._clock_s() >= self._due_s else 0
