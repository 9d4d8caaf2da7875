"""Which waiting transitions are sent next over a connection, so that even short lives get on.

In: the outbox, with its marks of what a broker has confirmed and may still lose. Out: records, each once a connection.
At the first connection of a process what was never confirmed goes first, in order, and the marked ones after it, those
confirmed least often first; after a connection was lost all go again in order, since that broker may have died. Where
that gets nothing settled, the next one begins with what was never confirmed. Not here: sending (``session``).
"""

from __future__ import annotations

from collections import deque

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import Record


class Backlog:
    """Of one connection.

    Args:
        outbox: what waits.
        in_order: marked ones in their place; else after everything that was never confirmed.
    """

    def __init__(self, outbox: Outbox, *, in_order: bool = True) -> None:
        self._outbox, self.in_order = outbox, in_order
        self._marked = deque(() if in_order else outbox.settling())
        self._late = frozenset(self._marked)
        self._newest_marked = max(self._late, default=0)
        self._after = 0
        self.settled = False
        """Whether anything was settled for good over this connection."""

    def next(self, room: int) -> list[Record]:
        """The next ones, at most ``room``.

        Raises:
            OutboxError: the file cannot be read.
        """
        fresh = self._outbox.pending(room, after=self._after, marked=self.in_order)
        if fresh:
            self._after = fresh[-1].seq
        if len(fresh) == room or not self._marked:
            return fresh
        self._after = max(self._after, self._newest_marked)  # all before it are marked or sent: not looked at again
        late = [self._marked.popleft() for _ in range(min(room - len(fresh), len(self._marked)))]
        return fresh + self._outbox.these(late)

    def again(self, seq: int) -> None:
        """This one was not taken: it is the next."""
        if seq in self._late:
            self._marked.appendleft(seq)
        else:
            self._after = min(self._after, seq - 1)


class Backlogs:
    """The backlogs of one process's connections, one after the other.

    Args:
        outbox: what waits.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._last: Backlog | None = None

    def begin(self) -> Backlog:
        """There is a new connection."""
        last = self._last
        self._last = Backlog(self._outbox, in_order=last is not None and (last.settled or not last.in_order))
        return self._last
