"""A rule that needs an input which no sensor gives says so, instead of guessing.

In: the readings that rules need. Out: ``rule.no_input/KIND``, technical, of low priority: no sensor gives it, or what
it gave is old. Rules with the same input are told together, under the first one's name. Not here: the rules; a stream
that went silent (``sensors``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge_mm.alerts.hold import ns
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.signs import BREATHING, DIASTOLIC, SPO2, SYSTOLIC, TEMPERATURE
from edge_mm.types import NS_PER_S, Condition, Estimate, Observation, PolicyInput, Reason

NO_INPUT = "rule.no_input"


class Need(NamedTuple):
    """What rules need."""

    readings: tuple[str, ...]
    """Names of observations, any of which will do."""
    source: str
    """Kind of source that gives it."""
    max_age_s: str
    """Key of the number that says how old it may be."""


_CAMERA = Need(("driver.face_found",), "video", "vision_max_gap_s")
_PRESSURE = Need((SYSTOLIC, DIASTOLIC), "blood_pressure", "spots_max_age_s")
_WARM = Need((TEMPERATURE,), "body_temp", "spots_max_age_s")
_BREATH = Need((BREATHING,), "respiration_rate", "signs_max_age_s")
SPEED = Need(("vehicle.speed_kmh",), "speed", "speed_max_age_s")
BY_SPEED = ("driver.looking_away", "driver.glancing_away", "driver.unresponsive")
"""Kinds that depend on ``SPEED`` where ``away_by_speed`` says so."""
NEEDS = {
    **dict.fromkeys(
        ("driver.glancing_away", "driver.unresponsive", "driver.distracted", "driver.not_visible"), _CAMERA
    ),
    "health.spo2_low": Need((SPO2,), "spo2", "signs_max_age_s"),
    **dict.fromkeys((f"health.{one}tolic_{way}" for one in ("sys", "dias") for way in ("low", "high")), _PRESSURE),
    **dict.fromkeys(("health.temperature_low", "health.temperature_high"), _WARM),
    **dict.fromkeys(("health.breathing_low", "health.breathing_high", "health.apnea"), _BREATH),
    "health.news2": Need(
        (BREATHING, SPO2, SYSTOLIC, "vitals.heart_rate_bpm", TEMPERATURE), "heart_rate", "spots_max_age_s"
    ),
    "motion.fall_no_movement": Need(("motion.activity_g",), "acc", "input_wait_s"),
    "health.cough_rate": Need(("audio.cough",), "audio", "input_wait_s"),
}
"""Kind -> what it needs; kinds that run without being asked for need nothing that was not asked for either."""


def needs_of(kinds: Iterable[str], limits: Limits) -> dict[Need, list[str]]:
    """What these kinds need -> for which of them."""
    found: dict[Need, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        if kind in NEEDS and kind in limits.enabled:
            found.setdefault(NEEDS[kind], []).append(kind)
        if kind in BY_SPEED and limits.away_by_speed:
            found.setdefault(SPEED, []).append(kind)
    return found


class Inputs:
    """A policy.

    Args:
        needs: as of ``needs_of``.
        limits: the numbers.
    """

    def __init__(self, needs: dict[Need, list[str]], limits: Limits) -> None:
        self._needs = needs
        self.names = frozenset(name for need in needs for name in need.readings)
        self.keys = frozenset(f"{NO_INPUT}/{kinds[0]}" for kinds in needs.values())
        self._last: dict[str, int] = {}
        self._told: dict[Need, str] = {}
        self._begun_ns: int | None = None
        self._looked_ns: int | None = None
        self._wait_ns = ns(limits.input_wait_s)
        # Silence of what comes with every frame is a matter of the sensor's own alert for a while.
        self._ages = {need: max(getattr(limits, need.max_age_s), 5.0 if need is not SPEED else 0.0) for need in needs}

    def update(self, event: PolicyInput) -> list[Condition]:
        """Take one event; looks about once a second."""
        t_ns = event.t_ns
        if self._begun_ns is None:
            self._begun_ns = t_ns
        came = isinstance(event, Observation)
        if came and isinstance(event, Observation):
            if event.name not in self.names:
                return []
            fresh = event.name not in self._last
            self._last[event.name] = t_ns
            if not fresh and not self._told and not self._due(t_ns):
                return []
        elif isinstance(event, Estimate) and not self._due(t_ns):
            return []
        self._looked_ns = t_ns
        conditions: list[Condition] = []
        for need, kinds in self._needs.items():
            state = self._state(need, t_ns)
            if state is None or state == self._told.get(need):
                continue
            self._told[need] = state
            conditions.append(self._condition(need, kinds, state, t_ns))
        return conditions

    def _due(self, t_ns: int) -> bool:
        return self._looked_ns is None or abs(t_ns - self._looked_ns) >= NS_PER_S

    def _state(self, need: Need, t_ns: int) -> str | None:
        """``here``, ``never`` or ``old``; None: it is too early to say."""
        times = [self._last[name] for name in need.readings if name in self._last]
        if times:
            return "here" if t_ns - max(times) <= ns(self._ages[need]) else "old"
        return "never" if t_ns - (self._begun_ns or 0) >= self._wait_ns else None

    def _condition(self, need: Need, kinds: list[str], state: str, t_ns: int) -> Condition:
        what = " or ".join(need.readings)
        who = " and ".join(kinds) if len(kinds) < 3 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
        if need is SPEED:
            who += " by speed"
        verb = "needs" if len(kinds) == 1 else "need"
        since = max((self._last[name] for name in need.readings if name in self._last), default=self._begun_ns or 0)
        age_s = round((t_ns - since) / NS_PER_S, 1)
        if state == "never":
            text = f"{who} {verb} {what}, which no sensor gives: add a source of kind {need.source}"
        elif state == "old":
            text = f"{who} {verb} {what}, which is {age_s:.0f} s old (limit {self._ages[need]:g} s): look at its sensor"
        else:
            text = f"{what} has come: {who} can judge"
        code = {"never": "input_absent", "old": "input_old", "here": "input_here"}[state]
        active = state != "here"
        return Condition(
            t_ns=t_ns,
            kind=NO_INPUT,
            active=active,
            onset_ns=since if active else t_ns,
            priority="low",
            category="technical",
            reason=Reason(code, {"needs": what, "source": need.source, "seconds": age_s}, text),
            value=age_s,
            limit=float(self._ages[need]),
            unit="s",
            key=f"{NO_INPUT}/{kinds[0]}",
        )
