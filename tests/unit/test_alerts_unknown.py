"""What a rule does not know ends nothing: a restart, a gap, an input that is missing."""

import pytest
from timeline import NS, beats, merged, of, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, default_policies, limits_from
from edge_mm.alerts.blind import Blind
from edge_mm.alerts.numbers import Limits
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


@pytest.mark.parametrize("how", [{"eyes": 0.9}, {"yaw": 40.0}], ids=["eyes", "gaze"])
def test_who_does_not_answer_does_not_answer_after_a_restart(how):
    kind, rules = "driver.unresponsive", {"presets": ["driver.euroncap2026"]}
    before = watched(kind, rules)
    assert states(play(before, [*drive(0, 5), *drive(5, 10, **how)])) == ["raised"]
    after = again(before, kind, rules)
    assert states(play(after, drive(15.1, 12, **how))) == []
    assert states(play(after, drive(27.1, 5))) == ["cleared"]


def test_open_eyes_alone_are_no_gaze_that_is_back():
    kind, rules = "driver.unresponsive", {"enabled": ["driver.unresponsive"], "away_by_speed": True}
    car = [Observation(s * NS, "vehicle.speed_kmh", 90.0, "km/h", 1, "readings", "car") for s in range(16)]
    before = watched(kind, rules)
    assert states(play(before, merged(car, drive(0, 5), drive(5, 10, yaw=40.0)))) == ["raised"]
    after = again(before, kind, rules)
    assert states(play(after, drive(40, 10))) == []  # nobody says how fast the car is
    car = [Observation(s * NS, "vehicle.speed_kmh", 90.0, "km/h", 1, "readings", "car") for s in range(50, 60)]
    assert states(play(after, merged(car, drive(50, 9)))) == ["cleared"]


def test_glances_that_nobody_saw_are_not_none():
    kind, rules = "driver.glancing_away", {"presets": ["driver.euroncap2026"]}
    away = [*drive(0, 5), *drive(5, 12, yaw=40.0)]
    before = watched(kind, rules)
    assert states(play(before, away)) == ["raised"]
    after = again(before, kind, rules)
    assert play(after, drive(17.1, 20)) == []
    assert states(play(after, drive(37.1, 5))) == ["cleared"]
    covered = watched(kind, rules)
    play(covered, away)
    assert play(covered, drive(60, 20)) == []
    assert states(play(covered, drive(80, 5))) == ["cleared"]


def test_few_coughs_since_a_restart_are_not_few_within_the_hour():
    kind, rules = "health.cough_rate", {"enabled": ["health.cough_rate"]}
    before = watched(kind, rules)
    assert states(play(before, readings("audio.cough", *[(5, 0.9), (5, 0.05)] * 21, fps=2))) == ["raised"]
    after = again(before, kind, rules)
    assert play(after, readings("audio.cough", (3590, 0.05), fps=1, start_s=220)) == []
    assert states(play(after, readings("audio.cough", (120, 0.05), fps=1, start_s=3810))) == ["cleared"]


def test_an_item_of_a_score_that_has_become_old_is_missing_and_not_normal():
    kind, rules = "health.news2", {"presets": ["health.news2_partial"]}
    alarms = watched(kind, rules)
    low = readings("vitals.spo2_percent", (200, 85), fps=1, stream="oximeter")
    belt = readings("vitals.heart_rate_bpm", (900, 70), fps=1, stream="belt")
    assert states(play(alarms, merged(low, belt))) == ["raised"]
    fine = readings("vitals.spo2_percent", (100, 97), fps=1, stream="oximeter", start_s=900)
    assert states(play(alarms, fine)) == ["cleared"]


def test_an_item_whose_sensor_was_switched_off_keeps_nothing_up():
    kind, rules = "health.news2", {"presets": ["health.news2_partial"]}
    low = readings("vitals.spo2_percent", (200, 85), fps=1, stream="oximeter")
    belt = readings("vitals.heart_rate_bpm", (900, 70), fps=1, stream="belt")
    alerts = play(watched(kind, rules), merged(low, belt, [status(200, "off", stream="oximeter")]))
    assert states(alerts) == ["raised", "cleared"]


def test_closed_eyes_that_cannot_be_read_are_not_open():
    kind, rules = "driver.distracted", {"presets": ["driver.openpilot"]}
    alarms = watched(kind, rules)
    line = [*drive(0, 5), *drive(5, 12, eyes=0.9), *drive(17, 6, eyes=0.9, seen=0.0), *drive(23, 4, eyes=0.9)]
    assert states(of(play(alarms, line), "driver.distracted/3")) == ["raised"]
    assert states(of(play(alarms, drive(27, 4)), "driver.distracted/3")) == ["cleared"]


def test_who_wears_dark_glasses_is_attentive_with_the_head_ahead():
    kind, rules = "driver.distracted", {"presets": ["driver.openpilot"]}
    line = [*drive(0, 5, seen=0.0), *drive(5, 12, yaw=40.0, seen=0.0), *drive(17, 6, seen=0.0)]
    assert states(of(play(watched(kind, rules), line), "driver.distracted/3")) == ["raised", "cleared"]


def test_a_microphone_that_ends_says_nothing_of_eyes_after_a_step_back():
    alarms = watched("driver.eyes_closed")
    line = [status(99, "live", stream="vision"), *drive(100, 5), *drive(105, 5, eyes=0.9), *drive(50, 0.5, eyes=0.9)]
    line += [status(50.6, "off", stream="mic"), *drive(50.7, 3, eyes=0.9), *ticks(110, 115)]
    assert story(play(alarms, line)) == ["driver.eyes_closed raised"]


def test_a_fall_does_not_end_with_a_step_back():
    alarms = watched("motion.fall")
    fell = readings("motion.fall", (0.4, 0.95), fps=2.5, start_s=500)
    back = readings("motion.fall", (1, 0.5), fps=2, start_s=100)
    assert story(play(alarms, [*fell, *ticks(501, 502), *back, *ticks(101, 110)])) == ["motion.fall raised"]


def flat(start_s, seconds):
    return [
        Observation((start_s + i) * NS, "sensor.quality", 0.0, "1", 0.0, "physio", "ecg", "no beats")
        for i in range(seconds)
    ]


def test_an_asystole_of_before_a_restart_ends_when_its_recording_does():
    before = watched("health.asystole")
    assert states(play(before, merged(beats("N" * 20), flat(17, 8)))) == ["raised"]
    after = again(before, "health.asystole")
    line = [status(26, "live", stream="ecg"), *flat(27, 5), *ticks(32, 40)]
    assert states(play(after, line)) == []
    over = play(after, [status(60, "off", stream="ecg"), *ticks(60, 70)])
    assert states(over) == ["cleared"]
    assert "no longer watched" in over[0].reason.text


def test_an_electrode_of_before_a_restart_ends_when_its_recording_does():
    before = watched("health.asystole")
    pulse = [Observation(s * NS, "vitals.heart_rate_bpm", 70.0, "bpm", 1.0, "physio", "belt") for s in range(40)]
    assert states(play(before, merged(beats("N" * 20), flat(17, 8), pulse))) == ["raised"]
    after = again(before, "health.asystole")
    over = play(after, [status(60, "off", stream="ecg"), *ticks(60, 70)])
    assert [(one.key, one.state) for one in over] == [("sensor.electrode/ecg", "cleared")]


def test_that_nobody_is_watched_ends_after_a_restart_with_the_last_recording():
    def blind():
        return Alarms([Blind(Limits())])

    before = blind()
    gone = [status(0, "live", stream="ecg"), status(1, "lost", stream="ecg"), *ticks(2, 6)]
    assert states(play(before, gone)) == ["raised"]
    after = blind()
    after.restore(before.snapshot(), same_clock=True)
    assert states(play(after, [status(7, "starting", stream="ecg"), *ticks(8, 9)])) == []
    assert states(play(after, [status(10, "off", stream="ecg"), *ticks(10, 13)])) == ["cleared"]


def test_a_part_of_ours_is_no_sensor_that_may_still_say_that_it_is_over():
    kind = "health.heart_rate_high"
    before = watched(kind)
    assert states(play(before, readings("vitals.heart_rate_bpm", (30, 150), fps=1, stream="belt"))) == ["raised"]
    after = again(before, kind)
    line = [status(31, "live", stream="@outbox"), status(32, "off", stream="belt"), *ticks(33, 36)]
    assert states(play(after, line)) == ["cleared"]
