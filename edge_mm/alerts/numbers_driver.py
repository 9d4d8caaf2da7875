"""Every number of the rules about a driver, and of the fused heads, with its unit and where it comes from.

In and out: nothing; a checked ``Limits`` is made by ``limits``. The defaults are *inspired by* the sources named; this
is neither a type-approved driver monitor nor a medical device. Not here: the rules themselves.
"""

from __future__ import annotations

from edge_mm.alerts.number_types import Above, Angle, CommonNumbers, Degrees, Seconds, Stretch


class DriverNumbers(CommonNumbers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of ``driver.*`` and of what all senses together say."""

    eyes_closed_enter: Above = 0.6
    """Probability from which eyes count as closed. Ours: symmetric about the classifier's 0.5."""
    eyes_closed_exit: Above = 0.4
    """Probability below which eyes count as open."""
    eyes_closed_s: Seconds = 1.5
    """Microsleep: eyes closed 1 to 2 s (Euro NCAP Driver Engagement v1.1, secondary source); blinks end by 0.5 s."""
    sleep_s: Seconds = 3.0
    """Sleep: eyes closed for 3 s or more (Euro NCAP Driver Engagement v1.1, secondary source)."""
    eyes_closed_keep_s: Seconds = 1.0
    """Eyes open again for this long: ours."""
    face_lost_closed_s: Seconds = 0.8
    """Eyes closed for so long when the face is lost: who slumps takes the face away. The time then counts on: ours,
    longer than any blink."""
    face_lost_s: Seconds = 0.5
    """A face that is away for so long is lost, not missed in a frame; then the alert is latched: ours."""
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
    """Reading, up and down, when the driver looks straight ahead."""
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
