"""Which numbers of the rules belong together, and what one means for another.

In: numbers by name. Out: which stand in the wrong order; the exits that follow an enter which was given alone. Not
here: the ranges of single numbers (``numbers``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ORDERED = (
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
    ("away_slow_kmh", "away_fast_kmh"),
    ("glances_exit_s", "glances_s"),
    ("glances_s", "glances_window_s"),
    ("distracted_1_s", "distracted_2_s"),
    ("distracted_2_s", "distracted_3_s"),
    ("spo2_low_percent", "spo2_low_exit_percent"),
    ("systolic_low_mmhg", "systolic_low_exit_mmhg"),
    ("systolic_low_exit_mmhg", "systolic_high_exit_mmhg"),
    ("systolic_high_exit_mmhg", "systolic_high_mmhg"),
    ("diastolic_low_mmhg", "diastolic_low_exit_mmhg"),
    ("diastolic_low_exit_mmhg", "diastolic_high_exit_mmhg"),
    ("diastolic_high_exit_mmhg", "diastolic_high_mmhg"),
    ("temperature_low_c", "temperature_low_exit_c"),
    ("temperature_low_exit_c", "temperature_high_exit_c"),
    ("temperature_high_exit_c", "temperature_high_c"),
    ("apnea_bpm", "apnea_exit_bpm"),
    ("breathing_low_bpm", "breathing_low_exit_bpm"),
    ("breathing_low_exit_bpm", "breathing_high_exit_bpm"),
    ("breathing_high_exit_bpm", "breathing_high_bpm"),
    ("news2_total", "news2_emergency_total"),
    ("fall_no_movement_g", "fall_no_movement_moves_g"),
    ("cough_rate_exit_count", "cough_rate_count"),
)
"""(lower, upper): the lower one may not be above the upper one."""

_EXITS: Mapping[str, str] = {
    **{
        f"{one}_enter": f"{one}_exit"
        for one in (
            *("eyes_closed", "perclos", "yawning", "drowsy", "stressed", "arrhythmia", "distress", "irregular"),
            *("sound", "fall", "stress", "unusable"),
        )
    },
    **{
        f"{one}_{unit}": f"{one}_exit_{unit}"
        for one, unit in (
            *((f"heart_rate_{way}", "bpm") for way in ("low", "high")),
            *((f"respiration_{way}", "bpm") for way in ("low", "high")),
            *((f"breathing_{way}", "bpm") for way in ("low", "high")),
            *((f"{one}_{way}", "mmhg") for one in ("systolic", "diastolic") for way in ("low", "high")),
            *((f"temperature_{way}", "c") for way in ("low", "high")),
            *(("spo2_low", "percent"), ("apnea", "bpm"), ("ventricular", "count"), ("cough_rate", "count")),
        )
    },
    "glances_s": "glances_exit_s",
    "fall_no_movement_g": "fall_no_movement_moves_g",
}
_SHARES = (*(key for key in _EXITS if key.endswith("_enter")), "glances_s", "fall_no_movement_g")
"""Exits that stay at the same share of their enter; the others stay as far from it."""


def followed(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The exits that follow an enter which is given without them, so that an enter can be set alone.

    Args:
        given: numbers by name, each of the right type.
        before: all numbers as they were without them.
    """
    found: dict[str, Any] = {}
    for enter, exit in _EXITS.items():
        if enter not in given or exit in given:
            continue
        old, at, new = before[enter], before[exit], given[enter]
        if new == old:
            continue
        if enter in _SHARES:
            found[exit] = round(min(new * at / old, 1.0) if enter == "unusable_enter" else new * at / old, 6)
        else:
            found[exit] = max(new + at - old, 0) if isinstance(at, int) else round(new + at - old, 6)
    return found


def out_of_order(numbers: Any) -> Iterator[tuple[str, str]]:
    """Pairs whose lower one is above the upper one."""
    for lower, upper in ORDERED:
        if getattr(numbers, lower) > getattr(numbers, upper):
            yield lower, upper
