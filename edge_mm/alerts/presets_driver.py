"""Presets about a driver's attention.

In and out: nothing; tables. None of the regulations and protocols was read in the original: the sources are secondary
where that is said. Not here: the rules (``driver``, ``attention``).
"""

from __future__ import annotations

from typing import Final

from edge_mm.alerts.preset import Number, Preset

_ADDW: Final = "EU 2023/2590 ADDW as told by UTAC (secondary)"
_NCAP: Final = "Euro NCAP Driver Engagement v1.1, 2026 (secondary)"
_OPENPILOT: Final = "openpilot selfdrive/monitoring/policy.py"
DRIVER: Final = (
    Preset(
        "driver.addw",
        "EU 2023/2590, advanced driver distraction warning",
        {
            "away_by_speed": Number(True, _ADDW),
            "away_slow_kmh": Number(20.0, _ADDW),
            "away_fast_kmh": Number(50.0, _ADDW),
            "away_slow_s": Number(6.0, f"{_ADDW}: 20 to 50 km/h"),
            "away_s": Number(3.5, f"{_ADDW}: above 50 km/h"),
        },
        uses=("driver.looking_away",),
        leaves_out="it watches where the head is turned, not whether the gaze rests in the area of lap and feet; "
        "the 1.5 s that may be added in difficult conditions are not",
    ),
    Preset(
        "driver.euroncap2026",
        "Euro NCAP Driver Engagement v1.1, 2026",
        {
            "away_s": Number(3.0, f"{_NCAP}: single long glance, 3 to 4 s"),
            "glances_s": Number(10.0, f"{_NCAP}: 10 s away, added up"),
            "glances_window_s": Number(30.0, f"{_NCAP}: within 30 s"),
            "eyes_closed_s": Number(1.5, f"{_NCAP}: microsleep, eyes closed for 1 to 2 s"),
            "sleep_s": Number(3.0, f"{_NCAP}: eyes closed for 3 s or more"),
            "unresponsive_s": Number(3.0, f"{_NCAP}: gaze not back within 3 s of the warning"),
            "unresponsive_eyes_s": Number(6.0, f"{_NCAP}: eyes closed for 6 s or more"),
        },
        enables=("driver.glancing_away", "driver.unresponsive"),
        uses=("driver.looking_away", "driver.eyes_closed", "driver.sleep"),
        leaves_out="it watches the head, not the gaze; no phone, no drowsiness by KSS at 50 km/h and more "
        "(driver.drowsy is a probability of ours)",
    ),
    Preset(
        "driver.openpilot",
        "openpilot's driver monitoring",
        {
            "distracted_1_s": Number(3.0, f"{_OPENPILOT}: first alert"),
            "distracted_2_s": Number(5.0, f"{_OPENPILOT}: second alert"),
            "distracted_3_s": Number(11.0, f"{_OPENPILOT}: third alert"),
            "away_yaw_deg": Number(23.03, f"{_OPENPILOT}: 0.4020 rad"),
            "away_pitch_deg": Number(17.95, f"{_OPENPILOT}: 0.3133 rad"),
            "not_visible_s": Number(15.0, f"{_OPENPILOT}: first alert without evidence of the camera"),
        },
        enables=("driver.distracted", "driver.not_visible"),
        leaves_out="no phone, no learned neutral pose (edge-mm calibrate learns one), no hand at the wheel, "
        "no lock-out",
    ),
)
