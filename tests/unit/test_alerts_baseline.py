"""A person's baseline: what is learned at rest, and how far limits follow it."""

import msgspec
import pytest
from timeline import merged, play, readings

from edge_mm.alerts import Alarms, Limits, default_policies, limits_from
from edge_mm.alerts.baseline import Baseline, Rest, moved, personal
from edge_mm.alerts.resting import RestingLearner, weighted_median

EYES, HEAD = "driver.eyes_closed", ("driver.head_yaw_deg", "driver.head_pitch_deg")
HEART = "vitals.heart_rate_bpm"
PARTS = ["eyes_closed", "head_yaw_deg", "head_pitch_deg", "heart_rate_bpm"]


def rest(median, spread=0.5, seconds=120.0):
    return Rest(median, spread, seconds)


def learned(*lines, asked=PARTS):
    learner = RestingLearner()
    for reading in merged(*lines):
        learner.take(reading)
    return learner.learned(asked=asked, bundle="b")


def sitting(seconds=100.0, *, yaw=20.0, pitch=-6.0, eyes=0.1, bpm=52.0):
    return [
        readings(EYES, (seconds, eyes), fps=10),
        readings(HEAD[0], (seconds, yaw), fps=10, unit="deg"),
        readings(HEAD[1], (seconds, pitch), fps=10, unit="deg"),
        readings(HEART, (seconds, bpm), fps=1, unit="bpm"),
    ]


def test_a_person_who_sits_still_is_learned():
    baseline, missing = learned(*sitting())
    assert missing == {}
    assert [getattr(baseline, name).median for name in PARTS] == [0.1, 20.0, -6.0, 52.0]
    assert all(95 < getattr(baseline, name).seconds <= 100 for name in PARTS)
    assert baseline.bundle == "b"


def test_blinks_mirror_checks_and_a_wrong_beat_move_nothing():
    blinking = [(3.7, 0.08), (0.3, 0.95)] * 25
    looking = [(9, 12.0), (1, 55.0)] * 10
    baseline, missing = learned(
        readings(EYES, *blinking, fps=20), readings(HEAD[0], *looking, fps=20), readings(HEAD[1], (100, 3.0), fps=20),
        readings(HEART, *[(19, 61.0), (1, 240.0)] * 5, fps=1),
    )  # fmt: skip
    assert missing == {}
    assert [getattr(baseline, name).median for name in PARTS] == [0.08, 12.0, 3.0, 61.0]


def test_too_little_is_refused_with_how_much_there_was_and_is_needed():
    baseline, missing = learned(*sitting(12.0))
    assert baseline.learned() == []
    assert missing["eyes_closed"] == missing["head_yaw_deg"] == "only 12 s with a face, 60 s needed"
    assert missing["heart_rate_bpm"] == "only 11 s with a heart rate, 60 s needed"


def test_what_no_sensor_was_there_for_is_not_missed():
    baseline, missing = learned(readings(HEART, (90, 55.0), fps=1), asked=["heart_rate_bpm"])
    assert (baseline.learned(), missing) == (["heart_rate_bpm"], {})


def test_readings_of_poor_quality_and_gaps_do_not_count():
    poor = readings(EYES, (100, 0.9), fps=10, quality=0.2)
    good = readings(EYES, (100, 0.1), fps=10, start_s=200)
    baseline, _ = learned(poor, good, asked=["eyes_closed"])
    assert baseline.eyes_closed.median == 0.1
    assert baseline.eyes_closed.seconds == pytest.approx(99.9)


def test_a_reading_counts_by_its_quality_and_its_time_not_by_its_number():
    bright = readings(EYES, (60, 0.1), fps=2, quality=0.9)
    dim = readings(EYES, (60, 0.3), fps=30, start_s=60, quality=0.3)
    assert learned(bright, dim, asked=["eyes_closed"]).baseline.eyes_closed.median == 0.1
    assert weighted_median([1.0, 2.0, 3.0], [1.0, 1.0, 5.0]) == 3.0


@pytest.mark.parametrize(
    ("changed", "part", "why"),
    [
        ({"eyes": 0.6}, "eyes_closed", "half closed or more"),
        ({"yaw": 60.0}, "head_yaw_deg", "turned too far from the camera"),
        ({"yaw": 60.0}, "head_pitch_deg", "turned too far from the camera"),  # half a pose is none
        ({"pitch": -40.0}, "head_pitch_deg", "tilted too far"),
        ({"bpm": 112.0}, "heart_rate_bpm", "no resting heart rate"),
        ({"bpm": 30.0}, "heart_rate_bpm", "no resting heart rate"),
    ],
)
def test_what_is_no_rest_is_not_made_the_norm(changed, part, why):
    baseline, missing = learned(*sitting(**changed))
    assert getattr(baseline, part) is None
    assert why in missing[part]
    assert len(baseline.learned()) >= 2


def test_who_moves_all_the_time_is_not_learned():
    turning = [(2, 0.0), (2, 30.0)] * 30
    baseline, missing = learned(readings(HEAD[0], *turning, fps=10), readings(HEAD[1], (120, 0.0), fps=10))
    assert baseline.head_yaw_deg is baseline.head_pitch_deg is None
    assert "turned too much" in missing["head_yaw_deg"]


def test_of_two_cameras_the_one_that_saw_longer_counts():
    short = readings(EYES, (70, 0.3), fps=10, stream="left")
    long = readings(EYES, (100, 0.1), fps=10, stream="right")
    assert learned(short, long, asked=["eyes_closed"]).baseline.eyes_closed.median == 0.1


def test_the_head_is_measured_from_its_pose_at_rest():
    baseline = Baseline(head_yaw_deg=rest(28.0), head_pitch_deg=rest(-8.0))

    def away(yaw, pitch, baseline):
        alarms = Alarms(default_policies(modalities=["vision"], baseline=baseline))
        line = merged(
            readings(HEAD[0], (5, 28.0), (6, yaw), fps=10, unit="deg"),
            readings(HEAD[1], (5, -8.0), (6, pitch), fps=10, unit="deg"),
        )
        return play(alarms, line)

    assert [alert.kind for alert in away(28.0, -8.0, None)] == ["driver.looking_away"]  # the camera stands at the side
    assert away(28.0, -8.0, baseline) == []
    assert away(10.0, -8.0, baseline) == []
    (alert,) = away(-10.0, -8.0, baseline)
    assert alert.reason.text.endswith("; personal baseline: head at rest at yaw +28, pitch -8 deg")
    assert alert.reason.params["baseline"] == "head at rest at yaw +28, pitch -8 deg"
    assert alert.reason.code == "looking_away_for"


def test_narrow_eyes_move_the_limits_up_and_wide_ones_move_nothing():
    limits = Limits()
    assert personal(limits, Baseline(eyes_closed=rest(0.02))) == limits
    narrow = personal(limits, Baseline(eyes_closed=rest(0.35)))
    assert limits.eyes_closed_enter < narrow.eyes_closed_enter <= 0.75
    assert narrow.eyes_closed_exit < narrow.eyes_closed_enter
    assert narrow.eyes_closed_exit > 0.35  # open eyes end an alert
    limits_from(msgspec.structs.asdict(narrow))
    shut = readings(EYES, (5, 0.35), (4, 0.9), (5, 0.35), fps=10)
    squinting = readings(EYES, (5, 0.35), (20, 0.68), fps=10)
    baseline = Baseline(eyes_closed=rest(0.35))

    def kinds(line, baseline):
        return [a.kind for a in play(Alarms(default_policies(modalities=["vision"], baseline=baseline)), line)]

    assert kinds(shut, baseline) == kinds(shut, None)
    assert "driver.eyes_closed" in kinds(squinting, None)
    assert kinds(squinting, baseline) == []


@pytest.mark.parametrize(
    ("bpm", "low", "high"), [(40.0, 40.0, 100.0), (48.0, 40.0, 108.0), (57.0, 47.0, 117.0), (60.0, 50.0, 120.0),
                             (95.0, 50.0, 120.0)]
)  # fmt: skip
def test_limits_of_the_heart_follow_a_slow_heart_and_only_as_far_as_is_safe(bpm, low, high):
    new = personal(Limits(), Baseline(heart_rate_bpm=rest(bpm)))
    assert (new.heart_rate_low_bpm, new.heart_rate_high_bpm) == (low, high)
    assert new.heart_rate_low_exit_bpm == low + 3
    assert new.heart_rate_high_exit_bpm == high - 3


@pytest.mark.parametrize("bpm", [40.0, 45.0, 59.9, 60.0, 75.0, 100.0])
@pytest.mark.parametrize(("low", "high"), [(50.0, 120.0), (35.0, 150.0), (45.0, 95.0), (60.0, 100.0), (88.0, 95.0)])
def test_no_baseline_ever_silences_a_heart_that_the_clinic_would_hear(bpm, low, high):
    limits = limits_from({
        "heart_rate_low_bpm": low, "heart_rate_low_exit_bpm": low + 3, "heart_rate_high_exit_bpm": high - 3,
        "heart_rate_high_bpm": high,
    })  # fmt: skip
    new = personal(limits, Baseline(heart_rate_bpm=rest(bpm)))
    assert new.heart_rate_high_bpm <= high  # fast is never let pass that was not before
    assert new.heart_rate_low_bpm >= min(low, 40.0)  # at 40 or below NEWS2 scores highest
    limits_from(msgspec.structs.asdict(new))


def test_an_athletes_slow_heart_is_no_alert_and_a_fast_one_is_sooner():
    baseline = Baseline(heart_rate_bpm=rest(46.0))

    def kinds(bpm, baseline):
        alarms = Alarms(default_policies(modalities=["physio"], baseline=baseline))
        return [a for a in play(alarms, readings(HEART, (30, bpm), fps=1, unit="bpm")) if a.state == "raised"]

    assert [a.kind for a in kinds(46.0, None)] == ["health.heart_rate_low"]
    assert kinds(46.0, baseline) == []
    assert kinds(110.0, None) == []
    (fast,) = kinds(110.0, baseline)
    assert fast.kind == "health.heart_rate_high"
    assert (fast.limit, fast.reason.text) == (
        106.0, "heart rate 110 bpm, at or above 106 bpm for 10 s; personal baseline: 46 bpm at rest",
    )  # fmt: skip
    assert [a.kind for a in kinds(39.0, baseline)] == ["health.heart_rate_low"]


def test_reasons_name_the_baseline_only_where_it_has_moved_something():
    baseline = Baseline(eyes_closed=rest(0.03), heart_rate_bpm=rest(72.0))
    assert moved(Limits(), baseline) == {}
    line = readings(EYES, (5, 0.03), (3, 0.9), fps=10)
    told = [play(Alarms(default_policies(modalities=["vision"], baseline=one)), line) for one in (None, baseline)]
    assert told[0] == told[1]


def test_networks_that_read_otherwise_keep_only_the_heart():
    whole = learned(*sitting()).baseline
    assert whole.seen_by("b") == whole
    assert whole.seen_by("another").learned() == ["heart_rate_bpm"]
