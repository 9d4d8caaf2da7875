"""The alarm machine: makes transitions of what the policies say and of what people want.

In: observations, estimates, statuses and ticks, in order; commands. Out: ``Alert`` transitions, each with what it rests
on, and a ``Reply`` to each command. State that must survive a restart goes out as ``snapshot()`` and comes back through
``restore()``. Not here: deciding what holds (the policies), one alarm's life (``alarm``), storing or publishing
(``edge_mm.delivery``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_mm.alerts.alarm import Alarm
from edge_mm.alerts.explain import SENSES, Evidence, Explanation
from edge_mm.alerts.handling import Handlings
from edge_mm.alerts.hold import ns
from edge_mm.alerts.sayable import numbers_of, readings_of, sayable
from edge_mm.alerts.snapshot import Stored, from_bytes, to_bytes
from edge_mm.protocols import Policy
from edge_mm.types import Alert, Command, Condition, Observation, PolicyInput, Reason, Reply


class Alarms:
    """Runs the policies and turns their conditions into alerts.

    A policy may have an attribute ``names: frozenset[str]``: then it is given only the observations of these names
    (and every Estimate, Status and Tick); one without it is given everything.

    Args:
        policies: who says what holds.
        senses: those that the bundle has; of others nothing is said.
        handling: how each kind is dealt with.
    """

    def __init__(
        self, policies: Sequence[Policy], *, senses: Iterable[str] = SENSES, handling: Handlings | None = None
    ) -> None:
        self._policies = tuple(policies)
        self._handling = handling or Handlings()
        self._curious: tuple[Policy, ...] = tuple(p for p in self._policies if _names(p) is None)
        wanted = {name for policy in self._policies for name in _names(policy) or ()}
        # In the order given, so that the conditions of one event come in a fixed order.
        self._by_name: dict[str, tuple[Policy, ...]] = {
            name: tuple(p for p in self._policies if (names := _names(p)) is None or name in names) for name in wanted
        }
        self._evidence = Evidence(senses)
        self._alarms: dict[str, Alarm] = {}
        self._pending: dict[str, tuple[int, Condition]] = {}
        self._left_ns: dict[str, int] = {}
        self._same_clock = False
        self._next_ns: int | None = None
        self._incidents = 0
        self._now_ns: int | None = None
        self._said: list[Condition] = []

    @property
    def active(self) -> tuple[Alert, ...]:
        """The latest transition of each alarm that is not over, oldest incident first."""
        return tuple(sorted((alarm.last for alarm in self._alarms.values()), key=lambda alert: alert.incident))

    @property
    def pending(self) -> tuple[str, ...]:
        """Keys of the alarms whose condition holds, but not yet for as long as their ``for_s``."""
        return tuple(self._pending)

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
        self._tell_time(int(event.t_ns))  # a source of a user's own may count in another kind of number
        policies = self._by_name.get(event.name, self._curious) if isinstance(event, Observation) else self._policies
        # All policies are heard before anything is judged: what they said waits for the next event when one fails.
        for policy in policies:
            self._said.extend(sayable(condition, policy) for condition in policy.update(event))
        alerts: list[Alert] = []
        self._pass(alerts)  # before a raise of this event could call off an end that was due: two incidents
        for condition in self._said:
            self._judge(condition, alerts)
            self._plan()
            self._pass(alerts)
        self._said.clear()
        return alerts

    def command(self, command: Command) -> list[Reply | Alert]:
        """Do what a person wants of an alarm; the Reply comes first and says whether it was done."""
        self._tell_time(int(command.t_ns))
        alerts: list[Alert] = []
        self._pass(alerts)
        alarm = next((one for one in self._alarms.values() if one.raised.incident == command.incident), None)
        error = ""
        if alarm is None:
            error = "no alarm of this instance is active; it is over, or was never raised here"
        elif command.action == "silence":
            done = alarm.silence(command.t_ns, command.seconds, command.by)
            if isinstance(done, str):
                error = done
            else:
                alerts.append(done)
        elif (seen := alarm.acknowledge(command.t_ns, command.by)) is not None:
            alerts.append(seen)
        self._plan()
        self._pass(alerts)  # one that was over and latched ends with this
        reply = Reply(command.t_ns, command.action, command.incident, command.transaction, error)
        return [reply, *alerts]

    def end(self, key: str, *, t_ns: int, reason: Reason) -> Alert:
        """Tell an alarm over, about which nobody will say anything any more.

        Raises:
            KeyError: it is not active.
        """
        alarm = self._alarms.pop(key)
        self._left_ns.pop(key, None)
        alarm.over = (reason, alarm.raised.value, alarm.raised.limit)
        self._plan()
        return alarm.clears(t_ns, self._explained(alarm, t_ns))

    def snapshot(self) -> bytes:
        """What ``restore`` needs; the same state gives the same bytes."""
        stored = []
        for alarm in sorted(self._alarms.values(), key=lambda alarm: alarm.raised.incident):
            left_ns = 0
            if alarm.over is not None:
                waits = self._left_ns.get(alarm.raised.key, 0)
                left_ns = waits if self._now_ns is None else max(alarm.due_ns - self._now_ns, 0)
            stored.append(Stored.of(alarm, left_ns=left_ns))
        return to_bytes(self._incidents, stored)

    def restore(self, data: bytes, *, same_clock: bool = False) -> None:
        """Go on from a snapshot: its alarms are active, under their incident numbers, until they are told over.

        Call it before the first event. An alarm that no policy speaks of any more stays active.

        Args:
            data: of ``snapshot``.
            same_clock: whether times in it count on the present clock; where they may be those of another boot they
                are compared with nothing, and a silence ends with the first event.

        Raises:
            ConfigError: not a snapshot, or one of a newer version.
        """
        self._incidents, stored = from_bytes(data)
        self._now_ns = None
        self._same_clock = same_clock
        self._alarms.clear()
        self._pending.clear()
        self._left_ns.clear()
        for one in stored:
            raised = one.raised
            handling = self._handling.of(raised.kind, category=raised.category, priority=raised.priority)
            self._alarms[raised.key] = one.alarm(handling)
            self._left_ns[raised.key] = one.left_ns

    def _tell_time(self, t_ns: int) -> None:
        if self._now_ns is None:  # the first event after the start: from now on there is a clock
            self._now_ns = t_ns
            for key, alarm in self._alarms.items():
                alarm.resumes(t_ns, left_ns=self._left_ns.get(key, 0), same_clock=self._same_clock)
            self._left_ns.clear()
            self._plan()
        elif t_ns > self._now_ns:
            self._now_ns = t_ns

    def _judge(self, condition: Condition, alerts: list[Alert]) -> None:
        key = condition.key or condition.kind
        alarm = self._alarms.get(key)
        if alarm is not None:
            if condition.active:
                alerts += alarm.holds(condition)
            else:
                alarm.ends(condition)
        elif not condition.active:
            self._pending.pop(key, None)
        elif key in self._pending:
            self._pending[key] = (self._pending[key][0], condition)
        else:
            handling = self._handling.of(condition.kind, category=condition.category, priority=condition.priority)
            due_ns = condition.t_ns + ns(handling.for_s)
            if handling.for_s:
                self._pending[key] = (due_ns, condition)
            else:
                alerts.append(self._raise(key, condition, due_ns))

    def _raise(self, key: str, condition: Condition, t_ns: int) -> Alert:
        self._incidents += 1
        explained = self._evidence.explain(t_ns, sources=condition.sources, head=condition.head)
        handling = self._handling.of(condition.kind, category=condition.category, priority=condition.priority)
        alert = Alert(
            t_ns=t_ns,
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
            latched=handling.latching or condition.latch,
        )
        self._alarms[key] = Alarm(alert, condition.head, handling, latch=condition.latch)
        return alert

    def _pass(self, alerts: list[Alert]) -> None:
        """What was to happen until now, in order of its time; of the same time the older incident first."""
        now_ns = self._now_ns or 0
        while self._next_ns is not None and self._next_ns <= now_ns:
            t_ns = self._next_ns
            due = [one for one in self._alarms.values() if one.next_ns == t_ns]
            if due:
                alarm = min(due, key=lambda one: one.raised.incident)
                alerts.append(alarm.passes(self._explained(alarm, t_ns)))
                if alarm.last.state == "cleared":
                    del self._alarms[alarm.raised.key]
            else:
                key = next(key for key, (due_ns, _) in self._pending.items() if due_ns == t_ns)
                alerts.append(self._raise(key, self._pending.pop(key)[1], t_ns))
            self._plan()

    def _plan(self) -> None:
        """When something happens next, so that an event on the way costs one comparison."""
        times = [one.next_ns for one in self._alarms.values()]
        times += [due_ns for due_ns, _ in self._pending.values()]
        self._next_ns = min((one for one in times if one is not None), default=None)

    def _explained(self, alarm: Alarm, t_ns: int) -> Explanation:
        return self._evidence.explain(t_ns, sources=alarm.raised.sources, head=alarm.head)


def empty_snapshot(incidents: int) -> bytes:
    """A snapshot without alarms, whose next incident has the number after ``incidents``."""
    return to_bytes(incidents, [])


def _names(policy: Policy) -> frozenset[str] | None:
    names: object = getattr(policy, "names", None)
    return names if isinstance(names, frozenset) else None
