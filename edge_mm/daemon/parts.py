"""How our own parts do, as Status events: the outbox, the link to the broker, the process that runs graphs.

In: what each part says of itself. Out: a Status of ``@outbox``, ``@broker`` or ``@graphs`` where that has changed; they
raise and clear technical alerts as a sensor's do. Not here: mending anything.
"""

from __future__ import annotations

from edge_mm.kinds import SourceState
from edge_mm.types import Status

BROKER_S = 15.0
"""A broker that is away for less is no event: it was restarted, or the network blinked."""


class Parts:
    """Notices changes.

    Args:
        begin_s: the present in seconds.
    """

    def __init__(self, begin_s: float) -> None:
        self._states: dict[str, tuple[SourceState, str]] = {}
        self._away_since_s: float | None = begin_s

    @property
    def states(self) -> dict[str, str]:
        """Part -> state."""
        return {name: state for name, (state, _) in self._states.items()}

    def outbox(self, t_ns: int, failure: str) -> list[Status]:
        """What the disk says; empty while it takes everything."""
        return self.tell(t_ns, "@outbox", "degraded" if failure else "live", failure)

    def broker(
        self, t_ns: int, now_s: float, *, online: bool, detail: str, trouble: str = "", mute: bool = False
    ) -> list[Status]:
        """How the link stands; a broker that throws alerts away is as good as lost, whatever else it takes."""
        if online:
            self._away_since_s = None
            state: SourceState = "lost" if mute else "degraded" if trouble else "live"
            return self.tell(t_ns, "@broker", state, trouble)
        if self._away_since_s is None:
            self._away_since_s = now_s
        if now_s - self._away_since_s < BROKER_S:
            return []
        return self.tell(t_ns, "@broker", "lost", detail or "not connected")

    def tell(self, t_ns: int, part: str, state: SourceState, detail: str) -> list[Status]:
        """A part is in this state; that it is well is said the first time too, for what was wrong before a restart."""
        before = self._states.get(part)
        self._states[part] = (state, detail)
        if before is not None and before[0] == state:
            if part != "@config" or before[1] == detail:
                return []
            return [Status(t_ns, part, "live"), Status(t_ns, part, state, detail)]  # refused anew, for another reason
        return [Status(t_ns, part, state, detail)]
