"""The numbers of the rules as an installation sets them.

In: the ``[rules]`` table of ``edge-mm.toml``, key by key; what is not given keeps its default. Out: a checked
``Limits``. Not here: the numbers and their sources (``numbers``), the rules (``driver``, ``vitals``, ``sound`` ...).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_mm.alerts.numbers import Limits
from edge_mm.errors import ConfigError

KINDS = (
    "driver.eyes_closed",
    "driver.sleep",
    "driver.perclos",
    "driver.yawning",
    "driver.looking_away",
    "driver.drowsy",
    "sound.siren",
    "sound.baby_cry",
    "sound.dog",
    "sound.cough",
    "sound.sneeze",
    "health.heart_rate_low",
    "health.heart_rate_high",
    "health.respiration_low",
    "health.respiration_high",
    "health.irregular_rhythm",
    "health.ventricular_beats",
    "health.ventricular_run",
    "driver.stressed",
    "health.arrhythmia",
    "health.distress",
    "health.stress",
    "motion.fall",
)
"""Kinds of alert about the person, in the order in which their rules run."""

_ORDERED = (
    ("eyes_closed_exit", "eyes_closed_enter"),
    ("perclos_exit", "perclos_enter"),
    ("perclos_min_cover_s", "perclos_window_s"),
    ("yawning_exit", "yawning_enter"),
    ("drowsy_exit", "drowsy_enter"),
    ("stressed_exit", "stressed_enter"),
    ("arrhythmia_exit", "arrhythmia_enter"),
    ("distress_exit", "distress_enter"),
    ("heart_rate_low_bpm", "heart_rate_low_exit_bpm"),
    ("heart_rate_low_exit_bpm", "heart_rate_high_exit_bpm"),
    ("heart_rate_high_exit_bpm", "heart_rate_high_bpm"),
    ("respiration_low_bpm", "respiration_low_exit_bpm"),
    ("respiration_low_exit_bpm", "respiration_high_exit_bpm"),
    ("respiration_high_exit_bpm", "respiration_high_bpm"),
    ("irregular_exit", "irregular_enter"),
    ("ventricular_exit_count", "ventricular_count"),
    ("sound_exit", "sound_enter"),
    ("fall_exit", "fall_enter"),
    ("stress_exit", "stress_enter"),
    ("unusable_enter", "unusable_exit"),
)
"""(lower, upper): the lower one may not be above the upper one."""


def limits_from(table: Mapping[str, Any], *, where: str = "[rules]") -> Limits:
    """Check a table of overrides.

    Args:
        table: key -> value, as read from TOML.
        where: how to call the table in messages.

    Raises:
        ConfigError: every unknown key, wrong type, number out of range and pair out of order, one sentence each.
    """
    fields = {field.name: field for field in msgspec.structs.fields(Limits)}
    problems: list[str] = []
    wrong: set[str] = set()
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            problems.append(f"{where} {key}: unknown key" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        try:
            values[key] = msgspec.convert(value, type=fields[key].type)
        except msgspec.ValidationError as error:
            problems.append(f"{where} {key} = {value!r}: {str(error)[0].lower()}{str(error)[1:]}")
            wrong.add(key)
            continue
    limits = Limits(**values)
    strangers = [kind for kind in limits.disabled if kind not in KINDS]
    problems += [f"{where} disabled: no rule {kind!r}; there are {', '.join(KINDS)}" for kind in strangers]
    for lower, upper in _ORDERED:
        low, high = getattr(limits, lower), getattr(limits, upper)
        if low > high and not wrong & {lower, upper}:
            problems.append(f"{where} {lower} = {low:g} is above {upper} = {high:g}: set it to at most {high:g}")
    if problems:
        raise ConfigError(*problems)
    return limits


__all__ = ["KINDS", "Limits", "limits_from"]
