"""When the monitor is told the time: four times a second.

In: the times of events (recordings) or the present (devices). Out: Ticks. Not here: any clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_mm.types import NS_PER_S, Tick

TICK_NS = NS_PER_S // 4
LONGEST_GAP_NS = 3600 * NS_PER_S
"""A gap longer than this is passed with one Tick: a file whose times begin in 1970 would give thousands of millions."""


class RecordingTicks:
    """Ticks in a recording's own time; the same recording gives the same Ticks.

    The first is at the earliest event: it is the origin of the windows, whatever stream comes first.
    """

    def __init__(self) -> None:
        self._next_ns: int | None = None

    def before(self, t_ns: int) -> Iterator[Tick]:
        """The Ticks that are due before an event at ``t_ns``, one at ``t_ns`` itself included."""
        if self._next_ns is None or t_ns - self._next_ns > LONGEST_GAP_NS:
            self._next_ns = t_ns
        while t_ns >= self._next_ns:
            yield Tick(self._next_ns)
            self._next_ns += TICK_NS
