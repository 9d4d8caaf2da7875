"""Every number of the rules about heart, breathing and circulation, with its unit and where it comes from.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. Not here: the rules themselves.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_mm.alerts.number_types import Above, Bpm, Breaths, Count, Seconds, Share, Stretch
from edge_mm.alerts.numbers_attention import AttentionNumbers


class HealthNumbers(AttentionNumbers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of ``health.*`` but what a wrist says."""

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
    """At this rate or faster (ACC/AHA/HRS)."""
    ventricular_run_keep_s: Seconds = 10.0
    """Seconds of beats without such a run: ours."""

    asystole_s: Stretch = 4.0
    """No QRS complex for so long (Edan patient monitor manuals, "asystole": 4 consecutive seconds)."""
    asystole_beats: Count = 10
    """Beats that must have been found on the stream before: what never showed a heart may be no ECG. Ours."""
    asystole_window_s: Stretch = 60.0
    """Within so long before the silence: ours."""
    asystole_keep_beats: Count = 3
    """Beats that end it, each within ``asystole_s`` of the one before: ours. One may be an artefact."""
    asystole_together_s: Seconds = 3.0
    """An ECG and a pulse that end so soon after each other end together: ours."""
