"""Notice that nothing comes.

In: when each device last gave something. Out: a ``stale`` Status after ``STALE_S`` of nothing, and after ``OPENING_S``
of an opening that does not come to an end; ``live`` when it comes back. No clock of its own. Not here: reopening
(``daemon.reader``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edge_mm.types import NS_PER_S, SourceState, Status

STALE_S = 2.0
"""A camera gives 10 to 30 frames per second, blocks come every 0.1 s or so: 2 s of nothing is a fault."""
OPENING_S = 15.0
"""A camera or microphone that cannot be opened says so within 5 s and is ``lost``; one that is neither open nor lost
after this time hangs in its driver."""
_PATIENCE_S: Mapping[SourceState, float] = {"live": STALE_S, "starting": OPENING_S}


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
        if status.state in _PATIENCE_S and status.stream in self._devices:
            self._seen[status.stream] = max(status.t_ns, self._seen.get(status.stream, 0))

    def arrived(self, stream: str, now_ns: int) -> Status | None:
        """Something came; gives the ``live`` Status if the stream was stale."""
        if stream in self._devices:
            self._seen[stream] = now_ns
        if self._state.get(stream) != "stale":
            return None
        self._state[stream] = "live"
        return Status(now_ns, stream, "live", "gives data again")

    def overdue(self, now_ns: int, *, queued: Collection[str] = ()) -> list[Status]:
        """The streams that have just become stale.

        Args:
            now_ns: the present.
            queued: streams that have given something which nobody has looked at yet.
        """
        late = []
        for stream, seen_ns in self._seen.items():
            state = self._state.get(stream, "off")
            patience_s = _PATIENCE_S.get(state)
            if patience_s is not None and stream not in queued and now_ns - seen_ns > patience_s * NS_PER_S:
                self._state[stream] = "stale"
                what = "not open" if state == "starting" else "no data"
                late.append(Status(now_ns, stream, "stale", f"{what} for {patience_s:g} s"))
        return late
