"""Notice that nothing comes.

In: when each device last gave something. Out: a ``stale`` Status after ``STALE_S`` of nothing, ``live`` when it comes
back. No clock of its own. Not here: reopening (``daemon.reader``).
"""

from __future__ import annotations

from collections.abc import Collection

from edge_mm.types import NS_PER_S, SourceState, Status

STALE_S = 2.0
"""A camera gives 10 to 30 frames per second, blocks come every 0.1 s or so: 2 s of nothing is a fault."""


class Freshness:
    """What state each stream is in, as the daemon sees it.

    Args:
        devices: streams that have to give something all the time. Any other is a file: a gap in it is what was
            recorded, no fault of a sensor, so it is never stale.
    """

    def __init__(self, devices: Collection[str]) -> None:
        self._devices = frozenset(devices)
        self._seen: dict[str, int] = {}
        self._state: dict[str, SourceState] = {}

    @property
    def states(self) -> dict[str, SourceState]:
        """Stream -> state."""
        return dict(self._state)

    def status(self, status: Status) -> None:
        """A source said what state it is in."""
        self._state[status.stream] = status.state
        if status.state == "live" and status.stream in self._devices:
            self._seen[status.stream] = max(status.t_ns, self._seen.get(status.stream, 0))

    def arrived(self, stream: str, now_ns: int) -> Status | None:
        """Something came; gives the ``live`` Status if the stream was stale."""
        if stream in self._devices:
            self._seen[stream] = now_ns
        if self._state.get(stream) != "stale":
            return None
        self._state[stream] = "live"
        return Status(now_ns, stream, "live", "gives data again")

    def overdue(self, now_ns: int) -> list[Status]:
        """The streams that have just become stale."""
        late = []
        for stream, seen_ns in self._seen.items():
            if self._state.get(stream) == "live" and now_ns - seen_ns > STALE_S * NS_PER_S:
                self._state[stream] = "stale"
                late.append(Status(now_ns, stream, "stale", f"no data for {STALE_S:g} s"))
        return late
