"""Rules about vital signs that devices measure: saturation, blood pressure, temperature, breathing, apnea.

In: readings of the kinds ``spo2``, ``blood_pressure``, ``body_temp`` and ``respiration_rate``. Out: policies. An ECG's
breathing rate (``vitals.respiration_rate_bpm``) is read from the heartbeat and cannot tell apnea: it has its own rules
(``vitals``) and is not listened to here. Not here: the numbers and their sources (``numbers_signs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule
from edge_mm.alerts.watch import Watch
from edge_mm.kinds import Priority

SPO2, BREATHING = "vitals.spo2_percent", "vitals.breathing_rate_bpm"
SYSTOLIC, DIASTOLIC, TEMPERATURE = "vitals.systolic_mmhg", "vitals.diastolic_mmhg", "vitals.body_temperature_c"


class _Sign(NamedTuple):
    kind: str
    reading: str
    words: str
    unit: str
    key: str
    below: bool
    wait: str
    priority: Priority = "medium"


_SIGNS = (
    _Sign("spo2_low", SPO2, "oxygen saturation", "%", "spo2_low{}_percent", True, "spo2_s", "high"),
    _Sign("systolic_low", SYSTOLIC, "systolic pressure", "mmHg", "systolic_low{}_mmhg", True, "pressure_s"),
    _Sign("systolic_high", SYSTOLIC, "systolic pressure", "mmHg", "systolic_high{}_mmhg", False, "pressure_s"),
    _Sign("diastolic_low", DIASTOLIC, "diastolic pressure", "mmHg", "diastolic_low{}_mmhg", True, "pressure_s"),
    _Sign("diastolic_high", DIASTOLIC, "diastolic pressure", "mmHg", "diastolic_high{}_mmhg", False, "pressure_s"),
    _Sign("temperature_low", TEMPERATURE, "body temperature", "degC", "temperature_low{}_c", True, "temperature_s"),
    _Sign("temperature_high", TEMPERATURE, "body temperature", "degC", "temperature_high{}_c", False, "temperature_s"),
    _Sign("breathing_low", BREATHING, "breathing, per minute,", "bpm", "breathing_low{}_bpm", True, "breathing_s"),
    _Sign("breathing_high", BREATHING, "breathing, per minute,", "bpm", "breathing_high{}_bpm", False, "breathing_s"),
    _Sign("apnea", BREATHING, "no breath: measured rate", "bpm", "apnea{}_bpm", True, "apnea_s", "high"),
)


def sign_policies(limits: Limits) -> Iterator[Watch]:
    """One policy per rule."""
    for sign in _SIGNS:
        side, other = ("below", "above") if sign.below else ("above", "below")
        digits = ".1f" if sign.unit == "degC" else ".0f"
        rule = Rule(
            kind=f"health.{sign.kind}",
            priority=sign.priority,
            code=f"{sign.kind.rpartition('_')[0]}_{side}" if sign.kind != "apnea" else "apnea_for",
            raised=f"{sign.words} {{value:{digits}}} {sign.unit}, at or {side} {{limit:g}} for {{seconds:.0f}} s",
            cleared=f"{sign.words} {{value:{digits}}} {sign.unit}, {other} the limit of {{limit:g}} again",
            unit=sign.unit,
        )
        spot = sign.reading in (SYSTOLIC, DIASTOLIC, TEMPERATURE)
        gap_s = limits.spots_max_age_s if spot else limits.signs_max_gap_s
        level = partial(
            Level,
            enter=getattr(limits, sign.key.format("")),
            exit=getattr(limits, sign.key.format("_exit")),
            dwell_s=getattr(limits, sign.wait),
            keep_s=limits.signs_keep_s,
            max_gap_s=gap_s,
            below=sign.below,
        )
        yield Watch(
            rule,
            level,
            names=frozenset({sign.reading}),
            sense="physio",
            min_quality=limits.min_quality,
            max_gap_s=gap_s,
        )
