"""What the built-in rules about a person are called.

In and out: nothing. Not here: technical alerts (``sensors``, ``blind``, ``inputs``), which cannot be switched off.
"""

from __future__ import annotations

ALWAYS = (
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
    "health.asystole",
)
"""Those that run without being asked for, where their sense is there."""
SIGNS = (
    "health.spo2_low",
    "health.systolic_low",
    "health.systolic_high",
    "health.diastolic_low",
    "health.diastolic_high",
    "health.temperature_low",
    "health.temperature_high",
    "health.breathing_low",
    "health.breathing_high",
    "health.apnea",
)
"""Those about vital signs that devices measure (``signs``)."""
OPTIONAL = (
    "driver.glancing_away",
    "driver.unresponsive",
    "driver.distracted",
    "driver.not_visible",
    *SIGNS,
    "health.news2",
    "motion.fall_no_movement",
    "health.cough_rate",
)
"""Those that a preset or ``enabled`` has to ask for: they need sensors that most installations lack, or say again what
another rule says."""
KINDS = ALWAYS + OPTIONAL
"""Kinds of alert about the person, in the order in which their rules run."""
