"""How long to wait before the next attempt to connect.

In: how long the last connection held. Out: seconds, twice as many after each failure, up to a limit. Not here: waiting.
"""

from __future__ import annotations

import random

STEADY_S = 5.0
"""A connection that held so long starts the waits anew. An attempt that took long to fail does not."""


class Backoff:
    """Waits between attempts.

    Args:
        first_s: longest wait after the first failure.
        longest_s: longest wait ever.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def after(self, held_s: float) -> float:
        """Seconds to wait, half of it by chance: devices that lost a broker together do not come back together.

        Args:
            held_s: how long the connection held after the broker had let us in, 0 if it did not.
        """
        if held_s > STEADY_S:
            self._next_s = self._first_s
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
