"""Notice that nothing comes.

In: when each device last gave something, and how long a silence each stream calls normal. Out: a ``stale`` Status after
that (2 s where a stream does not say otherwise), and after ``OPENING_S`` of an opening that does not come to an end;
the state before when it comes back. No clock of its own. Not here: reopening (``daemon.reader``).
"""

from __future__ import annotations

from collections.abc import Collection

from edge_mm.daemon.reader import OPENING_S
from edge_mm.kinds import SourceState
from edge_mm.types import NS_PER_S, Status, StreamSpec

STALE_S = 2.0
"""Where a stream has not said what is normal."""
_WATCHED: frozenset[SourceState] = frozenset(("live", "degraded", "starting"))


class Freshness:
    """What state each stream is in, as the daemon sees it.

    Args:
        devices: streams that have to give something all the time. Any other is a file: a gap in it is what was
            recorded, no fault of a sensor, so it is never stale.
    """

    def __init__(self, devices: Collection[str]) -> None:
        self._devices = frozenset(devices)
        self._patience_s: dict[str, float] = {}
        self._seen: dict[str, int] = {}
        self._state: dict[str, SourceState] = {}
        self._before: dict[str, SourceState] = {}

    @property
    def states(self) -> dict[str, SourceState]:
        """Stream -> state."""
        return dict(self._state)

    def silent_s(self, now_ns: int) -> dict[str, float]:
        """Device's stream -> seconds since it last gave something or changed to a state in which it should."""
        return {stream: round(max(0, now_ns - seen_ns) / NS_PER_S, 1) for stream, seen_ns in self._seen.items()}

    def opened(self, spec: StreamSpec) -> None:
        """A stream says what it promises."""
        self._patience_s[spec.name] = spec.stale_s

    def status(self, status: Status) -> None:
        """A source said what state it is in; trying again leaves one that is lost or silent so until it gives."""
        if status.state == "starting" and self._state.get(status.stream) in ("lost", "stale"):
            return
        self._state[status.stream] = status.state
        if status.state in _WATCHED and status.stream in self._devices:
            self._seen[status.stream] = max(status.t_ns, self._seen.get(status.stream, 0))

    def arrived(self, stream: str, now_ns: int) -> Status | None:
        """Something came; gives the Status of before if the stream was stale."""
        if stream in self._devices:
            self._seen[stream] = now_ns
        if self._state.get(stream) != "stale":
            return None
        before = self._before.get(stream, "live")
        self._state[stream] = back = "live" if before == "starting" else before
        return Status(now_ns, stream, back, "gives data again")

    def overdue(self, now_ns: int, *, queued: Collection[str] = ()) -> list[Status]:
        """The streams that have just become stale.

        Args:
            now_ns: the present.
            queued: streams that have given something which nobody has looked at yet.
        """
        late = []
        for stream, seen_ns in self._seen.items():
            state = self._state.get(stream, "off")
            if state not in _WATCHED or stream in queued:
                continue
            patience_s = OPENING_S if state == "starting" else self._patience_s.get(stream, STALE_S)
            if now_ns - seen_ns > patience_s * NS_PER_S:
                self._before[stream], self._state[stream] = state, "stale"
                what = "not open" if state == "starting" else "no data"
                late.append(Status(now_ns, stream, "stale", f"{what} for {patience_s:g} s"))
        return late
