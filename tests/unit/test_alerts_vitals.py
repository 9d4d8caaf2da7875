import pytest
from timeline import NS, beats, merged, of, play, readings, story

from edge_mm.alerts import Alarms, Limits, default_policies

RATE = "vitals.heart_rate_bpm"
RHYTHM = "vitals.rhythm_irregular"


def heart(**limits):
    return Alarms(default_policies(modalities=["physio"], limits=Limits(**limits)))


@pytest.mark.parametrize(("bpm", "kind"), [(45, "health.heart_rate_low"), (130, "health.heart_rate_high")])
def test_a_rate_beyond_the_limit_alerts_after_ten_seconds_and_clears_after_five(bpm, kind):
    raised, cleared = play(heart(), readings(RATE, (30, 72), (30, bpm), (30, 72), fps=1, unit="bpm"))
    assert (raised.kind, cleared.kind) == (kind, kind)
    assert (raised.onset_ns, raised.t_ns, cleared.t_ns) == (30 * NS, 40 * NS, 65 * NS)
    assert raised.value == bpm
    assert raised.unit == "bpm"
    assert f"heart rate {bpm} bpm" in raised.reason.text


def test_a_rate_at_the_limit_starts_and_one_at_the_exit_does_not_end():
    low = readings(RATE, (20, 50), (20, 53), (9, 54), fps=1)
    high = readings(RATE, (20, 120), (20, 117), (9, 116), fps=1)
    for line in (low, high):
        assert [(a.state, a.onset_ns // NS, a.t_ns // NS) for a in play(heart(), line)] == [
            ("raised", 0, 10),
            ("cleared", 0, 45),
        ]


def test_an_exit_that_equals_its_limit_keeps_the_direction():
    def stuck():
        return heart(
            heart_rate_low_bpm=50, heart_rate_low_exit_bpm=50, heart_rate_high_bpm=120, heart_rate_high_exit_bpm=120
        )

    assert play(stuck(), readings(RATE, (60, 72), fps=1)) == []
    low = readings(RATE, (20, 50), (9, 51), fps=1)
    assert story(play(stuck(), low)) == ["health.heart_rate_low raised", "health.heart_rate_low cleared"]
    high = readings(RATE, (20, 120), (9, 119), fps=1)
    assert story(play(stuck(), high)) == ["health.heart_rate_high raised", "health.heart_rate_high cleared"]


def test_a_rate_that_swings_about_the_limit_is_one_alert():
    line = readings(RATE, (20, 100), (15, 125), *[(3, 118), (3, 121)] * 20, (20, 100), fps=1)
    assert story(play(heart(), line)) == ["health.heart_rate_high raised", "health.heart_rate_high cleared"]


def test_a_short_sprint_of_the_heart_does_not_alert():
    assert play(heart(), readings(RATE, *[(30, 80), (8, 140)] * 10, fps=1)) == []


def test_an_irregular_rhythm_alerts_from_readings_five_seconds_apart():
    line = readings(RHYTHM, (60, 0.1), (60, 0.9), (60, 0.1), fps=0.2)
    raised, cleared = play(heart(), line)
    assert (raised.kind, raised.priority) == ("health.irregular_rhythm", "medium")
    assert (raised.onset_ns, raised.t_ns) == (60 * NS, 90 * NS)
    assert cleared.t_ns == 130 * NS


def test_beats_that_are_lost_at_a_moving_wrist_are_no_irregular_rhythm():
    assert play(heart(), readings(RHYTHM, (120, 0.9), fps=0.2, quality=0.85)) == []
    assert play(heart(), readings(RHYTHM, (120, 0.9), fps=0.2, quality=0.95))


def test_six_ventricular_beats_in_a_minute_alert_and_five_do_not():
    assert play(heart(), beats("NNNNNNNNNNNNNNV" * 5 + "N" * 60)) == []
    raised, cleared = play(heart(), beats("NNNNNNNV" * 6 + "N" * 100))
    assert (raised.kind, raised.value, raised.limit) == ("health.ventricular_beats", 6, 6)
    assert raised.reason.text == "6 ventricular (or fusion) beats within 60 s (alert from 6)"
    assert raised.onset_ns == pytest.approx(7 * 0.8 * NS)
    assert cleared.value <= 2


def test_a_beat_that_is_a_whole_window_old_has_left_it():
    assert play(heart(ventricular_count=2, ventricular_exit_count=0), beats("V" + "N" * 59 + "V", rr_s=1.0)) == []
    alerts = play(heart(ventricular_count=2, ventricular_exit_count=0), beats("V" + "N" * 58 + "V", rr_s=1.0))
    assert story(alerts) == ["health.ventricular_beats raised"]


def test_ventricular_beats_alert_also_when_the_exit_is_the_limit():
    alerts = play(heart(ventricular_exit_count=6), beats("NNNNNNNV" * 6 + "N" * 100))
    assert story(alerts) == ["health.ventricular_beats raised", "health.ventricular_beats cleared"]
    assert alerts[1].value == 5


def test_beats_after_a_step_back_in_time_are_a_new_window():
    line = [*beats("VVVVV", start_s=1e6, rr_s=0.9), *beats("NNV" * 2, rr_s=0.9)]
    assert play(heart(), line) == []


def test_after_a_restart_an_ecg_without_ventricular_beats_waits_for_one_with_some():
    line = merged(beats("NNNNNNNV" * 7), beats("N" * 56, stream="other", start_s=0.1))
    before, after = heart(), heart()
    assert story(play(before, line)) == ["health.ventricular_beats raised"]
    after.restore(before.snapshot())
    assert play(after, line) == []


def test_ventricular_beats_spread_over_minutes_do_not_add_up():
    assert play(heart(), beats(("N" * 17 + "V") * 40)) == []  # one in 14 s: 4 in a minute


def test_silence_of_the_ecg_does_not_clear_ventricular_beats():
    alarms = heart()
    line = merged(beats("NNNNNNNV" * 6), beats("NNNN", start_s=300))
    assert story(play(alarms, line)) == ["health.ventricular_beats raised"]
    assert story(play(alarms, beats("N" * 60, start_s=310))) == ["health.ventricular_beats cleared"]


def test_three_fast_ventricular_beats_in_a_row_are_a_run_of_high_priority():
    line = merged(beats("N" * 20), beats("VVV", rr_s=0.4, start_s=16), beats("N" * 40, start_s=18))
    raised, cleared = play(heart(), line)
    assert (raised.kind, raised.priority, raised.state) == ("health.ventricular_run", "high", "raised")
    assert raised.reason.params["bpm"] == 150
    assert raised.onset_ns == 16 * NS
    assert cleared.t_ns == round(28.4 * NS)  # the first beat at least 10 s after the first one that was normal again


@pytest.mark.parametrize("labels", ["NVVNVVNVV", "V N V N", "VVNVV"])
def test_couplets_are_no_run(labels):
    alerts = play(heart(ventricular_count=100), beats("N" * 10 + labels + "N" * 10, rr_s=0.5))
    assert alerts == []


def test_ventricular_beats_at_exactly_the_rate_of_a_run_are_one():
    assert story(play(heart(), beats("N" * 5 + "VVV", rr_s=0.6))) == ["health.ventricular_run raised"]
    assert play(heart(), beats("N" * 5 + "VVV", rr_s=0.601)) == []


def test_silence_of_the_ecg_does_not_end_a_run():
    line = merged(beats("VVV", rr_s=0.5), beats("N" * 5, start_s=2), beats("N" * 5, start_s=60))
    assert story(play(heart(), line)) == ["health.ventricular_run raised"]
    assert story(play(heart(), [*line, *beats("N" * 20, start_s=64)])) == [
        "health.ventricular_run raised",
        "health.ventricular_run cleared",
    ]


def test_a_late_beat_makes_no_run_and_breaks_none():
    v = beats("VVV", rr_s=0.5)
    assert play(heart(), [*v[:2], v[0]]) == []
    assert story(play(heart(), [*v[:2], *beats("N", start_s=0.2), v[2]])) == ["health.ventricular_run raised"]


def test_the_end_of_a_run_says_for_how_long_there_was_none():
    _, cleared = play(heart(), beats("VVV" + "N" * 40, rr_s=0.5))
    assert cleared.reason.text == "no run of ventricular beats for 10 s"


def test_a_slow_ventricular_rhythm_is_no_run():
    assert of(play(heart(), beats("N" * 10 + "V" * 10, rr_s=0.9)), "health.ventricular_run") == []


def test_beats_of_a_poor_signal_are_not_counted():
    assert play(heart(), beats("NV" * 60, quality=0.2)) == []


def test_a_pulse_sensor_without_beat_classes_does_not_end_what_the_ecg_saw():
    alarms = heart()
    line = merged(beats("N" * 10 + "VVV", rr_s=0.4), beats("." * 200, stream="finger"))
    assert story(play(alarms, line)) == ["health.ventricular_run raised"]
    single = merged(beats("NV" * 6), beats("." * 200, stream="finger"))
    assert story(play(heart(), single)) == ["health.ventricular_beats raised"]


BREATH = "vitals.respiration_rate_bpm"


@pytest.mark.parametrize(("rate", "kind"), [(7, "health.respiration_low"), (27, "health.respiration_high")])
def test_slow_and_fast_breathing_alert_after_a_minute_with_low_priority(rate, kind):
    raised, cleared = play(heart(), readings(BREATH, (60, 14), (90, rate), (60, 14), fps=0.2, unit="bpm"))
    assert (raised.kind, cleared.kind, raised.priority) == (kind, kind, "low")
    assert (raised.onset_ns, raised.t_ns, cleared.t_ns) == (60 * NS, 120 * NS, 180 * NS)
    assert f"breathing {rate} times a minute" in raised.reason.text


def test_breathing_that_is_not_clear_says_nothing():
    assert not play(heart(), readings(BREATH, (200, 7), fps=0.2, unit="bpm", quality=0.4))
