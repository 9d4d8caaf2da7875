"""Rules over what all senses together say.

In: ``Estimate`` s. Out: a ``Condition`` when a head's score has been beyond its limit for long enough, or no longer is.
Not here: the score (``edge_mm.perception.fusion``), rules over one sense (``rules``).
"""

from __future__ import annotations

from dataclasses import replace
from math import isnan

from edge_mm.alerts.rules import Level, Rule, ended
from edge_mm.types import Condition, Estimate, Modality, PolicyInput, Status


class HeadWatch:
    """A policy: one rule over a head of the fused ``Estimate``. Windows that touch or overlap leave no gap.

    Args:
        rule: names and sentences; they may name ``senses``, those that were fused.
        level: the state.
        head: which score.
        min_quality: a window without any sense of this quality says nothing.
        needs: the sense without which the score is no evidence; a window without it says nothing.
    """

    names: frozenset[str] = frozenset()

    def __init__(
        self, rule: Rule, level: Level, *, head: str, min_quality: float, needs: Modality | None = None
    ) -> None:
        self.rule = rule
        self._level = level
        self._head = head
        self._min_quality = min_quality
        self._needs = needs
        self._told: bool | None = None
        self._running: set[str] = set()
        self._ended = False

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event; a window in which no sense was usable says nothing."""
        if isinstance(event, Status):
            return self._status(event)
        if not isinstance(event, Estimate) or self._ended:
            return ()
        score = event.scores.get(self._head)
        if score is None or isnan(score) or (self._needs is not None and self._needs not in event.weights):
            return ()
        if not any(event.coverage.get(sense, 0.0) > 0 and q >= self._min_quality for sense, q in event.quality.items()):
            return ()
        self._level.read_value(event.t_ns, score, start_ns=event.start_ns)
        told = self._level.told
        if told is None or told is self._told:
            return ()
        self._told = told
        onset = self._level.onset_ns if told else None
        measured = self._level.measured()
        senses = sorted(event.weights, key=lambda sense: -event.weights[sense])
        named = replace(measured, params={**measured.params, "senses": " and ".join(senses)})
        return (self.rule.condition(event.t_ns, active=told, onset_ns=onset, measured=named, head=self._head),)

    def _status(self, status: Status) -> tuple[Condition, ...]:
        """When the last stream is switched off, nobody is watched any more."""
        if status.state == "live":
            self._running.add(status.stream)
            self._ended = False
        elif status.state == "off" and status.stream in self._running:
            self._running.discard(status.stream)
            self._ended = not self._running
        if not (self._ended and self._told):
            return ()
        self._told = False
        self._level.forget()
        return (ended(self.rule, status.t_ns, "no longer watched: all sources have ended"),)
