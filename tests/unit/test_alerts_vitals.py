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


def test_a_rate_that_swings_about_the_limit_is_one_alert():
    line = readings(RATE, (20, 100), (15, 125), *[(3, 118), (3, 121)] * 20, (20, 100), fps=1)
    assert story(play(heart(), line)) == ["health.heart_rate_high raised", "health.heart_rate_high cleared"]


def test_a_short_sprint_of_the_heart_does_not_alert():
    assert play(heart(), readings(RATE, *[(30, 80), (8, 140)] * 10, fps=1)) == []


def test_an_irregular_rhythm_alerts_from_readings_five_seconds_apart():
    line = readings(RHYTHM, (60, 0.1), (60, 0.9), (60, 0.1), fps=0.2)
    raised, cleared = play(heart(), line)
    assert (raised.kind, raised.priority) == ("health.irregular_rhythm", "medium")
    assert (raised.onset_ns, raised.t_ns) == (60 * NS, 70 * NS)
    assert cleared.t_ns == 130 * NS


def test_six_ventricular_beats_in_a_minute_alert_and_five_do_not():
    assert play(heart(), beats("NNNNNNNNNNNNNNV" * 5 + "N" * 60)) == []
    raised, cleared = play(heart(), beats("NNNNNNNV" * 6 + "N" * 100))
    assert (raised.kind, raised.value, raised.limit) == ("health.ventricular_beats", 6, 6)
    assert raised.reason.text == "6 ventricular (or fusion) beats within 60 s (alert from 6)"
    assert raised.onset_ns == pytest.approx(7 * 0.8 * NS)
    assert cleared.value <= 2


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
    assert cleared.t_ns == pytest.approx(26.8 * NS, abs=0.9 * NS)


@pytest.mark.parametrize("labels", ["NVVNVVNVV", "V N V N", "VVNVV"])
def test_couplets_are_no_run(labels):
    alerts = play(heart(ventricular_count=100), beats("N" * 10 + labels + "N" * 10, rr_s=0.5))
    assert alerts == []


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
