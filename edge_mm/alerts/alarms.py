"""The alarm machine: makes transitions of what the policies say. Raised once, cleared once per incident.

In: observations, estimates, statuses and ticks, in order. Out: ``Alert`` transitions, each with what it rests on.
State that must survive a restart goes out as ``snapshot()`` and comes back through ``restore()``. Not here: deciding
what holds (the policies), storing or publishing (``edge_mm.delivery``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from edge_mm.alerts.explain import SENSES, Evidence
from edge_mm.alerts.hold import SLACK_NS, ns
from edge_mm.alerts.sayable import numbers_of, readings_of, sayable
from edge_mm.errors import ConfigError
from edge_mm.protocols import Policy
from edge_mm.types import Alert, Condition, Observation, PolicyInput, Reason

SNAPSHOT_VERSION = 2
HOLD_S = 2.0
"""An alarm lasts at least this long after a policy last said that it holds: a policy that flips with every frame makes
one alert, not thirty per second. Raising is never delayed."""


class _Ending(msgspec.Struct, frozen=True):
    """An alarm that is over but still held."""

    left_ns: int
    """Until it is cleared, counted from the snapshot: no absolute time, because the next boot counts anew."""
    reason: Reason
    value: float
    limit: float


class _Active(msgspec.Struct, frozen=True):
    raised: Alert
    head: str
    ending: _Ending | None


class _Snapshot(msgspec.Struct, frozen=True):
    version: int
    incidents: int
    active: list[_Active]


class _Alarm:
    """An active alarm. ``held_ns`` and ``ending`` count on this boot's clock; None: not yet known."""

    __slots__ = ("due_ns", "ending", "head", "held_ns", "left_ns", "raised", "restored")

    def __init__(self, raised: Alert, head: str, held_ns: int | None) -> None:
        self.raised = raised
        self.head = head
        self.held_ns = held_ns
        self.restored = held_ns is None
        self.ending: tuple[Reason, float, float] | None = None
        self.due_ns = 0
        self.left_ns: int | None = None


class Alarms:
    """Runs the policies and turns their conditions into alerts.

    A policy may have an attribute ``names: frozenset[str]``: then it is given only the observations of these names
    (and every Estimate, Status and Tick); one without it is given everything.
    """

    def __init__(self, policies: Sequence[Policy], *, senses: Iterable[str] = SENSES, hold_s: float = HOLD_S) -> None:
        self._policies = tuple(policies)
        self._hold_ns = max(ns(hold_s) - SLACK_NS, 0)
        self._curious: tuple[Policy, ...] = tuple(p for p in self._policies if _names(p) is None)
        wanted = {name for policy in self._policies for name in _names(policy) or ()}
        # In the order given, so that the conditions of one event come in a fixed order.
        self._by_name: dict[str, tuple[Policy, ...]] = {
            name: tuple(p for p in self._policies if (names := _names(p)) is None or name in names) for name in wanted
        }
        self._evidence = Evidence(senses)
        self._active: dict[str, _Alarm] = {}
        self._ending: set[str] = set()
        self._incidents = 0
        self._now_ns: int | None = None
        self._said: list[Condition] = []
        self._encode = msgspec.msgpack.Encoder(order="deterministic").encode  # msgpack: JSON has no NaN

    @property
    def active(self) -> tuple[Alert, ...]:
        """The raised transition of each alarm that is active, oldest incident first."""
        return tuple(sorted((alarm.raised for alarm in self._active.values()), key=lambda alert: alert.incident))

    @property
    def incidents(self) -> int:
        """How many have been raised."""
        return self._incidents

    def update(self, event: PolicyInput) -> list[Alert]:
        """Take the next event and give the transitions that it causes.

        Raises:
            ConfigError: a policy gave something that no alert can hold; what the others said waits for the next event.
        """
        self._evidence.take(event)
        t_ns = int(event.t_ns)  # a source of a user's own may count in another kind of number
        if self._now_ns is None:
            self._begin(t_ns)
        elif t_ns > self._now_ns:
            self._now_ns = t_ns
        policies = self._by_name.get(event.name, self._curious) if isinstance(event, Observation) else self._policies
        # All policies are heard before anything is judged: what they said waits for the next event when one fails.
        for policy in policies:
            self._said.extend(sayable(condition, policy) for condition in policy.update(event))
        alerts: list[Alert] = []
        if self._ending:
            self._clear_due(alerts)  # before a raise of this event could call off an end that was due: two incidents
        for condition in self._said:
            self._judge(condition, alerts)
        self._said.clear()
        if self._ending:
            self._clear_due(alerts)
        return alerts

    def end(self, key: str, *, t_ns: int, reason: Reason) -> Alert:
        """Tell an alarm over, about which nobody will say anything any more.

        Raises:
            KeyError: it is not active.
        """
        alarm = self._active[key]
        alarm.ending, alarm.due_ns = (reason, alarm.raised.value, alarm.raised.limit), t_ns
        return self._clear(alarm)

    def snapshot(self) -> bytes:
        """What ``restore`` needs; the same state gives the same bytes."""
        active = [
            _Active(alarm.raised, alarm.head, self._ending_of(alarm))
            for alarm in sorted(self._active.values(), key=lambda alarm: alarm.raised.incident)
        ]
        return self._encode(_Snapshot(SNAPSHOT_VERSION, self._incidents, active))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot: its alarms are active, under their incident numbers, until they are told over.

        Call it before the first event. Times in the snapshot may be those of another boot and are compared with
        nothing. An alarm that no policy speaks of any more stays active.

        Raises:
            ConfigError: not a snapshot, or one of a newer version.
        """
        what_to_do = "move the outbox away to start without active alarms"
        decode = msgspec.json.decode if data.startswith(b"{") else msgspec.msgpack.decode  # version 1 was JSON
        try:
            snapshot = decode(data, type=_Snapshot)
        except msgspec.DecodeError as error:
            raise ConfigError(f"the stored alarm state cannot be read ({error}); {what_to_do}") from error
        if snapshot.version not in (1, SNAPSHOT_VERSION):
            raise ConfigError(
                f"the stored alarm state has version {snapshot.version}, this version of edge-mm reads up to "
                f"{SNAPSHOT_VERSION}; {what_to_do}"
            )
        self._incidents = snapshot.incidents
        self._now_ns = None
        self._active.clear()
        self._ending.clear()
        for one in snapshot.active:
            alarm = _Alarm(one.raised, one.head, None)
            self._active[one.raised.key] = alarm
            if one.ending is not None:
                alarm.ending = (one.ending.reason, one.ending.value, one.ending.limit)
                alarm.left_ns = one.ending.left_ns
                self._ending.add(one.raised.key)

    def _begin(self, t_ns: int) -> None:
        """The first event after the start: from now on there is a clock for the alarms that were over but held."""
        self._now_ns = t_ns
        for key in self._ending:
            alarm = self._active[key]
            alarm.due_ns = t_ns + (alarm.left_ns or 0)

    def _ending_of(self, alarm: _Alarm) -> _Ending | None:
        if alarm.ending is None:
            return None
        left = (alarm.left_ns or 0) if self._now_ns is None else max(alarm.due_ns - self._now_ns, 0)
        return _Ending(left, *alarm.ending)

    def _judge(self, condition: Condition, alerts: list[Alert]) -> None:
        key = condition.key or condition.kind
        alarm = self._active.get(key)
        if condition.active:
            if alarm is None:
                alerts.append(self._raise(key, condition))
            else:
                alarm.held_ns = condition.t_ns
                alarm.ending = None
                self._ending.discard(key)
            return
        if alarm is None or alarm.ending is not None:
            return
        alarm.ending = (condition.reason, condition.value, condition.limit)
        held_until = condition.t_ns if alarm.held_ns is None else alarm.held_ns + self._hold_ns
        alarm.due_ns = max(condition.t_ns, held_until)
        if alarm.due_ns <= (self._now_ns or 0):
            alerts.append(self._clear(alarm))
        else:
            self._ending.add(key)

    def _raise(self, key: str, condition: Condition) -> Alert:
        self._incidents += 1
        explained = self._evidence.explain(condition.t_ns, sources=condition.sources, head=condition.head)
        alert = Alert(
            t_ns=condition.t_ns,
            kind=condition.kind,
            key=key,
            state="raised",
            category=condition.category,
            priority=condition.priority,
            onset_ns=condition.onset_ns,
            reason=condition.reason,
            value=condition.value,
            limit=condition.limit,
            unit=condition.unit,
            incident=self._incidents,
            sources=explained.sources,
            quality=readings_of(explained.quality),
            attention=numbers_of(explained.attention),
            contribution=numbers_of(explained.contribution),
        )
        self._active[key] = _Alarm(alert, condition.head, condition.t_ns)
        return alert

    def _clear_due(self, alerts: list[Alert]) -> None:
        now_ns = self._now_ns or 0
        due = [self._active[key] for key in self._ending if self._active[key].due_ns <= now_ns]
        alerts += [self._clear(alarm) for alarm in sorted(due, key=lambda alarm: (alarm.due_ns, alarm.raised.incident))]

    def _clear(self, alarm: _Alarm) -> Alert:
        raised = alarm.raised
        del self._active[raised.key]
        self._ending.discard(raised.key)
        reason, value, limit = alarm.ending or (raised.reason, raised.value, raised.limit)
        explained = self._evidence.explain(alarm.due_ns, sources=raised.sources, head=alarm.head)
        return replace(
            raised,
            t_ns=alarm.due_ns,
            state="cleared",
            # An onset after the end is one of another boot's clock; the raised transition has the true one.
            onset_ns=min(raised.onset_ns, alarm.due_ns) if alarm.restored else raised.onset_ns,
            reason=reason,
            value=value,
            limit=limit,
            quality=readings_of(explained.quality),
            attention=numbers_of(explained.attention),
            contribution=numbers_of(explained.contribution),
        )


def empty_snapshot(incidents: int) -> bytes:
    """A snapshot without alarms, whose next incident has the number after ``incidents``."""
    return msgspec.msgpack.encode(_Snapshot(SNAPSHOT_VERSION, incidents, []))


def _names(policy: Policy) -> frozenset[str] | None:
    names: object = getattr(policy, "names", None)
    return names if isinstance(names, frozenset) else None
