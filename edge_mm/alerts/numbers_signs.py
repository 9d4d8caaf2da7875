"""Every number of the rules about measured vital signs, with its unit and where it comes from.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. These rules are off until a preset or ``enabled`` asks
for them. Not here: the rules themselves.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_mm.alerts.number_types import Celsius, Percent, Pressure, Seconds, Stretch
from edge_mm.alerts.numbers_health import HealthNumbers

Measured = Annotated[float, Meta(ge=0.0, le=120.0)]
"""Breaths per minute as a device counts them; 0 is apnea."""
Score = Annotated[int, Meta(ge=1, le=20)]


class SignNumbers(HealthNumbers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of vital signs that devices measure, and of the score that is made of them."""

    spo2_low_percent: Percent = 90.0
    """Adult monitor default (Contec CMS8000, vendor manual); at or below it."""
    spo2_low_exit_percent: Percent = 92.0
    """Ours: 2 % of hysteresis."""
    spo2_s: Seconds = 10.0
    """The lower limit is told after 10 s (Draeger M540, vendor manual)."""
    systolic_low_mmhg: Pressure = 50.0
    """Default of the LIFEPAK 15 (vendor manual); at or below it."""
    systolic_low_exit_mmhg: Pressure = 55.0
    """Ours: 5 mmHg of hysteresis."""
    systolic_high_mmhg: Pressure = 200.0
    """Default of the LIFEPAK 15 (vendor manual)."""
    systolic_high_exit_mmhg: Pressure = 195.0
    """Ours: 5 mmHg of hysteresis."""
    diastolic_low_mmhg: Pressure = 40.0
    """Ours, no monitor's default was found in a source."""
    diastolic_low_exit_mmhg: Pressure = 45.0
    """Ours: 5 mmHg of hysteresis."""
    diastolic_high_mmhg: Pressure = 120.0
    """Ours, no monitor's default was found in a source."""
    diastolic_high_exit_mmhg: Pressure = 115.0
    """Ours: 5 mmHg of hysteresis."""
    pressure_s: Seconds = 0.0
    """A cuff measures once: its reading counts at once. For a continuous line give 6 to 10 s."""
    temperature_low_c: Celsius = 35.0
    """Default of the LIFEPAK 15 (vendor manual); at or below it."""
    temperature_low_exit_c: Celsius = 35.3
    """Ours: 0.3 degrees of hysteresis."""
    temperature_high_c: Celsius = 39.0
    """Default of the LIFEPAK 15 (vendor manual)."""
    temperature_high_exit_c: Celsius = 38.7
    """Ours: 0.3 degrees of hysteresis."""
    temperature_s: Seconds = 0.0
    """A thermometer speaks once in minutes: its reading counts at once: ours."""
    breathing_low_bpm: Measured = 5.0
    """Breaths per minute as measured (LIFEPAK 15 default, vendor manual); at or below it."""
    breathing_low_exit_bpm: Measured = 6.0
    """Ours."""
    breathing_high_bpm: Measured = 30.0
    """Breaths per minute as measured, at or above it (LIFEPAK 15 default, vendor manual)."""
    breathing_high_exit_bpm: Measured = 28.0
    """Ours."""
    breathing_s: Seconds = 14.0
    """Draeger M540 waits 14 s either way (vendor manual)."""
    apnea_bpm: Measured = 1.0
    """A measured rate at or below it is no breathing: ours; devices say 0."""
    apnea_exit_bpm: Measured = 4.0
    """From above this on somebody breathes: ours."""
    apnea_s: Seconds = 20.0
    """No breath for so long (GE CARESCAPE manual: default 20 s, 3 to 30 s can be set). A device that itself waits
    before it says 0 adds its own delay: then give less."""
    signs_keep_s: Seconds = 0.0
    """Back within limits for this long: ours; the exits are hysteresis enough for readings that come seldom."""
    signs_max_gap_s: Stretch = 60.0
    """Readings of saturation and breathing further apart do not add up: ours."""
    signs_max_age_s: Stretch = 60.0
    """An older saturation, rate of breathing or pulse is not the present one: ours."""
    spots_max_age_s: Stretch = 3600.0
    """The same of blood pressure and temperature, which are measured now and then: ours."""

    news2_total: Score = 5
    """Partial NEWS2 from which it is told (Royal College of Physicians 2017: 5 or 6 is an urgent response)."""
    news2_emergency_total: Score = 7
    """Partial NEWS2 from which it is told with high priority (Royal College of Physicians 2017: 7 or more is an
    emergency response)."""
    news2_single: Annotated[int, Meta(ge=1, le=4)] = 3
    """A single item of so many points is told too (Royal College of Physicians 2017: 3); 4: never."""
    news2_s: Seconds = 60.0
    """For so long: ours; the chart is filled in by hand and knows no momentary values."""
    news2_keep_s: Seconds = 60.0
    """Below for so long: ours."""
    news2_max_gap_s: Stretch = 120.0
    """Without any of its items for longer, the duration starts again: ours."""
    news2_air: Literal["unknown", "air", "oxygen"] = "unknown"
    """What the person breathes; no sensor knows it. ``oxygen`` scores 2 points, ``unknown`` is a missing item."""
