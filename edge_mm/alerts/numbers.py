"""Every number of the built-in rules, with its unit and where it comes from.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. Not here: the rules themselves.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
"""A probability, a quality or a share of time, 0..1."""
Above = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
"""The same where 0 would mean always or never: a reading is never below an exit of 0."""
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)]
"""A duration; 0 means at the first reading."""
Stretch = Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)]
"""A duration that cannot be 0: a gap of 0 s would part all readings, a window of 0 s would hold none."""
Bpm = Annotated[float, msgspec.Meta(ge=10.0, le=300.0)]
"""Beats per minute."""
Breaths = Annotated[float, msgspec.Meta(ge=3.0, le=60.0)]
"""Breaths per minute."""
Degrees = Annotated[float, msgspec.Meta(gt=0.0, le=90.0)]
"""An angle away from straight ahead."""
Angle = Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)]
"""A direction; signed as the observations are."""
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
"""How many."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The numbers. ``*_enter`` starts a condition, ``*_exit`` ends it, ``*_s`` is how long it must have lasted,
    ``*_keep_s`` how long it must have been over before the alert is cleared.
    """

    disabled: list[str] = []
    """Kinds of alert that are not wanted, for example ``["sound.dog"]``. Technical ones cannot be switched off."""
    min_quality: Share = 0.25
    """Readings below this quality neither start nor end a condition; the number of the bundle ``driver``."""

    eyes_closed_enter: Above = 0.6
    """Probability from which eyes count as closed. Ours: symmetric about the classifier's 0.5."""
    eyes_closed_exit: Above = 0.4
    """Probability below which eyes count as open."""
    eyes_closed_s: Seconds = 1.5
    """Microsleep: eyes closed 1 to 2 s (Euro NCAP Driver Engagement v1.1, secondary source); blinks end by 0.5 s."""
    sleep_s: Seconds = 3.0
    """Sleep: eyes closed for 3 s or more (same source)."""
    eyes_closed_keep_s: Seconds = 1.0
    """Eyes open again for this long: ours."""
    vision_max_gap_s: Stretch = 1.0
    """Without a usable frame for longer, what had not yet lasted long enough starts again: ours."""

    perclos_closed: Above = 0.5
    """Probability from which a moment counts as closed. P80 (lid at least 80 % down, Wierwille 1994) is in the label
    that the encoder was trained on."""
    perclos_window_s: Stretch = 60.0
    """One minute (FHWA/NHTSA tech brief on PERCLOS)."""
    perclos_min_cover_s: Seconds = 30.0
    """Seconds inside the window that must have been seen before anything is said: ours."""
    perclos_enter: Above = 0.15
    """Share of time. Studies propose 10 % for drowsy, with 12 % at the end of a sleep-deprived drive (JOV VSS 2012
    2141193); 15 % is widely used but not a standard, chosen for fewer false alerts."""
    perclos_exit: Above = 0.10
    """Share of time below which it is over; 6 % is the rested baseline of the same study."""

    yawning_enter: Above = 0.5
    """Probability of yawning per frame."""
    yawning_exit: Above = 0.35
    """Probability below which the yawn is over."""
    yawning_s: Seconds = 1.5
    """Yawns last 4 to 7 s; an open mouth in speech rarely 1 s: ours."""
    yawning_keep_s: Seconds = 2.0
    """One yawn is one alert: ours."""

    away_yaw_deg: Degrees = 23.03
    """Head turn; openpilot ``selfdrive/monitoring/policy.py``: 0.4020 rad."""
    away_pitch_deg: Degrees = 17.95
    """Head up or down: 0.3133 rad, which that source compares with a neutral that it has learned; until then it allows
    0.449 rad (25.7 degrees), and it counts down only. Ours: the neutral is set by hand, and who looks up at a visor for
    3 s does not see the road either."""
    neutral_yaw_deg: Angle = 0.0
    """Reading when the driver looks straight ahead: not 0 for a camera at the side."""
    neutral_pitch_deg: Angle = 0.0
    """The same, up and down."""
    away_exit_ratio: Above = 0.85
    """Back below this share of the limits: ours."""
    away_s: Seconds = 3.0
    """Single long glance 3 to 4 s (Euro NCAP v1.1, secondary source); openpilot's first alert: 3 s."""
    away_keep_s: Seconds = 1.0
    """Looking ahead again for this long: ours."""

    drowsy_enter: Above = 0.6
    """Fused probability: ours, to be set from the bundle's report."""
    drowsy_exit: Above = 0.4
    """Fused probability below which it is over."""
    drowsy_s: Seconds = 3.0
    """From the end of the first window above to the end of the latest: more than one window must agree. Ours."""
    drowsy_keep_s: Seconds = 6.0
    """Fused probability low for this long: ours."""
    stressed_enter: Above = 0.7
    """Fused probability of the head ``stressed``: ours, see the bundle's report."""
    stressed_exit: Above = 0.5
    """Fused probability below which it is over: ours."""
    stressed_s: Seconds = 120.0
    """Stress builds up over minutes; a shorter rise is a startle: ours."""
    arrhythmia_enter: Above = 0.7
    """Fused probability of the head ``arrhythmia``: ours, see the bundle's report."""
    arrhythmia_exit: Above = 0.4
    """Fused probability below which it is over: ours."""
    arrhythmia_s: Seconds = 20.0
    """Two windows of ten seconds that share nothing must agree: ours."""
    distress_enter: Above = 0.7
    """Fused probability of the head ``distress``: ours, see the bundle's report."""
    distress_exit: Above = 0.5
    """Fused probability below which it is over: ours."""
    distress_s: Seconds = 120.0
    """As ``stressed_s``."""
    fused_keep_s: Seconds = 10.0
    """Fused probability of these heads low for this long: ours."""
    fusion_max_gap_s: Stretch = 10.0
    """Stretch that no window covers after which the duration starts again: ours."""

    heart_rate_low_bpm: Bpm = 50.0
    """Adult monitor default (Contec CMS8000 50 to 120, LIFEPAK 15 50 to 150; vendor manuals)."""
    heart_rate_low_exit_bpm: Bpm = 53.0
    """Ours: 3 bpm of hysteresis."""
    heart_rate_high_bpm: Bpm = 120.0
    """Adult monitor default (Contec CMS8000)."""
    heart_rate_high_exit_bpm: Bpm = 117.0
    """Ours: 3 bpm of hysteresis."""
    heart_rate_s: Seconds = 10.0
    """Alarm within 10 s (IEC 60601-2-27 as quoted by vendors; Draeger M540 waits 6 s)."""
    heart_rate_keep_s: Seconds = 5.0
    """Within limits for this long: ours."""
    vitals_max_gap_s: Stretch = 5.0
    """Without a usable beat or rate for longer, durations start again: ours (a rate of 12 bpm still passes)."""

    respiration_low_bpm: Breaths = 8.0
    """Breaths per minute at or below which breathing is slow (NEWS2, Royal College of Physicians 2017: 3 points)."""
    respiration_low_exit_bpm: Breaths = 9.5
    """Ours."""
    respiration_high_bpm: Breaths = 25.0
    """Breaths per minute at or above which breathing is fast (NEWS2: 3 points)."""
    respiration_high_exit_bpm: Breaths = 23.0
    """Ours."""
    respiration_min_quality: Share = 0.45
    """The rate is read from what breathing does to the heartbeat; below this it is too often another rhythm: ours."""
    respiration_s: Seconds = 60.0
    """Each reading is about a minute of beats, so a minute of readings is two minutes of breathing: ours."""
    respiration_keep_s: Seconds = 30.0
    """Within limits for this long: ours."""
    respiration_max_gap_s: Stretch = 30.0
    """The rate is said every five seconds where it is clear: ours."""

    irregular_enter: Above = 0.5
    """Probability that the RR intervals are those of atrial fibrillation."""
    irregular_exit: Above = 0.3
    """Probability below which the rhythm counts as regular: ours."""
    irregular_s: Seconds = 30.0
    """Atrial fibrillation needs 30 s of ECG (ESC guideline 2020) and a physician. At 10 s, healthy hearts raised 4
    alerts per hour of ECG."""
    irregular_min_quality: Share = 0.9
    """A pulse at a moving wrist loses beats, and what is left looks irregular: below this quality a third to a half of
    the readings of healthy people do, above it 7 % (Stress-Predict). An ECG is above it nearly always. Ours."""
    irregular_keep_s: Seconds = 10.0
    """Regular for this long: ours."""
    irregular_max_gap_s: Stretch = 30.0
    """The rhythm is read once per stretch of ECG, so its readings are far apart: ours."""

    ventricular_count: Count = 6
    """More than 5 ventricular beats in a minute: the classic coronary-care warning (Lown)."""
    ventricular_exit_count: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 2
    """At most this many in the window: ours."""
    ventricular_window_s: Stretch = 60.0
    """One minute."""
    ventricular_keep_s: Seconds = 30.0
    """Seconds of beats without a gap before few ventricular beats are believed: ours."""
    ventricular_run_beats: Count = 3
    """Three or more ventricular beats in a row (ACC/AHA/HRS: non-sustained ventricular tachycardia)."""
    ventricular_run_bpm: Bpm = 100.0
    """At this rate or faster (same source)."""
    ventricular_run_keep_s: Seconds = 10.0
    """Seconds of beats without such a run: ours."""

    sound_enter: Above = 0.6
    """Probability of the class; the operating point of the encoder's report."""
    sound_exit: Above = 0.3
    """Probability below which the sound is over."""
    sound_min_quality: Share = 0.05
    """Lower than ``min_quality``: a quiet room (quality 0.1) is a reading that nothing is heard, and ends a sound; a
    dead microphone (0) is none."""
    sound_s: Seconds = 0.45
    """Three readings in a row at the bundle's hop of 0.25 s: fewer are often a wrong class (encoder's report)."""
    sound_keep_s: Seconds = 4.0
    """A cough, a pause and a cough are one alert: ours."""
    sound_max_gap_s: Stretch = 3.0
    """Without a usable reading for longer, durations start again: ours."""

    fall_enter: Above = 0.7
    """Probability from which an impact is a fall; the operating point of the encoder's report."""
    fall_exit: Above = 0.3
    """Probability below which an impact is none: ours."""
    fall_keep_s: Seconds = 30.0
    """Who gives ordinary impacts for so long is up again: ours."""
    fall_still_s: Stretch = 120.0
    """Without any impact for so long the alert is over: a fall is an event, and who lies still gives none. Ours; long
    enough that somebody has come, or that it was passed on."""

    stress_enter: Above = 0.7
    """Probability of the arousal of a stress task; the operating point of the encoder's report."""
    stress_exit: Above = 0.5
    """Probability below which it is over: ours."""
    stress_s: Seconds = 120.0
    """Arousal of less than two minutes is life: ours."""
    stress_keep_s: Seconds = 60.0
    """Calm for this long: ours."""
    stress_max_gap_s: Stretch = 30.0
    """It is read every ten seconds; without a usable reading for longer, the duration starts again: ours."""

    unusable_enter: Above = 0.25
    """Signal quality below which a sensor tells us nothing; the same number as ``min_quality``."""
    unusable_exit: Above = 0.35
    """Signal quality from which it is usable again: ours."""
    unusable_s: Seconds = 5.0
    """A hand before the camera is not a fault: ours."""
    unusable_keep_s: Seconds = 2.0
    """Usable again for this long: ours."""
    unusable_max_gap_s: Stretch = 5.0
    """Quality readings further apart than this do not add up: ours."""
