"""Several people watched by one device: a monitor each, and keys that say which.

In: events, as a ``Monitor`` takes them; which stream belongs to whom. Out: the same outputs, in order; alerts and
estimates about a person carry the person's name (``driver.eyes_closed@passenger``), alerts about sensors do not: a
stream's name says enough. Incidents count through all of them. Not here: deciding anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import msgspec

from edge_mm.alerts.alarms import Alarms, empty_snapshot
from edge_mm.alerts.sensors import PART_KINDS, SENSOR_KINDS
from edge_mm.errors import ConfigError
from edge_mm.kinds import LEADS_TO
from edge_mm.monitor import Monitor
from edge_mm.protocols import Policy
from edge_mm.types import Alert, Command, Estimate, Event, Output, Reason, Reply, Sample, Status, StreamSpec

_VERSION = "people-1"
_REARRANGED = Reason("watched_no_longer", {}, "no longer watched so: the configuration has been rearranged")


class _Raised(msgspec.Struct, array_like=True):
    person: str
    key: str
    alert: Alert


class _Snapshot(msgspec.Struct):
    version: str
    last: int
    people: dict[str, bytes]
    raised: list[_Raised]


class People:
    """Monitors side by side, with a monitor's methods.

    Args:
        monitors: person -> what watches over the person; at least one.
        person_of: stream -> person; a stream that is not named belongs to the first.
    """

    def __init__(self, monitors: Mapping[str, Monitor], person_of: Mapping[str, str]) -> None:
        self._monitors = dict(monitors)
        self._person_of = dict(person_of)
        self._first = next(iter(self._monitors))
        self._raised: dict[tuple[str, str], Alert] = {}
        self._last = 0
        self._said: list[Output] = []

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """What has been announced."""
        return tuple(spec for monitor in self._monitors.values() for spec in monitor.streams)

    @property
    def windows(self) -> int:
        """Fusion windows so far, of all."""
        return sum(monitor.windows for monitor in self._monitors.values())

    @property
    def active(self) -> tuple[Alert, ...]:
        """The latest transition of each alarm that is active, as it was given."""
        return tuple(self._raised.values())

    @property
    def policies(self) -> Mapping[str, Sequence[Policy]]:
        """Person -> what decides about the person."""
        return {person: monitor.policies for person, monitor in self._monitors.items()}

    def add_stream(self, spec: StreamSpec) -> None:
        """As ``Monitor.add_stream``, of whom the stream belongs to."""
        self._monitors[self.whose(spec.name)].add_stream(spec)

    def push(self, event: Event) -> list[Output]:
        """Take the next event: a Sample or a sensor's Status goes to its person, a part's to the first, time to all; a
        Command to whoever has the alarm.
        """
        if isinstance(event, Command):
            return self._command(event)
        if isinstance(event, (Sample, Status)):
            return self._each([self.whose(event.stream)], lambda monitor: monitor.push(event))
        return self._each(self._monitors, lambda monitor: monitor.push(event))

    def flush(self) -> list[Output]:
        """As ``Monitor.flush``, of all."""
        return self._each(self._monitors, lambda monitor: monitor.flush())

    def unsaid(self) -> list[Output]:
        """As ``Monitor.unsaid``: of whoever failed, and what the others had given before in the same call."""
        said, self._said = self._said, []
        for person, monitor in self._monitors.items():
            said += [self._name(person, one) for one in monitor.unsaid()]
        return said

    def snapshot(self) -> bytes:
        """All alarm states; commit it together with the transitions that led to it."""
        raised = [_Raised(person, key, alert) for (person, key), alert in self._raised.items()]
        people = {person: monitor.snapshot() for person, monitor in self._monitors.items()}
        return msgspec.msgpack.encode(_Snapshot(_VERSION, self._last, people, raised))

    def restore(self, data: bytes, *, same_clock: bool = False) -> list[Alert]:
        """Go on from a snapshot, of other people too.

        Args:
            data: of ``snapshot``.
            same_clock: as ``Monitor.restore``.

        Returns:
            The latest transitions of alarms about which nobody will say anything any more: they are to be told over.

        Raises:
            ConfigError: it cannot be read.
        """
        snapshot = _decoded(data)
        if snapshot is None:
            before = Alarms(())
            before.restore(data)
            self._last = before.incidents
            return list(before.active)
        self._last = snapshot.last
        gone: list[Alert] = []
        for person, state in snapshot.people.items():
            if person in self._monitors:
                self._monitors[person].restore(state, same_clock=same_clock)
        for one in snapshot.raised:
            if one.person not in self._monitors:
                gone.append(one.alert)
            elif not self._still_told_by(one):
                self._monitors[one.person].alarms.end(one.key, t_ns=0, reason=_REARRANGED)
                gone.append(one.alert)
            else:
                self._raised[one.person, one.key] = one.alert
        return gone

    def end(self, alert: Alert, *, t_ns: int, reason: Reason) -> Alert:
        """Tell an active alarm over, because what it was about is no longer watched."""
        person, key = next(place for place, raised in self._raised.items() if raised is alert)
        return cast(Alert, self._name(person, self._monitors[person].alarms.end(key, t_ns=t_ns, reason=reason)))

    def _command(self, command: Command) -> list[Output]:
        place = next((place for place, raised in self._raised.items() if raised.incident == command.incident), None)
        person, key = place or (self._first, "")
        inner = next((one.incident for one in self._monitors[person].alarms.active if one.key == key), 0)
        return [
            replace(one, incident=command.incident) if isinstance(one, Reply) else one
            for one in self._each([person], lambda monitor: monitor.push(replace(command, incident=inner)))
        ]

    def _still_told_by(self, one: _Raised) -> bool:
        """Whether the person's monitor still hears of what the alarm is about: sensors and the first place may move."""
        kind, name = one.alert.kind, one.key.partition("/")[2]
        if kind in PART_KINDS:
            return one.person == self._first
        return kind not in SENSOR_KINDS or one.person == self.whose(name)

    def whose(self, stream: str) -> str:
        """The person whom a stream belongs to."""
        return self._person_of.get(stream, self._first)

    def _each(self, people: Iterable[str], ask: Callable[[Monitor], list[Output]]) -> list[Output]:
        """What they say; should one of them fail, what the others have said is not lost."""
        self._said = []
        for person in people:
            self._said += [self._name(person, one) for one in ask(self._monitors[person])]
        said, self._said = self._said, []
        return said

    def _name(self, person: str, output: Output) -> Output:
        if isinstance(output, Estimate):
            return replace(output, person=person)
        if not isinstance(output, Alert):
            return output
        place = (person, output.key)
        if output.state != "raised":
            raised = self._raised[place]
            named = replace(output, key=raised.key, incident=raised.incident, person=raised.person)
            self._raised[place] = named
            if output.state == "cleared":
                del self._raised[place]
        else:
            self._last += 1
            told_once = output.kind in PART_KINDS or output.kind in SENSOR_KINDS  # their keys name what they are about
            key = output.key if told_once else f"{output.key}@{person}"
            named = replace(output, key=key, incident=self._last, person=person)
            self._raised[place] = named
        if named.kind in PART_KINDS:
            return named
        return replace(named, reason=replace(output.reason, text=f"{person}: {output.reason.text}"))


Watch = Monitor | People


def restore(watch: Watch, data: bytes, *, t_ns: int, same_clock: bool = False) -> list[Alert]:
    """Let a watch go on from what was stored, whoever was watched then.

    Args:
        watch: new.
        data: a snapshot of a ``Monitor`` or of ``People``.
        t_ns: the present.
        same_clock: whether times in it count on the present clock.

    Returns:
        Transitions that tell alarms over about people who are no longer watched; store and publish them.

    Raises:
        ConfigError: it cannot be read.
    """
    if isinstance(watch, People):
        return [_over(alert, t_ns) for alert in watch.restore(data, same_clock=same_clock)]
    snapshot = _decoded(data)
    if snapshot is None:
        watch.restore(data, same_clock=same_clock)
        return []
    watch.restore(empty_snapshot(snapshot.last))
    return [_over(one.alert, t_ns) for one in snapshot.raised]


def policies_of(watch: Watch) -> Mapping[str, Sequence[Policy]]:
    """Person -> what decides about the person; nobody's name where one person is watched."""
    return watch.policies if isinstance(watch, People) else {"": watch.policies}


def active_of(watch: Watch) -> tuple[Alert, ...]:
    """The latest transition of each alarm that is active."""
    return watch.active if isinstance(watch, People) else watch.alarms.active


def streams_of(watch: Watch, alert: Alert, streams: Iterable[str]) -> set[str]:
    """Those of these streams that whoever has this alarm hears."""
    return {one for one in streams if not isinstance(watch, People) or watch.whose(one) == alert.person}


def end(watch: Watch, alert: Alert, *, t_ns: int, reason: Reason) -> Alert:
    """Tell an active alarm over, because what it was about is no longer watched; publish what is returned."""
    if isinstance(watch, People):
        return watch.end(alert, t_ns=t_ns, reason=reason)
    return watch.alarms.end(alert.key, t_ns=t_ns, reason=reason)


def _over(alert: Alert, t_ns: int) -> Alert:
    return replace(
        alert,
        t_ns=t_ns,
        state="cleared",
        previous=LEADS_TO[alert.state],
        onset_ns=min(alert.onset_ns, t_ns),
        reason=_REARRANGED,
        silent_until_ns=None,
    )


def _decoded(data: bytes) -> _Snapshot | None:
    """A snapshot of ours; None where it is a single monitor's.

    Raises:
        ConfigError: it is ours and cannot be read.
    """
    if _VERSION.encode() not in data[:64]:
        return None
    try:
        return msgspec.msgpack.decode(data, type=_Snapshot)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"the stored alarm state cannot be read ({error}); move the outbox away to start without active alarms"
        ) from error
