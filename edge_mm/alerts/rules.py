"""The pieces that rules are made of: what is compared with what, and what is said about it.

In: readings of one name with their time stamps. Out: a ``Condition`` when the answer changes, and once after start-up
as soon as the readings clearly say that it does not hold: an alarm that was active before a restart is cleared by
that. Not here: measuring durations (``hold``), the numbers (``limits``), the tables (``driver``, ``vitals``,
``sound``), and making alerts of conditions (``alarms``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Protocol

from edge_mm.alerts.hold import Hold, ns, seconds_between
from edge_mm.types import Condition, Modality, Observation, PolicyInput, Priority, Reason, Status, Tick


@dataclass(frozen=True, slots=True)
class Measured:
    """What was compared with what, at a transition."""

    value: float
    """What was compared."""
    limit: float
    """With what."""
    params: Mapping[str, float | str]
    """What the sentences may name."""


class Tracker(Protocol):
    """The state of one rule for one stream."""

    @property
    def told(self) -> bool | None:
        """None: nothing said yet; True: holds; False: does not."""
        ...

    @property
    def onset_ns(self) -> int | None:
        """When it began."""
        ...

    @property
    def last_ns(self) -> int | None:
        """Time of the last usable reading."""
        ...

    def read(self, reading: Observation) -> None:
        """Take a usable reading."""
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
        return Condition(
            t_ns=t_ns,
            kind=self.kind,
            active=active,
            onset_ns=t_ns if onset_ns is None else onset_ns,
            priority=self.priority,
            category="physiological",
            reason=Reason(code, dict(measured.params), text.format(**measured.params)),
            value=measured.value,
            limit=measured.limit,
            unit=self.unit,
            key=self.kind,
            sources=sources,
            head=head,
        )


class Watch:
    """A policy: one rule over the observations of some names.

    Each stream has a tracker of its own, so two cameras do not interrupt each other; the condition holds when it
    holds on one of them. A stream that has been silent for ``max_gap_s`` while another one says that it is over no
    longer keeps it up. A stream that is switched off (a file's end) ends what it held: nobody is watched there any
    more. A stream that is lost or stale ends nothing.

    Args:
        rule: names and sentences.
        track: makes the state of one stream.
        names: observations to listen to.
        min_quality: readings below it say nothing.
        max_gap_s: silence after which a stream no longer keeps the condition up against another one.
        event_s: for events (a bark) rather than states (closed eyes): over after so long without a reading.
    """

    def __init__(
        self,
        rule: Rule,
        track: Callable[[], Tracker],
        *,
        names: frozenset[str],
        min_quality: float,
        max_gap_s: float,
        event_s: float | None = None,
    ) -> None:
        self.rule = rule
        self._event_ns = None if event_s is None else ns(event_s)
        self.names = names
        self._track = track
        self._min_quality = min_quality
        self._gap_ns = ns(max_gap_s)
        self._trackers: dict[str, Tracker] = {}
        self._told: bool | None = None

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event; readings of poor quality and NaN say nothing."""
        if not isinstance(event, Observation):
            return self._passed(event) if self._told else ()
        if event.name not in self.names:
            return ()
        if event.quality < self._min_quality or isnan(event.value):
            return ()
        tracker = self._trackers.get(event.stream)
        if tracker is None:
            tracker = self._trackers[event.stream] = self._track()
        tracker.read(event)
        told = tracker.told
        if told is None or told is self._told:
            return ()
        if not told:
            if self._held_elsewhere(event.t_ns):
                return ()
            # Streams that went silent while it held start anew when they come back.
            self._trackers = {stream: one for stream, one in self._trackers.items() if not one.told}
        self._told = told
        return (
            self.rule.condition(
                event.t_ns,
                active=told,
                onset_ns=tracker.onset_ns if told else None,
                measured=tracker.measured(),
                sources=(event.source,),
            ),
        )

    def _passed(self, event: PolicyInput) -> tuple[Condition, ...]:
        """While it holds: time went on, or a stream changed its state."""
        if isinstance(event, Status) and event.state == "off":
            self._trackers.pop(event.stream, None)
            text = f"no longer watched: {event.stream} has ended"
        elif isinstance(event, Tick) and self._event_ns is not None:
            before_ns = event.t_ns - self._event_ns
            self._trackers = {s: one for s, one in self._trackers.items() if (one.last_ns or 0) > before_ns}
            text = "not heard any more"
        else:
            return ()
        if any(one.told for one in self._trackers.values()):
            return ()
        self._told = False
        return (ended(self.rule, event.t_ns, text),)

    def _held_elsewhere(self, t_ns: int) -> bool:
        return any(
            other.told and other.last_ns is not None and t_ns - other.last_ns <= self._gap_ns
            for other in self._trackers.values()
        )


def ended(rule: Rule, t_ns: int, text: str) -> Condition:
    """It is over without a reading that says so."""
    return Condition(
        t_ns=t_ns,
        kind=rule.kind,
        active=False,
        onset_ns=t_ns,
        priority=rule.priority,
        category="physiological",
        reason=Reason(f"{rule.code}_ended", {}, text),
        value=0.0,
        limit=0.0,
        unit=rule.unit,
        key=rule.kind,
    )


class Level:
    """Tracker: a reading beyond a limit for some time.

    A low limit is one whose ``exit`` lies above its ``enter``.
    """

    __slots__ = ("_below", "_dwell_s", "_enter", "_exit", "_hold", "_timed", "_value")

    def __init__(
        self, *, enter: float, exit: float, dwell_s: float, keep_s: float, max_gap_s: float, timed: bool = False
    ) -> None:
        """Args: ``timed``: what is compared is the duration (with ``dwell_s``), not the reading (with ``enter``)."""
        self._enter = enter
        self._exit = exit
        self._below = exit > enter
        self._dwell_s = dwell_s
        self._timed = timed
        self._value = 0.0
        self._hold = Hold(dwell_s=dwell_s, keep_s=keep_s, max_gap_s=max_gap_s)

    @property
    def told(self) -> bool | None:
        """See ``Tracker``."""
        return self._hold.told

    @property
    def onset_ns(self) -> int | None:
        """See ``Tracker``."""
        return self._hold.onset_ns

    @property
    def last_ns(self) -> int | None:
        """See ``Tracker``."""
        return self._hold.last_ns

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
        self._hold.read(t_ns, enters=enters, leaves=leaves, start_ns=start_ns)

    def forget(self) -> None:
        """Start again."""
        self._hold.forget()

    def measured(self) -> Measured:
        """Duration and dwell, or reading and limit."""
        return measured_of(self._hold, self._value, limit=self._enter, dwell_s=self._dwell_s, timed=self._timed)


def measured_of(hold: Hold, value: float, *, limit: float, dwell_s: float, timed: bool) -> Measured:
    """What a ``Hold`` compared: ``seconds`` is how long it has held, or how long it has been over."""
    start = hold.onset_ns if hold.told else hold.calm_ns
    last = hold.last_ns
    seconds = 0.0 if start is None or last is None else seconds_between(start, last)
    if timed:
        return Measured(seconds if hold.told else 0.0, dwell_s, {"seconds": seconds, "limit": dwell_s})
    return Measured(value, limit, {"value": round(value, 3), "limit": limit, "seconds": seconds})
