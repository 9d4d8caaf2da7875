"""What state everything is in: sensors, our own parts, threads; and whether we make progress.

In: what sources and parts say, and the time. Out: a Status for each change, for the monitor and for the world; whether
the watchdog may be fed. Not here: replacing a thread (``daemon.crew``), noticing silence (``daemon.freshness``), what a
change means (``alerts.sensors``).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from edge_mm.daemon.crew import Crew
from edge_mm.daemon.freshness import Freshness
from edge_mm.daemon.keeper import Keeper
from edge_mm.daemon.logs import NEWS
from edge_mm.daemon.parts import Parts
from edge_mm.daemon.reader import kind_of
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import WorkerError
from edge_mm.kinds import SourceState
from edge_mm.types import Status

STUCK_S = 180.0
"""A delivery thread that has not turned once in this time hangs; connecting and waiting for it take less."""
_LOUD: frozenset[SourceState] = frozenset(("degraded", "stale", "lost"))
_log = logging.getLogger("edge_mm.run")


class News:
    """What parts of ours that have no thread say of themselves while they work: ``("@graphs", "lost", why)``."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, SourceState, str]] = deque(maxlen=256)
        self.refusals: deque[str] = deque(maxlen=16)
        """Why new configurations were refused; whoever answers for it takes them."""
        self.graphs: SourceState = "live"
        """State of what runs the graphs."""
        for part in ("@graphs", "@config"):  # what was wrong before a restart is well until it says otherwise
            self._waiting.append((part, "live", ""))

    def of(self, part: str) -> Callable[[SourceState, str], None]:
        """What a part is given to say how it is."""
        return lambda state, detail: self._waiting.append((part, state, detail))

    def config(self, refused: str) -> None:
        """Why a new configuration was refused; empty: none was."""
        self._waiting.append(("@config", "degraded" if refused else "live", refused))
        if refused:
            self.refusals.append(refused)

    def take(self) -> list[tuple[str, SourceState, str]]:
        """All of it, oldest first."""
        said = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self.graphs = next((state for part, state, _ in reversed(said) if part == "@graphs"), self.graphs)
        return said


class Supervision:
    """Looks after a run; belongs to the monitor's thread.

    Args:
        crew: the sources' threads.
        outbox: keeps transitions.
        keeper: makes transitions durable.
        sink: delivers them.
        freshness: who is silent.
        news: what other parts say.
    """

    def __init__(
        self, crew: Crew, *, outbox: Outbox, keeper: Keeper, sink: MqttSink, freshness: Freshness, news: News
    ) -> None:
        self._crew, self._outbox, self._keeper, self._sink = crew, outbox, keeper, sink
        self._freshness, self._news = freshness, news
        self._parts = Parts(time.monotonic())
        self._logged: dict[str, tuple[SourceState, str]] = {}
        self._t_ns = 0

    def sensors(self, t_ns: int, *, queued: Collection[str]) -> list[Status]:
        """Which sensors have fallen silent, and whose threads have failed.

        Raises:
            WorkerError: a thread failed too often.
        """
        self._t_ns = t_ns
        return self._freshness.overdue(t_ns, queued=queued) + self._crew.look_after()

    def parts(self, t_ns: int, now_s: float) -> list[Status]:
        """Which parts of ours have changed."""
        failure, link = self._keeper.failure, self._sink.link
        changed = self._parts.outbox(t_ns, "" if failure is None else str(failure))
        changed += self._parts.broker(
            t_ns, now_s, online=link.state == "online", detail=link.detail, trouble=link.trouble, mute=link.mute
        )
        for part, state, detail in self._news.take():
            changed += self._parts.tell(t_ns, part, state, detail)
        for status in changed:
            self.log(status)
        return changed

    @property
    def unheard(self) -> bool:
        """Whether nobody hears of an alert: the broker has been away for a while, or alerts cannot be stored."""
        return self._keeper.failure is not None or self._parts.states.get("@broker") == "lost"

    def log(self, status: Status) -> None:
        """A line for the journal where something has changed: not for each attempt to open what is lost."""
        part, now = status.stream.startswith("@"), (status.state, kind_of(status.detail))
        before = self._logged.get(status.stream)
        if status.state == "starting" and before is not None:
            return
        self._logged[status.stream] = now
        if now == before or (part and before is None and status.state == "live"):
            return
        level = logging.WARNING if status.state in _LOUD else logging.INFO
        detail = f" ({status.detail})" if status.detail else ""
        _log.log(level, "%s: %s%s", status.stream.removeprefix("@"), status.state, detail, extra=NEWS)

    def progresses(self, now_s: float) -> bool:
        """Whether the watchdog may be fed: the monitor's thread asks, so it runs; does delivery?

        Raises:
            WorkerError: the delivery thread has ended.
        """
        if not self._sink.alive:
            raise WorkerError("the delivery thread has ended; alerts are kept in the outbox, and a new process goes on")
        return now_s - self._sink.turned_s < STUCK_S

    @property
    def report(self) -> Mapping[str, Any]:
        """For ``bridge/health``: parts' states, the link, how often each thread was replaced, what sources count."""
        failure = self._keeper.failure
        return {
            "outbox": {
                "depth": self._outbox.depth,
                "waiting": dict(self._outbox.depths),
                "unstored": self._keeper.pending,
                "error": None if failure is None else str(failure),
            },
            "mqtt": {"link": self._sink.link.state, **msgspec.to_builtins(self._sink.stats())},
            "parts": self._parts.states,
            "restarts": dict(self._crew.restarts),
            "counters": self._crew.counters,
            "silent_s": self._freshness.silent_s(self._t_ns),
        }
