"""What the built-in alerts about the person are called, and which of their numbers belong together.

In and out: nothing; two tables. Not here: the numbers (``limits``), the rules.
"""

from __future__ import annotations

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
    "health.stress",
    "motion.fall",
    "driver.stressed",
    "health.arrhythmia",
    "health.distress",
    "health.event",
)
"""Kinds of alert about the person, in the order in which their rules run."""

ORDERED = (
    ("eyes_closed_exit", "eyes_closed_enter"),
    ("perclos_exit", "perclos_enter"),
    ("perclos_min_cover_s", "perclos_window_s"),
    ("yawning_exit", "yawning_enter"),
    ("drowsy_exit", "drowsy_enter"),
    ("stressed_exit", "stressed_enter"),
    ("arrhythmia_exit", "arrhythmia_enter"),
    ("distress_exit", "distress_enter"),
    ("event_exit", "event_enter"),
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
