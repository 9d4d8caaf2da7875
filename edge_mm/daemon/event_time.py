"""What time it is for the monitor: never later than what waits to be looked at.

In: the clock, the inbox, events of recordings. Out: the present in the time of the events; the Ticks of recordings. Not
here: which times recordings tick at (``daemon.ticks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_mm.daemon.inbox import Inbox
from edge_mm.daemon.ticks import RecordingTicks
from edge_mm.types import Tick


class EventTime:
    """Belongs to the monitor's thread.

    Args:
        inbox: what waits.
        clock_ns: the present, in the time that live sources stamp.
        recorded: only recordings, all as fast as possible: then time is theirs, and every run sees the same Ticks.
    """

    def __init__(self, inbox: Inbox, clock_ns: Callable[[], int], *, recorded: bool) -> None:
        self._inbox, self._clock_ns, self._last_ns = inbox, clock_ns, 0
        self._ticks = RecordingTicks() if recorded else None

    @property
    def recorded(self) -> bool:
        """Whether time is that of the recordings."""
        return self._ticks is not None

    def before(self, t_ns: int) -> Iterator[Tick]:
        """The Ticks of recordings that come before an event of this time; none where sources live."""
        for tick in () if self._ticks is None else self._ticks.before(t_ns):
            self._last_ns = tick.t_ns
            yield tick

    def tick(self) -> Tick:
        """The next Tick where sources live.

        After a stall of this thread (a slow disk, a slow sink) much is queued: the time is that of the oldest.
        """
        oldest_ns, now_ns = self._inbox.oldest_ns, self._clock_ns()
        self._last_ns = max(self._last_ns, now_ns if oldest_ns is None else min(now_ns, oldest_ns))
        return Tick(self._last_ns)

    def present_ns(self) -> int:
        """The present for something that happens beside the sources: a command."""
        if self._ticks is not None:
            return self._last_ns
        return max(self._last_ns, self._inbox.oldest_ns or self._clock_ns())
