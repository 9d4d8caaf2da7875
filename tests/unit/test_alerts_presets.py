"""Presets, rules by speed and rules of measured signs, as time lines in seconds."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, merged, of, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, Limits, default_policies, limits_from
from edge_mm.alerts.news2 import points
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import KINDS
from edge_mm.errors import ConfigError
from edge_mm.types import Observation

AWAY, GLANCES, SPEED = "driver.looking_away", "driver.glancing_away", "vehicle.speed_kmh"


def watched(*presets, **rules):
    return Alarms(default_policies(limits=limits_from({"presets": list(presets), **rules})))


def head(*parts, fps=10, start_s=0.0):
    """(seconds, yaw in degrees)."""
    still = readings("driver.head_pitch_deg", (sum(s for s, _ in parts), 0.0), fps=fps, start_s=start_s)
    return merged(
        readings("driver.head_yaw_deg", *parts, fps=fps, start_s=start_s),
        still,
        readings("driver.face_found", (sum(s for s, _ in parts), 1.0), fps=fps, start_s=start_s),
    )


def sign(name, *parts, fps=1.0, start_s=0.0):
    return readings(f"vitals.{name}", *parts, fps=fps, start_s=start_s, stream=name)


def speed(*parts, start_s=0.0):
    rows = readings("driver.x", *parts, fps=1, start_s=start_s)
    return [Observation(r.t_ns, SPEED, r.value, "km/h", 1.0, "readings", "car") for r in rows]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_table_of_known_numbers_with_sources_that_the_rules_take(name):
    preset = PRESETS[name]
    limits = limits_from({"presets": [name]})
    for key, number in preset.numbers.items():
        assert getattr(limits, key) == number.value and number.source
    assert set(preset.enables) <= set(KINDS) and set(preset.uses) <= set(KINDS)
    assert limits.enabled == list(preset.enables)
    assert "complian" not in f"{preset.inspired_by} {preset.leaves_out}"
    assert limits_from(msgspec.structs.asdict(limits)) == limits  # as a recording keeps it


def test_a_key_beside_a_preset_wins_and_two_that_disagree_are_an_error_until_one_is_set():
    assert limits_from({"presets": ["driver.euroncap2026"], "away_s": 2}).away_s == 2.0
    both = {"presets": ["driver.addw", "driver.euroncap2026"]}
    with pytest.raises(ConfigError, match="take one of them, or set away_s beside them"):
        limits_from(both)
    assert limits_from({**both, "away_s": 4}).away_s == 4.0


@pytest.mark.parametrize(
    ("presets", "said"),
    [
        (["driver.adw"], "no preset 'driver.adw'; did you mean driver.addw?"),
        (["xyz"], "no preset 'xyz'; there are driver.addw, "),
        ("driver.addw", "presets = 'driver.addw': give a list of names"),
        ([3], "presets = \\[3\\]: give a list of names"),
    ],
)
def test_a_preset_that_is_none_is_said_with_what_was_meant(presets, said):
    with pytest.raises(ConfigError, match=said):
        limits_from({"presets": presets})


@pytest.mark.parametrize(
    ("key", "value", "exit", "follows"),
    [
        ("heart_rate_high_bpm", 100, "heart_rate_high_exit_bpm", 97.0),
        ("heart_rate_low_bpm", 60, "heart_rate_low_exit_bpm", 63.0),
        ("eyes_closed_enter", 0.3, "eyes_closed_exit", 0.2),
        ("ventricular_count", 2, "ventricular_exit_count", 0),
        ("temperature_high_c", 38.0, "temperature_high_exit_c", 37.7),
    ],
)
def test_an_exit_follows_an_enter_that_is_set_alone(key, value, exit, follows):
    assert getattr(limits_from({key: value}), exit) == pytest.approx(follows)


@pytest.mark.parametrize(("kmh", "after_s"), [(10, None), (30, 6.0), (80, 3.5)])
def test_by_speed_a_slow_car_allows_a_longer_glance_and_a_standing_one_any(kmh, after_s):
    alerts = of(play(watched("driver.addw"), merged(head((3, 0.0), (9, 40.0), (3, 0.0)), speed((15, kmh)))), AWAY)
    if after_s is None:
        assert alerts == []
        return
    raised, cleared = alerts
    assert (raised.t_ns - raised.onset_ns) / NS == pytest.approx(after_s, abs=0.101)
    assert f"at {kmh} km/h" in raised.reason.text and cleared.state == "cleared"


def test_by_speed_without_a_speed_it_says_what_it_lacks_until_it_comes_and_when_it_is_old():
    line = merged(head((70, 40.0)), speed((3, 80.0), start_s=40), ticks(0, 70))
    alerts = play(watched("driver.addw"), line)
    assert [(a.key, a.state, a.t_ns // NS) for a in alerts if a.kind in (AWAY, "rule.no_input")] == [
        ("rule.no_input/driver.looking_away", "raised", 30),
        ("rule.no_input/driver.looking_away", "cleared", 40),
        (AWAY, "raised", 43),
        ("rule.no_input/driver.looking_away", "raised", 52),
    ]
    first = of(alerts, "rule.no_input/driver.looking_away")[0]
    assert first.category == "technical" and first.priority == "low"
    assert first.reason.text == (
        "driver.looking_away by speed needs vehicle.speed_kmh, which no sensor gives: add a source of kind speed"
    )


def test_ten_seconds_of_glances_within_thirty_are_told_and_nine_are_not():
    few = head(*[(1.8, 40.0), (4.2, 0.0)] * 10)  # 9 s in 30 s
    assert of(play(watched("driver.euroncap2026"), few), GLANCES) == []
    many = head(*[(2.5, 40.0), (3.5, 0.0)] * 10, (40, 0.0))  # 12.5 s in 30 s
    raised, cleared = of(play(watched("driver.euroncap2026"), many), GLANCES)
    assert 9.9 <= raised.value <= 10.1 and cleared.value < 8.0
    assert of(play(watched("driver.euroncap2026"), many), AWAY) == []


def test_a_gaze_that_is_not_back_three_seconds_after_the_warning_is_unresponsive():
    answered = head((3, 0.0), (5.5, 40.0), (5, 0.0))
    assert of(play(watched("driver.euroncap2026"), answered), "driver.unresponsive") == []
    raised, cleared = of(
        play(watched("driver.euroncap2026"), head((3, 0.0), (8, 40.0), (5, 0.0))), "driver.unresponsive"
    )
    assert raised.priority == "high" and raised.t_ns / NS == pytest.approx(9.0, abs=0.21)
    assert cleared.state == "cleared"


def test_eyes_closed_for_six_seconds_are_unresponsive():
    shut = readings("driver.eyes_closed", (2, 0.1), (7, 0.9), (5, 0.1), fps=10)
    raised, cleared = of(play(watched("driver.euroncap2026"), merged(shut, head((14, 0.0)))), "driver.unresponsive")
    assert raised.t_ns / NS == pytest.approx(8.0, abs=0.11) and cleared.state == "cleared"


@settings(deadline=None, max_examples=40)
@given(fps=st.floats(8, 60), away=st.floats(0.5, 14))
def test_the_stages_of_distraction_are_exact_to_a_frame_and_each_is_cleared(fps, away):
    line = head((1, 0.0), (away, 40.0), (4, 0.0), fps=fps)
    turned = [e.t_ns for e in line if e.name == "driver.head_yaw_deg" and e.value == 40.0]
    alerts = play(watched("driver.openpilot"), line)
    for number, limit_s in enumerate((3.0, 5.0, 11.0), start=1):
        due = [t for t in turned if t - turned[0] >= limit_s * NS - 1_000_000][:1]
        told = of(alerts, f"driver.distracted/{number}")
        assert [a.t_ns for a in told if a.state == "raised"] == due
        assert len([a for a in told if a.state == "cleared"]) == len(due)


def test_no_face_in_good_pictures_is_technical_and_a_covered_camera_is_not_an_empty_seat():
    empty = readings("driver.face_found", (5, 1.0), (20, 0.0), (5, 1.0), fps=5)
    raised, cleared = of(play(watched("driver.openpilot"), empty), "driver.not_visible")
    assert (raised.category, raised.t_ns // NS) == ("technical", 20) and cleared.state == "cleared"
    dark = readings("driver.face_found", (60, 0.0), fps=5, quality=0.0)
    assert of(play(watched("driver.openpilot"), dark), "driver.not_visible") == []


@pytest.mark.parametrize(
    ("name", "bad", "good", "kind", "after_s"),
    [
        ("spo2_percent", 88, 97, "spo2_low", 10), ("heart_rate_bpm", 130, 70, "heart_rate_high", 6),
        ("breathing_rate_bpm", 32, 15, "breathing_high", 14), ("breathing_rate_bpm", 0, 15, "apnea", 20),
        ("systolic_mmhg", 45, 120, "systolic_low", 0), ("diastolic_mmhg", 130, 80, "diastolic_high", 0),
        ("body_temperature_c", 39.5, 37, "temperature_high", 0), ("body_temperature_c", 34.5, 37, "temperature_low", 0),
    ],
)  # fmt: skip
def test_a_measured_sign_beyond_its_limit_is_told_after_the_dwell_of_a_monitor(name, bad, good, kind, after_s):
    alerts = play(watched("health.adult_monitor"), sign(name, (30, good), (40, bad), (30, good)))
    raised, cleared = of(alerts, f"health.{kind}")
    assert raised.t_ns // NS == 30 + after_s and cleared.t_ns // NS >= 70


def test_the_rate_that_an_ecg_lets_guess_never_claims_apnea():
    line = sign("respiration_rate_bpm", (300, 0.0))
    kinds = {a.kind for a in play(watched("health.adult_monitor"), line) if a.category == "physiological"}
    assert kinds <= {"health.respiration_low"}


def test_rules_that_share_a_missing_input_are_told_once():
    alerts = play(watched("health.adult_monitor"), merged(sign("spo2_percent", (60, 97)), ticks(0, 60)))
    assert sorted(a.key for a in alerts) == [
        "rule.no_input/health.breathing_low",
        "rule.no_input/health.systolic_low",
        "rule.no_input/health.temperature_low",
    ]


@pytest.mark.parametrize(
    ("name", "value", "score"),
    [
        ("breathing_rate_bpm", 8, 3), ("breathing_rate_bpm", 9, 1), ("breathing_rate_bpm", 20, 0),
        ("breathing_rate_bpm", 21, 2), ("breathing_rate_bpm", 25, 3), ("spo2_percent", 91, 3), ("spo2_percent", 92, 2),
        ("spo2_percent", 95, 1), ("spo2_percent", 96, 0), ("systolic_mmhg", 90, 3), ("systolic_mmhg", 100, 2),
        ("systolic_mmhg", 219, 0), ("systolic_mmhg", 220, 3), ("heart_rate_bpm", 40, 3), ("heart_rate_bpm", 50, 1),
        ("heart_rate_bpm", 90, 0), ("heart_rate_bpm", 131, 3), ("body_temperature_c", 35.0, 3),
        ("body_temperature_c", 35.1, 1), ("body_temperature_c", 38.0, 0), ("body_temperature_c", 39.1, 2),
    ],
)  # fmt: skip
def test_the_points_are_those_of_the_chart(name, value, score):
    assert points(f"vitals.{name}", value) == score


def test_a_partial_news2_always_lists_what_is_missing():
    line = merged(sign("breathing_rate_bpm", (200, 26)), sign("heart_rate_bpm", (200, 115)))
    told = of(play(watched("health.news2_partial"), line), "health.news2")
    (raised,) = told
    assert raised.priority == "medium" and raised.value == 5.0
    assert raised.reason.text == (
        "NEWS2 partial 5 of 2 items (respiration 3, pulse 2); missing: oxygen saturation, systolic pressure, "
        "temperature, air or oxygen, consciousness"
    )
    worse = merged(line, sign("spo2_percent", (200, 90)))
    told = of(play(watched("health.news2_partial"), worse), "health.news2/emergency")
    assert [(a.state, a.priority) for a in told if a.state != "escalated"] == [("raised", "high")]


def test_a_fall_is_told_again_when_nobody_moves_after_it_and_not_when_somebody_gets_up():
    fell = readings("motion.fall", (0.5, 0.95), fps=2, start_s=10)
    lying = readings("motion.activity_g", (10, 0.3), (2, 0.4), (60, 0.01), (20, 0.3), fps=1)
    raised, cleared = of(play(watched("motion.fall_no_movement"), merged(fell, lying)), "motion.fall_no_movement")
    assert raised.t_ns // NS == 42 and raised.priority == "high" and cleared.t_ns // NS == 77
    up = readings("motion.activity_g", (10, 0.3), (2, 0.4), (20, 0.01), (60, 0.3), fps=1)
    assert of(play(watched("motion.fall_no_movement"), merged(fell, up)), "motion.fall_no_movement") == []
    assert of(play(watched("motion.fall_no_movement"), lying), "motion.fall_no_movement") == []  # no fall: rest


def test_coughs_are_counted_by_the_hour():
    coughing = readings("audio.cough", *[(1.0, 0.9), (59.0, 0.0)] * 25, (3600, 0.0), fps=4)
    raised, cleared = of(play(watched("health.cough_rate"), coughing), "health.cough_rate")
    assert raised.t_ns // NS == 19 * 60 and raised.value == 20.0
    assert cleared.value <= 12 and cleared.t_ns > 3600 * NS


def test_what_is_off_without_a_preset_stays_off():
    silent = Alarms(default_policies(limits=Limits()))
    line = merged(
        sign("spo2_percent", (60, 80)), sign("breathing_rate_bpm", (60, 0)), ticks(0, 60), [status(0, "live")]
    )
    assert story(play(silent, line)) == []
