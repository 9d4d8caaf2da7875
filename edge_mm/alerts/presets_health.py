"""Presets about a patient.

In and out: nothing; tables. Limits are those of vendors' manuals; no standard was read in the original. Not here: the
rules (``vitals``, ``signs``, ``news2``, ``still``, ``coughs``).
"""

from __future__ import annotations

from typing import Final

from edge_mm.alerts.preset import Number, Preset
from edge_mm.alerts.rule_kinds import SIGNS

_CONTEC: Final = "Contec CMS8000, adult (vendor manual)"
_LIFEPAK: Final = "LIFEPAK 15 default (vendor manual)"
_DRAEGER: Final = "Draeger M540 (vendor manual)"
_RCP: Final = "Royal College of Physicians, NEWS2, 2017"
HEALTH: Final = (
    Preset(
        "health.adult_monitor",
        "the defaults of bedside monitors for adults",
        {
            "heart_rate_low_bpm": Number(50.0, _CONTEC),
            "heart_rate_high_bpm": Number(120.0, _CONTEC),
            "heart_rate_s": Number(6.0, f"{_DRAEGER}: 6 s either way; IEC 60601-2-27 asks for 10 s at most"),
            "spo2_low_percent": Number(90.0, _CONTEC),
            "spo2_s": Number(10.0, f"{_DRAEGER}: lower limit"),
            "breathing_low_bpm": Number(5.0, _LIFEPAK),
            "breathing_high_bpm": Number(30.0, _LIFEPAK),
            "breathing_s": Number(14.0, f"{_DRAEGER}: 14 s either way"),
            "systolic_low_mmhg": Number(50.0, _LIFEPAK),
            "systolic_high_mmhg": Number(200.0, _LIFEPAK),
            "diastolic_low_mmhg": Number(40.0, "ours: no monitor's default was found"),
            "diastolic_high_mmhg": Number(120.0, "ours: no monitor's default was found"),
            "pressure_s": Number(0.0, "ours: a cuff measures once"),
            "temperature_low_c": Number(35.0, _LIFEPAK),
            "temperature_high_c": Number(39.0, _LIFEPAK),
            "temperature_s": Number(0.0, "ours: a thermometer speaks once in minutes"),
            "apnea_s": Number(20.0, "GE CARESCAPE, default (vendor manual)"),
        },
        enables=SIGNS,
        uses=("health.heart_rate_low", "health.heart_rate_high", "health.asystole", "health.ventricular_run"),
        leaves_out="children and the newborn; an upper limit of the saturation; ventricular fibrillation",
    ),
    Preset(
        "health.news2_partial",
        "NEWS2, of the items that sensors give",
        {
            "news2_total": Number(5, f"{_RCP}: urgent response"),
            "news2_emergency_total": Number(7, f"{_RCP}: emergency response"),
            "news2_single": Number(3, f"{_RCP}: one item of 3 points, urgent ward review"),
            "news2_s": Number(60.0, "ours: the chart knows no momentary values"),
        },
        enables=("health.news2",),
        leaves_out="consciousness always, air or oxygen unless news2_air says it, scale 2 of the saturation; "
        "the missing items are listed with every score",
    ),
    Preset(
        "health.apnea",
        "apnea alarms of bedside monitors",
        {"apnea_s": Number(20.0, "GE CARESCAPE, default (vendor manual)")},
        enables=("health.apnea",),
        leaves_out="an ECG's breathing rate never counts: it needs a measured one (kind respiration_rate)",
    ),
    Preset(
        "health.rhythm",
        "guidelines on atrial fibrillation and ventricular tachycardia",
        {
            "irregular_s": Number(30.0, "ESC guideline 2020: 30 s of ECG, and a physician"),
            "ventricular_run_beats": Number(3, "ACC/AHA/HRS: three or more in a row"),
            "ventricular_run_bpm": Number(100.0, "ACC/AHA/HRS: at 100 per minute or faster"),
            "asystole_s": Number(4.0, "Edan patient monitor manual: no QRS complex for 4 s"),
        },
        uses=("health.irregular_rhythm", "health.ventricular_run", "health.asystole"),
        leaves_out="ventricular fibrillation",
    ),
    Preset(
        "health.cough_rate",
        "counts of coughs per hour in respiratory research",
        {
            "cough_rate_count": Number(20, "ours: healthy people cough less than once an hour"),
            "cough_rate_window_s": Number(3600.0, "one hour"),
        },
        enables=("health.cough_rate",),
        leaves_out="whose cough it is: a microphone hears everybody in the room",
    ),
    Preset(
        "motion.fall_no_movement",
        "fall detectors that wait whether somebody gets up",
        {"fall_no_movement_s": Number(30.0, "ours"), "fall_no_movement_g": Number(0.03, "ours")},
        enables=("motion.fall_no_movement",),
        uses=("motion.fall",),
    ),
)
