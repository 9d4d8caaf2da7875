"""The pieces that rules are made of: what is compared with what, and what is said about it.

In: readings of one name with their time stamps. Out: a ``Condition`` when the answer changes, and once after start-up
as soon as the readings clearly say that it does not hold: an alarm that was active before a restart is cleared by
that. Not here: measuring durations (``hold``), the numbers (``limits``), the tables (``driver``, ``vitals``,
``sound``), and making alerts of conditions (``alarms``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from edge_mm.alerts.hold import Hold, ns, seconds_between
from edge_mm.alerts.sensors import QUALITY
from edge_mm.alerts.streams import Running
from edge_mm.kinds import Category, Modality, Priority
from edge_mm.types import Condition, Observation, PolicyInput, Reason, Status, Tick


@dataclass(frozen=True, slots=True)
class Measured:
    """What was compared with what, at a transition."""

    value: float
    """What was compared."""
    limit: float
    """With what."""
    params: Mapping[str, float | str]
    """What the sentences may name."""
    latch: str = ""
    """Why an alarm that this raises stays until it is acknowledged; empty: it does not."""


class Tracker(Protocol):
    """The state of one rule for one stream."""

    @property
    def hold(self) -> Hold:
        """What it has come to: whether it holds, since when, and the time of the last usable reading."""
        ...

    def read(self, reading: Observation) -> None:
        """Take a usable reading; one older than the last is ignored."""
        ...

    def measured(self) -> Measured:
        """What was compared at the last reading."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule is called and what it says; the sentences may name the tracker's ``params``."""

    kind: str
    """Kind of the alert."""
    priority: Priority
    """How urgent."""
    code: str
    """Stable code of the reason; the cleared one is this with ``_over``."""
    raised: str
    """Sentence when it holds."""
    cleared: str
    """Sentence when it is over."""
    unit: str
    """Unit of what is compared."""
    key: str = ""
    """Which instance of the kind, where there are several; empty: the kind itself."""
    category: Category = "physiological"
    """About the person, or about the device."""
    baseline: str = ""
    """What is usual for this person and has moved the limit; the reasons say so. Empty: the population's limit."""

    def condition(
        self,
        t_ns: int,
        *,
        active: bool,
        onset_ns: int | None,
        measured: Measured,
        sources: tuple[Modality, ...] = (),
        head: str = "",
    ) -> Condition:
        """What to tell the alarm machine."""
        code, text = (self.code, self.raised) if active else (f"{self.code}_over", self.cleared)
        said, params = text.format(**measured.params), dict(measured.params)
        if active and measured.latch:
            said = f"{said}; {measured.latch}"
        if self.baseline:
            said, params["baseline"] = f"{said}; personal baseline: {self.baseline}", self.baseline
        return Condition(
            t_ns=t_ns,
            kind=self.kind,
            active=active,
            onset_ns=t_ns if onset_ns is None else onset_ns,
            priority=self.priority,
            category=self.category,
            reason=Reason(code, params, said),
            value=measured.value,
            limit=measured.limit,
            unit=self.unit,
            key=self.key or self.kind,
            sources=sources if self.category == "physiological" else (),
            head=head,
            latch=active and bool(measured.latch),
        )


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
            text = self._event_over
        elif isinstance(event, Status) and event.state == "off":
            if event.stream in self._trackers:
                past = [self._trackers.pop(event.stream)]
            if not self._told and not self._running.ended(self._sense):
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


def ended(rule: Rule, t_ns: int, text: str, measured: Measured) -> Condition:
    """It is over without a reading that says so; ``measured`` is what was compared last."""
    return Condition(
        t_ns=t_ns,
        kind=rule.kind,
        active=False,
        onset_ns=t_ns,
        priority=rule.priority,
        category=rule.category,
        reason=Reason(f"{rule.code}_ended", {}, text),
        value=measured.value,
        limit=measured.limit,
        unit=rule.unit,
        key=rule.key or rule.kind,
    )


class Level:
    """Tracker: a reading beyond a limit for some time."""

    __slots__ = ("_below", "_dwell_s", "_enter", "_exit", "_timed", "_value", "hold")

    def __init__(
        self,
        *,
        enter: float,
        exit: float,
        dwell_s: float,
        keep_s: float,
        max_gap_s: float,
        below: bool = False,
        timed: bool = False,
    ) -> None:
        """Args:
        enter: the limit that starts the condition; a reading at it does.
        exit: the limit that ends it; a reading at it does not.
        dwell_s: seconds until it holds.
        keep_s: seconds until it is over.
        max_gap_s: see ``Hold``.
        below: readings below ``enter`` start it, not those above.
        timed: what is compared is the duration (with ``dwell_s``), not the reading (with ``enter``).
        """
        self._enter = enter
        self._exit = exit
        self._below = below
        self._dwell_s = dwell_s
        self._timed = timed
        self._value = 0.0
        self.hold = Hold(dwell_s=dwell_s, keep_s=keep_s, max_gap_s=max_gap_s)

    @property
    def enter(self) -> float:
        """The limit that starts it."""
        return self._enter

    def read(self, reading: Observation) -> None:
        """Take a usable reading."""
        self.read_value(reading.t_ns, reading.value)

    def read_value(self, t_ns: int, value: float, *, start_ns: int | None = None) -> None:
        """Take a number; ``start_ns`` as in ``Hold.read``."""
        self._value = value
        if self._below:
            enters, leaves = value <= self._enter, value > self._exit
        else:
            enters, leaves = value >= self._enter, value < self._exit
        self.hold.read(t_ns, enters=enters, leaves=leaves, start_ns=start_ns)

    def wait(self, dwell_s: float) -> None:
        """From now on it has to last so long."""
        if dwell_s != self._dwell_s and not self.hold.told:
            self._dwell_s = dwell_s
            self.hold.wait(dwell_s)

    def measured(self) -> Measured:
        """Reading and limit, or duration and dwell; ``seconds``: how long it has held, or how long it has been over."""
        hold = self.hold
        start, last = hold.onset_ns if hold.told else hold.calm_ns, hold.last_ns
        seconds = 0.0 if start is None or last is None else seconds_between(start, last)
        if self._timed:
            return Measured(seconds if hold.told else 0.0, self._dwell_s, {"seconds": seconds, "limit": self._dwell_s})
        params = {"value": round(self._value, 3), "limit": self._enter, "seconds": seconds}
        return Measured(self._value, self._enter, params)
