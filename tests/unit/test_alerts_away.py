from dataclasses import replace

import pytest
from timeline import NS, merged, play, readings, story

from edge_mm.alerts import Alarms, Limits, default_policies


def driver(**limits):
    return Alarms(default_policies(modalities=["vision"], limits=Limits(**limits)))


def head(*parts, **options):
    """(seconds, yaw, pitch), two readings per frame."""
    yaw = readings("driver.head_yaw_deg", *[(s, y) for s, y, _ in parts], unit="deg", **options)
    pitch = readings("driver.head_pitch_deg", *[(s, p) for s, _, p in parts], unit="deg", **options)
    return merged(yaw, pitch)


@pytest.mark.parametrize(("yaw", "pitch"), [(30, 0), (-30, 0), (0, 20), (0, -20)])
def test_looking_away_in_any_direction_alerts_after_three_seconds(yaw, pitch):
    raised, cleared = play(driver(), head((5, 0, 0), (6, yaw, pitch), (5, 0, 0)))
    assert (raised.kind, raised.state, cleared.state) == ("driver.looking_away", "raised", "cleared")
    assert raised.t_ns - raised.onset_ns == pytest.approx(3 * NS, abs=1.01 * NS / 30)


def test_mirror_checks_do_not_alert():
    assert play(driver(), head(*[(4, 2, -3), (2.5, 35, 0)] * 10)) == []


def test_from_the_mirror_to_the_lap_is_one_long_glance():
    raised = play(driver(), head((5, 0, 0), (2, 35, 0), (2, 0, 25)))[0]
    assert raised.t_ns == pytest.approx(8 * NS, abs=1.01 * NS / 30)


def test_a_face_that_is_lost_while_turned_away_goes_on_being_away():
    turned = merged(head((5, 0, 0), (1, 40, 0)), readings("driver.face_found", (4, 0.0), start_s=6))
    assert story(play(driver(), turned)) == ["driver.looking_away raised"]
    ahead = merged(head((5, 0, 0)), readings("driver.face_found", (20, 0.0), start_s=5))
    assert play(driver(), ahead) == []


def test_a_lost_face_is_no_evidence_of_looking_ahead():
    line = merged(head((5, 0, 0), (5, 40, 0), (0.5, 0, 0)), readings("driver.face_found", (10, 0.0), start_s=10.5))
    assert story(play(driver(), line)) == ["driver.looking_away raised"]


def test_a_camera_at_the_side_has_a_neutral_direction():
    line = head((20, 30, 10))
    assert story(play(driver(), line)) == ["driver.looking_away raised"]
    assert play(driver(neutral_yaw_deg=25.0, neutral_pitch_deg=10.0), line) == []


def test_a_head_just_inside_the_limit_is_still_away():
    line = head((1, 0, 0), (4, 40, 0), (9, 0.9 * 23.03, 0), (3, 0.8 * 23.03, 0))
    _, cleared = play(driver(), line)
    assert cleared.t_ns / NS == pytest.approx(15, abs=0.05)


def test_yaw_alone_is_enough_where_the_bundle_has_no_pitch():
    line = readings("driver.head_yaw_deg", (2, 0.0), (5, 40.0))
    assert story(play(driver(), line)) == ["driver.looking_away raised"]


def test_a_frame_without_a_stamp_does_not_start_the_dwell_again():
    line = head((1, 0, 0), (4, 40, 0))
    line[150:150] = [replace(one, t_ns=0) for one in line[:2]]  # its yaw and its pitch
    assert play(driver(), line)[0].t_ns / NS == pytest.approx(4, abs=0.05)
