"""What a rule does not know ends nothing: a restart, a gap, an input that is missing."""

import pytest
from timeline import NS, beats, merged, of, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, default_policies, limits_from
from edge_mm.types import Observation


def watched(kind, rules=None):
    every = default_policies(limits=limits_from(rules or {}))
    return Alarms([one for one in every if hasattr(one, "rule") and one.rule.kind == kind])


def again(before, kind, rules=None):
    """The same after a restart in the middle."""
    after = watched(kind, rules)
    after.restore(before.snapshot(), same_clock=True)
    return after


def drive(start_s, seconds, *, eyes=0.1, yaw=0.0, seen=1.0):
    """A camera; ``seen``: how well the eyes can be read."""
    return merged(
        readings("driver.face_found", (seconds, 1.0), start_s=start_s),
        readings("driver.eyes_closed", (seconds, eyes), start_s=start_s, quality=seen),
        readings("driver.head_pitch_deg", (seconds, 0.0), start_s=start_s),
        readings("driver.head_yaw_deg", (seconds, yaw), start_s=start_s),
    )


def states(alerts):
    return [one.state for one in alerts if one.state != "escalated"]


def test_who_lies_still_after_a_fall_does_so_after_a_restart():
    kind, rules = "motion.fall_no_movement", {"presets": ["motion.fall_no_movement"]}
    before = watched(kind, rules)
    fall = readings("motion.fall", (0.4, 0.95), fps=2.5, start_s=8)
    assert states(play(before, merged(fall, readings("motion.activity_g", (8.5, 0.3), (50, 0.01), fps=1)))) == [
        "raised"
    ]
    after = again(before, kind, rules)
    assert states(play(after, readings("motion.activity_g", (60, 0.01), fps=1, start_s=60))) == []
    assert states(play(after, readings("motion.activity_g", (10, 0.3), fps=1, start_s=120))) == ["cleared"]


def flat(start_s, seconds):
    return [
        Observation((start_s + i) * NS, "sensor.quality", 0.0, "1", 0.0, "physio", "ecg", "no beats")
        for i in range(seconds)
    ]
