"""One rule over the observations of some names, each stream on a time line of its own.

In: readings with their time stamps, and what became of streams. Out: a ``Condition`` when the answer changes, and once
after start-up as soon as the readings clearly say that it does not hold: an alarm that was active before a restart is
cleared by that. Not here: what is compared with what (``level``, ``windows`` ...), what is said (``rules``).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from edge_mm.alerts.hold import ns
from edge_mm.alerts.rules import Rule, Tracker, ended
from edge_mm.alerts.sensors import QUALITY
from edge_mm.alerts.streams import Running
from edge_mm.kinds import Modality
from edge_mm.types import Condition, Observation, PolicyInput, Status, Tick


class Watch:
    """A policy: one rule over the observations of some names.

    Each stream has a tracker of its own, so two cameras do not interrupt each other; the condition holds when it
    holds on one of them. A stream that has been silent for ``max_gap_s`` while another one says that it is over no
    longer keeps it up. A stream that is switched off (a file's end) ends what it held: nobody is watched there any
    more. A stream that is lost or stale ends nothing.

    Until something was said, an alarm of before a restart may be active. So "not so" waits for a stream on which the
    condition may just be beginning, and is also said when no stream of ``sense`` runs any more.

    Args:
        rule: names and sentences.
        track: makes the state of one stream.
        names: observations to listen to.
        sense: of which sense they are.
        min_quality: readings below it say nothing.
        max_gap_s: silence after which a stream no longer keeps the condition up against another one.
        event_s: for events (a bark) rather than states (closed eyes): over after so long without a reading.
        event_over: what is said then.
    """

    def __init__(
        self,
        rule: Rule,
        track: Callable[[], Tracker],
        *,
        names: frozenset[str],
        sense: Modality,
        min_quality: float,
        max_gap_s: float,
        event_s: float | None = None,
        event_over: str = "not heard any more",
    ) -> None:
        self.rule = rule
        self.names = names | {QUALITY}
        self._event_ns = None if event_s is None else ns(event_s)
        self._event_over = event_over
        self._track = track
        self._sense: Modality = sense
        self._min_quality = min_quality
        self._gap_ns = ns(max_gap_s)
        self._trackers: dict[str, Tracker] = {}
        self._running = Running()
        self._begun_ns: int | None = None
        self._told: bool | None = None
        self._latched = False

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event; readings of poor quality, NaN and infinity say nothing."""
        if not isinstance(event, Observation) or event.name == QUALITY:
            self._running.take(event)
            return () if self._told is False else self._passed(event)
        if event.name not in self.names:
            return ()
        if not event.quality >= self._min_quality or not isfinite(event.value):  # a quality of NaN is none
            return ()
        tracker = self._trackers.get(event.stream)
        if tracker is None or tracker.hold.stepped_back(event.t_ns):
            tracker = self._trackers[event.stream] = self._track()
        tracker.read(event)
        told = tracker.hold.told
        if told is None or (told is self._told and (self._latched or not told)):
            return ()
        measured = tracker.measured()
        if told is self._told and not measured.latch:
            return ()
        if not told:
            if self._held_elsewhere(event.t_ns):
                return ()
            # Streams that went silent while it held start anew when they come back.
            self._trackers = {stream: one for stream, one in self._trackers.items() if not one.hold.told}
        self._told, self._latched = told, told and bool(measured.latch)
        return (
            self.rule.condition(
                event.t_ns,
                active=told,
                onset_ns=tracker.hold.onset_ns if told else None,
                measured=measured,
                sources=(event.source,),
            ),
        )

    def _passed(self, event: PolicyInput) -> tuple[Condition, ...]:
        """While it holds, or may from before a restart: time went on, or a stream changed its state."""
        past: list[Tracker] = []
        if isinstance(event, Tick) and self._event_ns is not None:
            if self._begun_ns is None:
                self._begun_ns = event.t_ns
            if self._told is None and event.t_ns - self._begun_ns < self._event_ns:
                return ()
            silent = [stream for stream in self._trackers if self._silent_ns(stream, event.t_ns) >= self._event_ns]
            past = [self._trackers.pop(stream) for stream in silent]
            if self._told and not past:
                return ()
            text = self._event_over
        elif isinstance(event, Status) and event.state == "off":
            if event.stream in self._trackers:
                past = [self._trackers.pop(event.stream)]
            if not (self._told and past) and not self._running.ended(self._sense):
                return ()
            text = f"no longer watched: {event.stream} has ended"
        elif self._told is None and self._running.ended(self._sense):  # it has just become known what else runs
            text = "no longer watched: the source has ended"
        else:
            return ()
        # While nothing was said, a stream that is undecided is waited for, like one on which it holds.
        if any(one.hold.told is self._told for one in self._trackers.values()):
            return ()
        last = next((one for one in past if one.hold.told), None) or self._track()
        self._told = False
        return (ended(self.rule, event.t_ns, text, last.measured()),)

    def _silent_ns(self, stream: str, t_ns: int) -> int:
        return abs(t_ns - (self._trackers[stream].hold.last_ns or 0))

    def _held_elsewhere(self, t_ns: int) -> bool:
        """Whether it holds on another stream; while nothing was said, also whether it may be beginning there."""
        return any(
            (one.hold.told or (self._told is None and one.hold.onset_ns is not None))
            and self._silent_ns(stream, t_ns) <= self._gap_ns
            for stream, one in self._trackers.items()
        )
