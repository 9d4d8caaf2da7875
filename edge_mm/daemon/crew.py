"""The sources' threads together: start them, notice that one has failed, start another in its place.

In: what is to be read. Out: readers that run, and a Status for each failure. A thread that fails - a fault of ours, or
a source of a user's own that ends its thread - is replaced after 1, 2, 4 ... s, and counted; more than ``BUDGET``
failures in ``WITHIN_S`` end the run with an error, because a new process is then the better answer. Not here: what a
reader does (``daemon.reader``); a device that is only lost has no budget, it is tried for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from edge_mm.daemon.plan import Planned
from edge_mm.daemon.reader import Reader
from edge_mm.errors import WorkerError
from edge_mm.protocols import Troubled
from edge_mm.types import Status

BUDGET = 5
WITHIN_S = 600.0
_LONGEST_PAUSE_S = 30.0
_log = logging.getLogger("edge_mm.run")


class Crew:
    """The readers of a run.

    Args:
        planned: what is read.
        make: makes the thread that reads one of it.
        clock_s: the present in seconds.

    Attributes:
        restarts: source -> how often its thread was replaced.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        make: Callable[[Planned], Reader],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._clock_s = make, clock_s
        self._planned = {one.source.name: one for one in planned}
        self.readers = {name: make(one) for name, one in self._planned.items()}
        self._failed_at: dict[str, deque[float]] = {name: deque(maxlen=BUDGET + 1) for name in self._planned}
        self._due_s: dict[str, float] = {}
        self.restarts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to read."""
        for reader in self.readers.values():
            reader.start()

    def look_after(self) -> list[Status]:
        """Replace the threads that have failed; what is to be said of them.

        Raises:
            WorkerError: one failed too often.
        """
        now_s = self._clock_s()
        said: list[Status] = []
        for name, reader in self.readers.items():
            if self._planned[name].file or reader.failure is None:
                continue
            due_s = self._due_s.get(name)
            if due_s is None:
                said += self._count(name, reader, now_s)
            elif now_s >= due_s:
                del self._due_s[name]
                self.restarts[name] += 1
                self.readers[name] = self._make(self._planned[name])
                self.readers[name].start()
        return said

    def _count(self, name: str, reader: Reader, now_s: float) -> list[Status]:
        failures = self._failed_at[name]
        failures.append(now_s)
        recent = sum(now_s - at_s <= WITHIN_S for at_s in failures)
        what = f"its thread failed with {type(reader.failure).__name__}: {reader.failure}".rstrip(": ")
        if recent > BUDGET:
            raise WorkerError(
                f"{name}: {what}; that was the {recent}th time in {WITHIN_S / 60:g} minutes, a new process may help"
            )
        pause_s = min(2.0 ** (recent - 1), _LONGEST_PAUSE_S)
        self._due_s[name] = now_s + pause_s
        _log.error("%s: %s; another one starts in %g s", name, what, pause_s)
        t_ns = reader.clock_ns()
        return [Status(t_ns, stream, "lost", what) for stream in reader.streams]

    @property
    def errors(self) -> list[str]:
        """What could not be read to its end, as sentences."""
        return [f"{reader.stream}: {reader.error}" for reader in self.readers.values() if reader.error is not None]

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """Source -> what it lost or could not read, by name; of those that count."""
        sources = [reader.source for reader in self.readers.values()]
        return {one.name: dict(one.counters) for one in sources if isinstance(one, Troubled) and one.counters}

    def join(self, timeout_s: float) -> None:
        """Wait for the threads, so long at most; one that hangs in its driver ends with the process."""
        by_s = time.monotonic() + timeout_s
        for reader in self.readers.values():
            if reader.is_alive() and reader is not threading.current_thread():
                reader.join(max(0.0, by_s - time.monotonic()))
