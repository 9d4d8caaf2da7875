"""A broker that hangs up at a message because it is too large, and over MQTT 3.1.1 cannot say so.

In: the size of what the broker had not answered for when a connection ended. Out: a guess at what it takes, once the
same message has ended several connections; so that one alert cannot keep all others from being heard. Not here: what is
done with a message that does not fit (``session``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

TIMES = 5
"""So many connections in a row must have ended at the same message."""
LEAST_BYTES = 4096
"""A smaller one is never suspected: any broker takes it."""
HOLDS_S = 600.0
"""Then it is tried again: it may have been the network after all."""
log = logging.getLogger(__name__)


class Suspicion:
    """Outlives the connections; belongs to the delivery thread.

    Args:
        clock_s: the present in seconds.
    """

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._bytes, self._times = 0, 0
        self._limit: int | None = None
        self._until_s = 0.0

    @property
    def packet_bytes(self) -> int | None:
        """The largest packet that the broker seems to take; None: nothing is suspected."""
        if self._limit is not None and self._clock_s() >= self._until_s:
            self._limit = None
        return self._limit

    def ended(self, where: str, stuck_bytes: int) -> None:
        """A connection ended.

        Args:
            where: the broker's name, for the log.
            stuck_bytes: size of the oldest packet of ``LEAST_BYTES`` or more without an answer; 0: there was none.
        """
        self._times = self._times + 1 if stuck_bytes == self._bytes else 1
        self._bytes = stuck_bytes
        if stuck_bytes < LEAST_BYTES or self._times < TIMES:
            return
        self._limit, self._until_s, self._times = stuck_bytes - 1, self._clock_s() + HOLDS_S, 0
        log.warning(
            "broker %s hung up %d times at a message of %d bytes and over MQTT 3.1.1 cannot say why; such a message is "
            "shortened or waits for %g minutes: raise the limit there (mosquitto: max_packet_size), or use MQTT 5",
            where, TIMES, stuck_bytes, HOLDS_S / 60,
        )  # fmt: skip
