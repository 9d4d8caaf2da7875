"""One alarm's life: what has happened to it, what comes next and when, and each transition as an ``Alert``.

::

    inactive ─ condition ─> pending (for_s) ─> active ─┬─ acknowledge ─> acknowledged ─┐
                                                ^      ├─ silence ──> silenced ── end ─┼─> active
                                                │      └─ escalate_s ─> active, higher │
                                                └── back ── clearing (keep_s) <── over ┘── latched until acknowledged
                                                               └─> inactive

In: conditions, times, what a person wants. Out: Alerts. Not here: which alarms there are (``alarms``), deciding
(the policies), the numbers (``handling``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edge_mm.alerts.explain import Explanation
from edge_mm.alerts.handling import Handling, longest_silence_s
from edge_mm.alerts.hold import SLACK_NS, ns
from edge_mm.alerts.sayable import numbers_of, readings_of
from edge_mm.kinds import LEADS_TO, Priority, Transition
from edge_mm.types import Alert, Condition, Reason

_HIGHER: Mapping[Priority, Priority] = {"low": "medium", "medium": "high", "high": "high"}
_ESCALATIONS: Mapping[Priority, int] = {"low": 3, "medium": 2, "high": 1}
"""How often an alarm that was raised so is told anew: up to the highest priority, and once more there."""
Over = tuple[Reason, float, float]
"""Why the condition is over, what was compared, with what."""


class Alarm:
    """An alarm that is active. Times count on this boot's clock.

    Args:
        raised: its first transition.
        head: head of the Estimate that it rests on, for a fused one.
        handling: its numbers.
        latch: whether it stays until it is acknowledged, whatever ``handling`` says.

    Attributes:
        last: its latest transition.
        over: why the condition holds no longer; None while it does.
    """

    __slots__ = (
        "_forgotten", "_over_ns", "_stays", "_told_ns", "due_ns", "escalate_ns", "handling", "head", "held_ns", "last",
        "latch", "over", "raised", "restored",
    )  # fmt: skip

    def __init__(self, raised: Alert, head: str, handling: Handling, *, latch: bool = False) -> None:
        self.raised = self.last = raised
        self.head = head
        self.handling = handling
        self.latch = latch or handling.latching
        self.held_ns: int | None = raised.t_ns
        self.restored = False
        self._told_ns: int | None = raised.t_ns  # when people were last told that it began, on this clock
        self.over: Over | None = None
        self._over_ns = 0
        self._stays = False  # over, said so, and waiting to be acknowledged
        self._forgotten = False  # nobody knows what was between the acknowledgement and now
        self.due_ns = 0
        self.escalate_ns = self._escalation_after(raised.t_ns)

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has seen it."""
        return self.last.state == "acknowledged"

    @property
    def next_ns(self) -> int | None:
        """When something happens to it next, if nobody does or says anything."""
        silent_ns = self.last.silent_until_ns
        if self.over is None:
            return self.escalate_ns if silent_ns is None else silent_ns
        if self._stays or (self.latch and silent_ns is not None):  # that it latches is said when it may be heard
            return silent_ns
        return self.due_ns if silent_ns is None else min(self.due_ns, silent_ns)

    def holds(self, condition: Condition) -> list[Alert]:
        """The condition is said to hold (still, or again)."""
        before, self.over = self.over, None
        self.held_ns = condition.t_ns
        self.latch = self.latch or condition.latch
        forgotten, self._forgotten = self._forgotten, False
        if before is None and not forgotten:
            return []
        if self.escalate_ns is not None:  # nobody was alarmed while it was over
            self.escalate_ns = max(self.escalate_ns, condition.t_ns)
        # What was acknowledged and has been over for longer than a flicker is a new condition, and must not be hidden.
        anew = forgotten or condition.t_ns - self._over_ns > ns(self.handling.keep_s)
        quiet = self.acknowledged or self.last.silent_until_ns is not None
        if not self._stays and not (quiet and anew):
            return []
        self._stays = False
        told = self._to(
            "resumed",
            condition.t_ns,
            reason=condition.reason,
            value=condition.value,
            limit=condition.limit,
            silent_until_ns=None,
            priority=self.raised.priority,
            escalation=0,  # nobody has been told of this one
        )
        self._told_ns = condition.t_ns
        self.escalate_ns = self._escalation_after(condition.t_ns)
        return [told]

    def ends(self, condition: Condition) -> None:
        """The condition is said to hold no longer; the alarm is over when that has been so for long enough."""
        if self.over is not None:
            return
        self.over = (condition.reason, condition.value, condition.limit)
        self._over_ns = condition.t_ns
        keep_ns, cooldown_ns = (max(ns(s) - SLACK_NS, 0) for s in (self.handling.keep_s, self.handling.cooldown_s))
        self.due_ns = condition.t_ns
        if self.held_ns is not None:
            self.due_ns = max(self.due_ns, self.held_ns + keep_ns)
        if self._told_ns is not None:
            self.due_ns = max(self.due_ns, self._told_ns + cooldown_ns)

    def passes(self, explained: Explanation) -> Alert:
        """The time of ``next_ns`` has come.

        Args:
            explained: what explains the end of the alarm, should it be that.
        """
        t_ns = self.next_ns
        assert t_ns is not None  # noqa: S101
        silence_ends = self.last.silent_until_ns == t_ns
        if self.over is not None and self.latch and not self.acknowledged:
            return self._latch(t_ns)
        if self.over is not None and (self.due_ns == t_ns or not silence_ends):
            return self.clears(t_ns, explained)
        if not silence_ends:
            return self._escalates(t_ns)
        if self.escalate_ns is not None:  # until now nobody could answer
            self.escalate_ns = max(self.escalate_ns, t_ns + 1)
        return self._to("resumed", t_ns, silent_until_ns=None)

    def clears(self, t_ns: int, explained: Explanation) -> Alert:
        """It is over."""
        raised = self.raised
        reason, value, limit = self.over or (raised.reason, raised.value, raised.limit)
        return self._to(
            "cleared",
            t_ns,
            # An onset after the end is one of another boot's clock; the raised transition has the true one.
            onset_ns=min(raised.onset_ns, t_ns) if self.restored else raised.onset_ns,
            reason=reason,
            value=value,
            limit=limit,
            silent_until_ns=None,
            quality=readings_of(explained.quality),
            attention=numbers_of(explained.attention),
            contribution=numbers_of(explained.contribution),
            sources=explained.sources,
        )

    def acknowledge(self, t_ns: int, by: str) -> Alert | None:
        """Somebody has seen it; None: that is known."""
        if self.acknowledged:
            return None
        self.escalate_ns = None
        if self.over is not None:  # it waited for this, or still does for keep_s and the like
            self._stays, self.due_ns = False, max(self.due_ns, t_ns)
        return self._to("acknowledged", t_ns, silent_until_ns=None, by=by)

    def silence(self, t_ns: int, seconds: float, by: str) -> Alert | str:
        """No sound for a while.

        Returns:
            The transition, or why not.
        """
        longest_s = longest_silence_s(self.last.priority)
        wanted_s = seconds or longest_s
        if not 0 < wanted_s <= longest_s:  # also what is not a number
            return f"a silence of {seconds:g} s: at {self.last.priority} priority it ends after {longest_s:g} s at most"
        if self.acknowledged:
            return "it has been acknowledged, so it is silent already"
        return self._to("silenced", t_ns, silent_until_ns=t_ns + ns(wanted_s), by=by)

    @property
    def stays(self) -> bool:
        """Whether it is over and waits to be acknowledged."""
        return self._stays

    def restore(self, last: Alert, over: Over | None, *, stays: bool) -> None:
        """It has been going on since before a restart."""
        self.last, self.over, self._stays = last, over, stays
        self.restored, self.held_ns, self._told_ns = True, None, None

    def resumes(self, t_ns: int, *, left_ns: int, same_clock: bool) -> None:
        """The first event after a restart: from now on there is a clock.

        Args:
            t_ns: the present.
            left_ns: until it was to be over when it was stored.
            same_clock: whether stored times count on this clock, and not long ago; else a silence ends now, and an
                acknowledged condition that holds is a new one: nobody knows whether it was over meanwhile.
        """
        self.due_ns = t_ns + left_ns
        self._forgotten = not same_clock and self.acknowledged
        begin_ns, until_ns = self.last.t_ns, self.last.silent_until_ns
        if until_ns is not None and not (same_clock and begin_ns <= t_ns):
            self.last = replace(self.last, silent_until_ns=t_ns)
        waiting = self.last.state not in ("acknowledged", "latched")
        self.escalate_ns = (
            self._escalation_after(begin_ns if same_clock and begin_ns <= t_ns else t_ns) if waiting else None
        )
        if self.escalate_ns is not None:  # what came due while nobody ran is told now, one step
            self.escalate_ns = max(self.escalate_ns, t_ns)

    def _latch(self, t_ns: int) -> Alert:
        self._stays = True
        self.escalate_ns = None
        reason, value, limit = self.over or (self.raised.reason, self.raised.value, self.raised.limit)
        told = replace(reason, text=f"{reason.text}; the alert stays until it is acknowledged")
        return self._to("latched", t_ns, reason=told, value=value, limit=limit, silent_until_ns=None)

    def _escalates(self, t_ns: int) -> Alert:
        told = self._to("escalated", t_ns, priority=_HIGHER[self.last.priority], escalation=self.last.escalation + 1)
        self.escalate_ns = self._escalation_after(t_ns)
        return told

    def _escalation_after(self, t_ns: int) -> int | None:
        if not self.handling.escalate_s or self.last.escalation >= _ESCALATIONS[self.raised.priority]:
            return None
        return t_ns + ns(self.handling.escalate_s)

    def _to(self, transition: Transition, t_ns: int, **changes: object) -> Alert:
        self.last = replace(
            self.last,
            t_ns=t_ns,
            state=transition,
            previous=LEADS_TO[self.last.state],
            latched=self.latch,
            **changes,  # type: ignore[arg-type]
        )
        return self.last
