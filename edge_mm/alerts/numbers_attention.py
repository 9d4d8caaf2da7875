"""Every number of the rules about a driver's attention, with its unit and where it comes from.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. These rules are off until a preset or ``enabled`` asks
for them. Not here: the rules themselves.
"""

from __future__ import annotations

from edge_mm.alerts.number_types import Seconds, Speed, Stretch
from edge_mm.alerts.numbers_driver import DriverNumbers


class AttentionNumbers(DriverNumbers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of how a driver's attention is spread over time."""

    away_by_speed: bool = False
    """Whether ``driver.looking_away`` depends on ``vehicle.speed_kmh``."""
    away_slow_kmh: Speed = 20.0
    """By speed: below it, looking away is no distraction (EU 2023/2590 ADDW, secondary source)."""
    away_fast_kmh: Speed = 50.0
    """By speed: above it ``away_s`` holds, else ``away_slow_s`` (EU 2023/2590 ADDW, secondary source)."""
    away_slow_s: Seconds = 6.0
    """By speed: a glance of so long, between the two speeds (EU 2023/2590 ADDW, secondary source)."""
    speed_max_age_s: Stretch = 10.0
    """An older speed is not the present one: ours."""

    glances_s: Stretch = 10.0
    """Seconds of looking away, added up, within the window (Euro NCAP Driver Engagement v1.1, secondary source)."""
    glances_exit_s: Stretch = 8.0
    """Fewer seconds end it: ours."""
    glances_window_s: Stretch = 30.0
    """The window (Euro NCAP Driver Engagement v1.1, secondary source)."""

    unresponsive_s: Seconds = 3.0
    """The gaze is not back so long after the warning (Euro NCAP v1.1, secondary source)."""
    unresponsive_eyes_s: Seconds = 6.0
    """Or the eyes are closed for so long (Euro NCAP Driver Engagement v1.1, secondary source)."""

    distracted_1_s: Seconds = 3.0
    """First stage (openpilot ``selfdrive/monitoring/policy.py``: 3 s)."""
    distracted_2_s: Seconds = 5.0
    """Second stage (openpilot ``selfdrive/monitoring/policy.py``: 5 s)."""
    distracted_3_s: Seconds = 11.0
    """Third stage (openpilot ``selfdrive/monitoring/policy.py``: 11 s)."""
    distracted_keep_s: Seconds = 1.0
    """Attentive again for this long: ours."""

    not_visible_s: Seconds = 15.0
    """No face in good pictures for so long (openpilot's first alert without evidence of the camera: 15 s)."""
    not_visible_keep_s: Seconds = 1.0
    """A face for this long: ours."""
