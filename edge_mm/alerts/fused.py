"""Rules over what all senses together say.

In: ``Estimate`` s. Out: a ``Condition`` when a head's score has been beyond its limit for long enough, or no longer is.
Not here: the score (``edge_mm.perception.fusion``), rules over one sense (``rules``).
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from edge_mm.alerts.level import Level
from edge_mm.alerts.rules import Rule, ended
from edge_mm.alerts.sensors import QUALITY
from edge_mm.alerts.streams import Running
from edge_mm.kinds import Modality
from edge_mm.types import Condition, Estimate, PolicyInput


class HeadWatch:
    """A policy: one rule over a head of the fused ``Estimate``. Windows that touch or overlap leave no gap.

    Args:
        rule: names and sentences; they may name ``senses``, those that were fused.
        level: the state.
        head: which score.
        min_quality: a window without any sense of this quality says nothing.
        needs: the sense without which the score is no evidence; a window without it says nothing.
    """

    names = frozenset({QUALITY})
    """It says of which sense a stream is."""

    def __init__(
        self, rule: Rule, level: Level, *, head: str, min_quality: float, needs: Modality | None = None
    ) -> None:
        self.rule = rule
        self._level = level
        self.head = head
        self._min_quality = min_quality
        self.needs = needs
        self._told: bool | None = None
        self._running = Running()
        self._ended = False

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event; a window in which no sense was usable says nothing."""
        if not isinstance(event, Estimate):
            return self._passed(event)
        score = event.scores.get(self.head)
        if self._ended or score is None or not isfinite(score):
            return ()
        if self.needs is not None and self.needs not in event.weights:
            return ()
        if not any(event.coverage.get(sense, 0.0) > 0 and q >= self._min_quality for sense, q in event.quality.items()):
            return ()
        hold = self._level.hold
        if hold.stepped_back(event.t_ns):
            hold.forget()
        self._level.read_value(event.t_ns, score, start_ns=event.start_ns)
        if hold.told is None or hold.told is self._told:
            return ()
        self._told = hold.told
        measured = self._level.measured()
        senses = sorted(event.weights, key=lambda sense: -event.weights[sense])
        named = replace(measured, params={**measured.params, "senses": " and ".join(senses)})
        onset = hold.onset_ns if hold.told else None
        return (self.rule.condition(event.t_ns, active=hold.told, onset_ns=onset, measured=named, head=self.head),)

    def _passed(self, event: PolicyInput) -> tuple[Condition, ...]:
        """When no stream of the sense that it needs runs any more, nobody is watched."""
        self._running.take(event)
        self._ended = self._running.ended(self.needs)
        if not self._ended or self._told is False:
            return ()
        self._told = False
        measured = self._level.measured()
        self._level.hold.forget()
        return (ended(self.rule, event.t_ns, "no longer watched: the sources have ended", measured),)
