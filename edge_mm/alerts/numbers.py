"""Every number of the rules about sounds, a wrist and the device; with those that it inherits, all there are.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. Not here: the rules themselves.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from edge_mm.alerts.number_types import Above, Count, Seconds, Share, Stretch
from edge_mm.alerts.numbers_signs import SignNumbers


class Limits(SignNumbers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The numbers. ``*_enter`` starts a condition, ``*_exit`` ends it, ``*_s`` is how long it must have lasted,
    ``*_keep_s`` how long it must have been over before the alert is cleared.
    """

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

    fall_no_movement_g: Annotated[float, Meta(gt=0.0, le=2.0)] = 0.03
    """Mean acceleration without gravity below which somebody does not move; a wrist at rest is below it: ours."""
    fall_no_movement_moves_g: Annotated[float, Meta(gt=0.0, le=2.0)] = 0.06
    """From this on somebody moves: ours."""
    fall_no_movement_s: Seconds = 30.0
    """Without movement for so long after a fall: ours; long enough to tell lying there from having sat down."""
    fall_no_movement_within_s: Stretch = 60.0
    """The stillness must begin so soon after the fall: ours. Later it is rest."""
    fall_no_movement_keep_s: Seconds = 5.0
    """Moving again for this long: ours."""

    cough_rate_count: Count = 20
    """Coughs within the window. Ours, no standard: healthy people cough less than once an hour."""
    cough_rate_exit_count: Annotated[int, Meta(ge=0, le=1000)] = 12
    """At most this many in the window: ours."""
    cough_rate_window_s: Stretch = 3600.0
    """One hour."""
    cough_rate_gap_s: Seconds = 0.5
    """What is heard again after so long without it is another cough: ours. Coughs in a bout that touch count once."""
    cough_rate_keep_s: Seconds = 60.0
    """Few for this long: ours."""

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

    blind_s: Seconds = 3.0
    """All sensors lost or silent for this long: ours. Each says for itself at once that it is lost."""
    blind_unusable_s: Seconds = 60.0
    """The same where some only tell us nothing (a hand before the camera is gone by then): ours."""
    blind_noise_s: Stretch = 300.0
    """The same where one of them is only too noisy: a person who moves. At 60 s, a pulse at the wrist alone raised 2.4
    alerts per hour (Stress-Predict): ours."""
    input_wait_s: Seconds = 30.0
    """A rule whose input has not come for so long after the start says so: ours."""
