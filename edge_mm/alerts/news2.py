"""A partial NEWS2: the points of the items that sensors give, and always the list of those that are missing.

In: measured breathing, saturation, systolic pressure, pulse and temperature. Out: two conditions of ``health.news2``:
from the urgent total (or one item of three points), and from the emergency total. Consciousness has no sensor, what is
breathed must be told (``news2_air``), and the saturation is scored by scale 1: a person for whom scale 2 was ordered is
scored too high. Chart: Royal College of Physicians, 2017. Not here: the numbers (``numbers_signs``).
"""

from __future__ import annotations

from bisect import bisect_left
from math import isfinite
from typing import NamedTuple

from edge_mm.alerts.hold import Hold, ns
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule, ended
from edge_mm.alerts.sensors import QUALITY
from edge_mm.alerts.signs import BREATHING, SPO2, SYSTOLIC, TEMPERATURE
from edge_mm.alerts.streams import Running
from edge_mm.types import Condition, Observation, PolicyInput, Status

PULSE = "vitals.heart_rate_bpm"


class _Item(NamedTuple):
    words: str
    digits: int
    upto: tuple[float, ...]
    """Upper ends of the chart's columns, but the last."""
    points: tuple[int, ...]
    spot: bool = False


ITEMS = {
    BREATHING: _Item("respiration", 0, (8, 11, 20, 24), (3, 1, 0, 2, 3)),
    SPO2: _Item("oxygen saturation", 0, (91, 93, 95), (3, 2, 1, 0)),
    SYSTOLIC: _Item("systolic pressure", 0, (90, 100, 110, 219), (3, 2, 1, 0, 3), True),
    PULSE: _Item("pulse", 0, (40, 50, 90, 110, 130), (3, 1, 0, 1, 2, 3)),
    TEMPERATURE: _Item("temperature", 1, (35.0, 36.0, 38.0, 39.0), (3, 1, 0, 1, 2), True),
}


def points(name: str, value: float) -> int:
    """The points of one item; the chart knows whole numbers and tenths of a degree."""
    item = ITEMS[name]
    return item.points[bisect_left(item.upto, round(value, item.digits))]


def _rule(priority: str, key: str) -> Rule:
    return Rule(
        kind="health.news2",
        priority="high" if priority == "high" else "medium",
        code="news2_partial_from",
        raised="NEWS2 partial {value:.0f} of {of:.0f} items ({items}); missing: {missing}",
        cleared="NEWS2 partial {value:.0f} of {of:.0f} items ({items}), below the limit again; missing: {missing}",
        unit="1",
        key=key,
    )


class News2:
    """A policy: one of the two totals.

    Args:
        limits: the numbers.
        emergency: the total of an emergency, else the urgent one.
    """

    names = frozenset((*ITEMS, QUALITY))

    def __init__(self, limits: Limits, *, emergency: bool) -> None:
        self.rule = _rule("high", "health.news2/emergency") if emergency else _rule("medium", "")
        self._limits = limits
        self._total = limits.news2_emergency_total if emergency else limits.news2_total
        self._single = 4 if emergency else limits.news2_single
        self._newest: dict[str, tuple[int, float, str]] = {}
        self._running = Running()
        self._told: bool | None = None
        self._measured = Measured(0.0, float(self._total), {})
        self._hold = self._fresh()

    def _fresh(self) -> Hold:
        limits = self._limits
        return Hold(dwell_s=limits.news2_s, keep_s=limits.news2_keep_s, max_gap_s=limits.news2_max_gap_s)

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event."""
        if not isinstance(event, Observation) or event.name == QUALITY:
            self._running.take(event)
            if isinstance(event, Status) and event.state == "off":  # what it said is watched no longer
                self._newest = {name: one for name, one in self._newest.items() if one[2] != event.stream}
            if self._told is not False and not isinstance(event, Observation) and self._running.ended("physio"):
                self._told, self._hold = False, self._fresh()
                return (ended(self.rule, event.t_ns, "no longer watched: the sources have ended", self._measured),)
            return ()
        if event.name not in ITEMS or not event.quality >= self._limits.min_quality or not isfinite(event.value):
            return ()
        t_ns, hold = event.t_ns, self._hold
        if hold.stepped_back(t_ns):
            hold = self._hold = self._fresh()
            self._newest = {}
        before = self._newest.get(event.name)
        if before is None or t_ns >= before[0]:
            self._newest[event.name] = (t_ns, event.value, event.stream)
        known = {name: points(name, value) for name, (_, value, _) in self._newest.items()}
        scored = {name: each for name, each in known.items() if t_ns - self._newest[name][0] <= self._age_ns(name)}
        air = self._limits.news2_air
        total = sum(scored.values()) + (2 if air == "oxygen" else 0)
        enters = self._beyond(scored)
        # An item that has become old is missing, not normal: it may not end what it helped to raise.
        if not hold.read(t_ns, enters=enters, leaves=not self._beyond(known if hold.told else scored)):
            return ()
        self._told = hold.told
        self._measured = self._said(scored, total, air)
        onset = hold.onset_ns if hold.told else None
        active = bool(hold.told)
        return (self.rule.condition(t_ns, active=active, onset_ns=onset, measured=self._measured, sources=("physio",)),)

    def _beyond(self, scored: dict[str, int]) -> bool:
        total = sum(scored.values()) + (2 if self._limits.news2_air == "oxygen" else 0)
        return total >= self._total or max(scored.values(), default=0) >= self._single

    def _age_ns(self, name: str) -> int:
        return ns(self._limits.spots_max_age_s if ITEMS[name].spot else self._limits.signs_max_age_s)

    def _said(self, scored: dict[str, int], total: int, air: str) -> Measured:
        items = {ITEMS[name].words: each for name, each in sorted(scored.items(), key=lambda row: -row[1])}
        if air != "unknown":
            items["air or oxygen"] = 2 if air == "oxygen" else 0
        missing = [item.words for name, item in ITEMS.items() if name not in scored]
        missing += ["air or oxygen"] * (air == "unknown") + ["consciousness"]
        return Measured(
            float(total),
            float(self._total),
            {
                "value": float(total),
                "limit": float(self._total),
                "of": float(len(items)),
                "items": ", ".join(f"{words} {each}" for words, each in items.items()),
                "missing": ", ".join(missing),
            },
        )
