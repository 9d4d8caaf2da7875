"""Nobody is watched: every sensor is lost, silent or tells us nothing.

In: ``Status`` and ``sensor.quality``. Out: one condition of high priority, ``device.blind``, beside what each sensor
says for itself. A car's speed, a number and a note watch nobody and do not count; what has ended on purpose does not
either. Not here: single sensors (``sensors``).
"""

from __future__ import annotations

from edge_mm.alerts.hold import SLACK_NS, ns, seconds_between
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.sensors import QUALITY, Usable
from edge_mm.kinds import Modality, SourceState
from edge_mm.types import Condition, Observation, PolicyInput, Reason, Status

NOISE = "noise"
"""Label of a signal that is there, under the movements of a person."""
NOT_WATCHING: frozenset[Modality] = frozenset(("readings", "text"))
"""Senses that say nothing of whether anybody is well."""


class Blind:
    """A policy."""

    names = frozenset({QUALITY})

    def __init__(self, limits: Limits) -> None:
        self._wait_ns = max(ns(limits.blind_s) - SLACK_NS, 0)
        self._unusable_ns = max(ns(limits.blind_unusable_s) - SLACK_NS, 0)
        self._noise_ns = max(ns(limits.blind_noise_s) - SLACK_NS, 0)
        self._usable = Usable(limits)
        self._unusable: dict[str, str] = {}
        self._states: dict[str, SourceState] = {}
        self._senses: dict[str, Modality] = {}
        self._since_ns: int | None = None
        self._told: bool | None = None

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event."""
        if isinstance(event, Observation) and event.name != QUALITY:
            return ()
        conditions = self._usable.update(event)
        for condition in conditions:
            stream = condition.key.partition("/")[2]
            if condition.active:
                self._unusable[stream] = str(condition.reason.params.get("why", ""))
            else:
                self._unusable.pop(stream, None)
        if isinstance(event, Status):
            tried_again = event.state == "starting" and self._states.get(event.stream) in ("lost", "stale")
            if not event.stream.startswith("@") and not tried_again:  # what is lost is opened again every few seconds
                self._states[event.stream] = event.state
        elif isinstance(event, Observation):
            known = event.stream in self._senses
            if known and not conditions and self._told is False and self._since_ns is None:
                return ()  # nothing has changed: this comes with every frame
            self._senses[event.stream] = event.source
            self._states.setdefault(event.stream, "live")
        watching = [
            stream
            for stream, state in self._states.items()
            if state != "off" and self._senses.get(stream) not in NOT_WATCHING
        ]
        blind = bool(watching) and all(
            self._states[stream] in ("lost", "stale") or stream in self._unusable for stream in watching
        )
        if not blind:
            self._since_ns = None
            if self._told is False or not self._states or self._waits(watching):
                return ()
            self._told = False
            text = "a sensor works again" if watching else "no longer watched: all sources have ended"
            return (self._condition(event.t_ns, event.t_ns, Reason("sensors_work", {}, text), active=False),)
        if self._since_ns is None or event.t_ns < self._since_ns:
            self._since_ns = event.t_ns
        if self._told or event.t_ns - self._since_ns < self._patience_ns(watching):
            return ()
        self._told = True
        states = ", ".join(f"{s}: {self._state(s)}" for s in sorted(watching))[:200]
        seconds = seconds_between(self._since_ns, event.t_ns)
        text = f"nobody is watched: every sensor is lost, silent or unusable for {seconds:.0f} s ({states})"
        reason = Reason("all_sensors_gone", {"sensors": states, "seconds": seconds}, text)
        return (self._condition(event.t_ns, self._since_ns, reason, active=True),)

    def _patience_ns(self, watching: list[str]) -> int:
        """How long it must have lasted: what is gone is gone, who moves is there."""
        there = [stream for stream in watching if self._states[stream] not in ("lost", "stale")]
        if not there:
            return self._wait_ns
        return self._noise_ns if any(self._unusable.get(s) == NOISE for s in there) else self._unusable_ns

    def _waits(self, watching: list[str]) -> bool:
        """Before anything was said: a start-up says nothing of what was before a restart, the end of all does."""
        if not watching:
            return self._told is None and "off" not in self._states.values()
        return self._told is None and not any(
            self._states[s] in ("live", "degraded") and self._usable.works(s) for s in watching
        )

    def _state(self, stream: str) -> str:
        state = self._states[stream]
        return state if state in ("lost", "stale") else "unusable"

    def _condition(self, t_ns: int, onset_ns: int, reason: Reason, *, active: bool) -> Condition:
        return Condition(
            t_ns=t_ns,
            kind="device.blind",
            active=active,
            onset_ns=onset_ns,
            priority="high",
            category="technical",
            reason=reason,
            value=float(active),
            limit=1.0,
            unit="1",
            key="device.blind",
        )
