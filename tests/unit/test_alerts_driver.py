import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, merged, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, Limits, default_policies

EYES = "driver.eyes_closed"


def driver(**limits):
    return Alarms(default_policies(heads=["drowsy"], modalities=["vision"], limits=Limits(**limits)))


def only(kind, **limits):
    kinds = ["eyes_closed", "sleep", "perclos", "yawning", "looking_away", "drowsy"]
    return driver(disabled=[f"driver.{k}" for k in kinds if f"driver.{k}" != kind], **limits)


def test_thirty_seconds_asleep_then_awake_is_one_alert_of_each_kind_raised_and_cleared():
    line = readings(EYES, (10, 0.05), (30, 0.95), (90, 0.05))
    assert story(play(driver(), line)) == [
        "driver.eyes_closed raised",
        "driver.sleep raised",
        "driver.perclos raised",
        "driver.eyes_closed cleared",
        "driver.sleep cleared",
        "driver.perclos cleared",
    ]


@pytest.mark.parametrize("fps", [8, 10, 15, 25, 30, 60])
def test_closed_eyes_alert_after_one_and_a_half_seconds_at_any_frame_rate(fps):
    raised, cleared = play(only(EYES), readings(EYES, (2, 0.0), (4, 1.0), (4, 0.0), fps=fps))
    onset = math.ceil(2 * fps - 1e-9) / fps
    assert raised.onset_ns == pytest.approx(onset * NS, abs=2)
    assert 1.5 - 0.001 <= (raised.t_ns - raised.onset_ns) / NS < 1.5 + 1 / fps
    assert cleared.t_ns - raised.onset_ns == pytest.approx(5 * NS, abs=1.01 * NS / fps)


@settings(deadline=None)
@given(
    fps=st.floats(4, 60),
    dwell=st.floats(0.2, 10),
    closed=st.floats(0.1, 14),
    jitter=st.floats(0, 0.4),
    seed=st.integers(0, 9),
)
def test_the_dwell_is_exact_to_one_frame_whatever_the_rate_and_jitter(fps, dwell, closed, jitter, seed):
    line = readings(EYES, (1, 0.0), (closed, 1.0), (3, 0.0), fps=fps, jitter_s=jitter / fps, seed=seed)
    shut = [one.t_ns for one in line if one.value == 1.0]
    # The first frame at which the eyes have been seen closed for the dwell (with a millisecond of slack for rounding).
    due = [t for t in shut if t - shut[0] >= round(dwell * NS) - 1_000_000]
    raised = [a for a in play(only(EYES, eyes_closed_s=dwell), line) if a.state == "raised"]
    assert [(a.t_ns, a.onset_ns) for a in raised] == [(t, shut[0]) for t in due[:1]]


def test_blinks_never_alert():
    line = readings(EYES, *[(2.0, 0.02), (0.4, 0.99)] * 150)  # 25 per minute, long ones
    assert play(only(EYES), line) == []
    normal = readings(EYES, *[(3.7, 0.02), (0.25, 0.99)] * 100)  # 15 per minute
    assert play(driver(), normal) == []


def test_a_reading_between_the_limits_neither_starts_nor_interrupts():
    assert play(only(EYES), readings(EYES, (20, 0.5))) == []
    flicker = readings(EYES, (1, 0.0), (0.7, 0.9), (0.1, 0.5), (0.8, 0.9))
    assert story(play(only(EYES), flicker)) == ["driver.eyes_closed raised"]


def test_a_stray_reading_does_not_raise_by_what_lies_between_the_limits():
    assert play(only(EYES), readings(EYES, (2, 0.0), (0.1, 0.6), (8, 0.41), fps=10)) == []
    seen = readings(EYES, (2, 0.0), (0.1, 0.6), (8, 0.41), (1, 0.6), fps=10)
    (raised,) = play(only(EYES), seen)
    assert (raised.onset_ns, raised.t_ns) == (2 * NS, round(10.1 * NS))


def test_a_reading_at_a_limit_starts_and_one_at_the_exit_does_not_end():
    line = readings(EYES, (2, 0.6), (20, 0.4), (2, 0.39), fps=10)
    raised, cleared = play(only(EYES), line)
    assert (raised.onset_ns, cleared.t_ns) == (0, 23 * NS)


def test_eyes_that_open_for_a_moment_do_not_end_an_alert_nor_make_a_second_one():
    line = readings(EYES, (1, 0.0), (3, 0.9), *[(0.5, 0.1), (2, 0.9)] * 10, (5, 0.1))
    assert story(play(only(EYES), line)) == ["driver.eyes_closed raised", "driver.eyes_closed cleared"]


def test_after_a_clear_the_dwell_counts_from_the_new_onset():
    line = readings(EYES, (1, 0.0), (2, 0.9), (1.1, 0.0), (0.4, 0.9), (3, 0.0), (2, 0.9))
    alerts = play(only(EYES), line)
    assert story(alerts) == ["driver.eyes_closed raised", "driver.eyes_closed cleared", "driver.eyes_closed raised"]
    assert alerts[2].onset_ns == pytest.approx(7.5 * NS, abs=NS / 30)


def test_a_blink_right_after_a_clear_does_not_alert_again():
    line = readings(EYES, (1, 0.0), (4, 0.9), (31 / 30, 0.0), (0.4, 0.9), (3, 0.0))
    alerts = play(only(EYES), line)
    assert story(alerts) == ["driver.eyes_closed raised", "driver.eyes_closed cleared"]
    assert alerts[1].t_ns == line[180].t_ns  # the last frame with open eyes


def test_poor_frames_neither_start_nor_end_and_a_long_gap_starts_the_dwell_again():
    poor = readings(EYES, (10, 1.0), quality=0.1)
    assert play(only(EYES), poor) == []
    alarms = only(EYES)
    line = merged(
        readings(EYES, (1.0, 0.9)),
        readings(EYES, (0.5, 0.0), start_s=1.0, quality=0.1),  # says open, but cannot be trusted
        readings(EYES, (0.3, 0.9), start_s=1.5),
    )
    assert story(play(alarms, line)) == ["driver.eyes_closed raised"]
    gap = merged(readings(EYES, (1.4, 0.9)), readings(EYES, (1.3, 0.9), start_s=3.0))
    assert play(only(EYES), gap) == []


def test_an_alert_stays_while_nothing_is_seen_and_ends_when_open_eyes_are():
    alarms = only(EYES)
    line = merged(
        readings(EYES, (3, 0.9)),
        [status(3.1, "lost", stream="vision")],
        ticks(3, 600),
        readings(EYES, (3, 0.1), quality=0.1, start_s=600),
    )
    assert [a.kind for a in play(alarms, line) if a.state == "cleared"] == []
    (cleared,) = [a for a in play(alarms, readings(EYES, (3, 0.1), start_s=700)) if a.kind == EYES]
    assert cleared.state == "cleared"
    assert cleared.t_ns == pytest.approx(701 * NS, abs=NS / 20)


def test_open_eyes_before_and_after_a_gap_do_not_add_up():
    line = merged(readings(EYES, (4, 0.9), (0.6, 0.0)), readings(EYES, (3, 0.0), start_s=10))
    assert play(only(EYES), line)[1].t_ns == pytest.approx(11 * NS, abs=NS / 20)


def test_nan_says_nothing():
    alarms = only(EYES)
    assert play(alarms, readings(EYES, (10, math.nan))) == []
    assert play(alarms, readings(EYES, (1, 0.9), (3, math.nan), (1, 0.9), start_s=20)) == []
    assert story(play(alarms, readings(EYES, (3, 0.9), (3, math.nan), start_s=40))) == ["driver.eyes_closed raised"]


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_what_is_no_number_says_nothing(value):
    assert play(only(EYES), readings(EYES, (10, value))) == []


def test_a_quality_that_is_no_number_is_none():
    assert play(only(EYES), readings(EYES, (10, 0.9), quality=math.nan)) == []


def test_a_quality_at_the_limit_is_good_enough():
    assert story(play(only(EYES), readings(EYES, (2, 0.9), quality=0.25))) == ["driver.eyes_closed raised"]


def test_one_stamp_from_the_future_does_not_deafen_a_rule():
    stray = readings(EYES, (1 / 30, 0.0), start_s=1e6)
    raised = play(only(EYES), [*stray, *readings(EYES, (3, 0.9))])[0]
    assert raised.t_ns / NS == pytest.approx(1.5 + 1 / 30, abs=0.04)
    seen = readings(EYES, (40, 0.9), start_s=2)
    assert story(play(only("driver.perclos"), [*stray, *seen])) == ["driver.perclos raised"]
    assert play(only("driver.perclos"), [*readings(EYES, (20, 0.9), start_s=1e6), *seen[:600]]) == []


def test_a_stamp_from_the_future_does_not_hold_an_alert_against_another_camera():
    dash = [*readings(EYES, (3, 0.9), stream="dash"), *readings(EYES, (0.01, 0.9), fps=100, stream="dash", start_s=1e6)]
    side = readings(EYES, (3, 0.1), stream="side", start_s=3)
    assert story(play(only(EYES), [*dash, *side])) == ["driver.eyes_closed raised", "driver.eyes_closed cleared"]


def test_late_and_repeated_readings_do_not_disturb_the_time_line():
    line = readings(EYES, (1, 0.0), (3, 0.9))
    old = readings(EYES, (0.5, 0.0))
    shuffled = [event for pair in zip(line, line, strict=True) for event in (*pair, *old[:1])]
    (raised,) = play(only(EYES), shuffled)
    assert raised.t_ns == pytest.approx(2.5 * NS, abs=1.01 * NS / 30)


def test_frames_that_change_places_do_not_start_the_dwell_again():
    line = readings(EYES, (2, 0.9))
    line[30:33] = [line[32], line[30], line[31]]
    assert play(only(EYES), line)[0].onset_ns == 0


def test_an_alert_ends_though_another_camera_sees_closed_eyes_for_a_moment():
    dash = readings(EYES, (3, 0.9), (3, 0.0), stream="dash")
    side = readings(EYES, (3.6, 0.0), (1.2, 0.9), (2, 0.0), stream="side")
    _, cleared = play(only(EYES), merged(dash, side))
    assert cleared.t_ns / NS == pytest.approx(4, abs=0.05)


def test_two_cameras_do_not_interrupt_each_other_and_either_can_see_it():
    dash = readings(EYES, (2, 0.0), (5, 0.9), (5, 0.0), stream="dash")
    side = readings(EYES, (12, 0.0), stream="side")
    raised, cleared = play(only(EYES), merged(dash, side))
    assert raised.t_ns == pytest.approx(3.5 * NS, abs=NS / 20)
    assert cleared.t_ns == pytest.approx(8 * NS, abs=NS / 20)


def test_a_camera_that_went_dead_does_not_hold_an_alert_against_one_that_sees():
    dash = readings(EYES, (5, 0.9), stream="dash")
    side = readings(EYES, (20, 0.0), stream="side")
    back = readings(EYES, (1.2, 0.9), start_s=20, stream="dash")
    alerts = play(only(EYES), merged(dash, side, back))
    assert story(alerts) == ["driver.eyes_closed raised", "driver.eyes_closed cleared"]
    assert alerts[1].t_ns == pytest.approx(6 * NS, abs=NS / 10)


@pytest.mark.parametrize("kind", [EYES, "driver.perclos"])
def test_after_a_restart_a_camera_that_sees_nothing_does_not_end_what_another_still_sees(kind):
    line = merged(
        readings(EYES, (50, 0.9), stream="dash", start_s=0.01), readings(EYES, (50, 0.0), stream="side"), ticks(0, 50)
    )
    before, after = only(kind), only(kind)
    assert story(play(before, line)) == [f"{kind} raised"]
    after.restore(before.snapshot())
    assert play(after, line) == []


def test_after_a_restart_a_camera_that_fell_silent_does_not_hold_what_another_says_is_over():
    before, after = only(EYES), only(EYES)
    play(before, readings(EYES, (3, 0.9), stream="dash"))
    after.restore(before.snapshot())
    line = merged(readings(EYES, (1, 0.9), stream="dash"), readings(EYES, (9, 0.0), stream="side"))
    (cleared,) = play(after, line)
    assert 1.9 < cleared.t_ns / NS < 2.1


def test_perclos_is_a_share_of_time_not_of_frames():
    # Closed for 9 of each 60 s would be 15 %; the camera gives 30 fps with open eyes and 5 fps with closed ones.
    def line(closed_s):
        parts, t = [], 0.0
        for _ in range(24):
            parts += readings(EYES, (5 - closed_s, 0.0), fps=30, start_s=t)
            parts += readings(EYES, (closed_s, 1.0), fps=5, start_s=t + 5 - closed_s)
            t += 5
        return parts

    assert play(only("driver.perclos"), line(0.6)) == []
    (raised,) = play(only("driver.perclos"), line(1.2))
    assert raised.value == pytest.approx(0.2, abs=0.05)
    assert raised.reason.code == "perclos_above"


def test_perclos_says_nothing_before_it_has_seen_half_a_minute():
    (raised,) = play(only("driver.perclos"), readings(EYES, (60, 0.9), start_s=5))
    assert raised.t_ns == pytest.approx(35 * NS, abs=0.1 * NS)
    seldom = [one for i in range(10) for one in readings(EYES, (2, 0.9), start_s=20.0 * i)]
    assert play(only("driver.perclos"), seldom) == []


def test_perclos_forgets_what_is_older_than_its_window():
    alerts = play(only("driver.perclos"), readings(EYES, (60, 0.0), (10, 0.9), (120, 0.0)))
    assert story(alerts) == ["driver.perclos raised", "driver.perclos cleared"]
    raised, cleared = alerts
    assert raised.t_ns == pytest.approx(69 * NS, abs=0.2 * NS)  # 9 s of 60 s
    assert cleared.t_ns == pytest.approx(124 * NS, abs=0.2 * NS)  # 6 s left: 60 to 64 s have gone


def test_a_yawn_is_one_alert_and_a_talking_mouth_is_none():
    yawn = readings("driver.yawning", (5, 0.1), (5, 0.9), (0.5, 0.2), (1, 0.8), (10, 0.1))
    assert story(play(driver(), yawn)) == ["driver.yawning raised", "driver.yawning cleared"]
    talk = readings("driver.yawning", *[(0.3, 0.8), (0.15, 0.2), (0.6, 0.9), (0.2, 0.1)] * 60)
    mouth = readings("driver.mouth_open", *[(0.3, 0.9), (0.2, 0.1)] * 150)
    assert play(driver(), merged(talk, mouth)) == []
