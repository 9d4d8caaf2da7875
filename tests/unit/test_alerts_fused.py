import math
from dataclasses import replace

import pytest
from timeline import NS, estimate, estimates, merged, ns, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, Limits, default_policies


def fused(heads=("drowsy",), **limits):
    return Alarms(default_policies(heads=heads, limits=Limits(**limits)), senses=("vision", "audio", "physio"))


def test_thirty_seconds_drowsy_then_awake_is_one_raised_and_one_cleared():
    alerts = play(fused(), estimates("drowsy", (30, 0.1), (30, 0.9), (30, 0.1)))
    assert story(alerts) == ["driver.drowsy raised", "driver.drowsy cleared"]
    raised, cleared = alerts
    assert raised.onset_ns == 30 * NS
    assert raised.t_ns == 33 * NS
    assert cleared.t_ns == 66 * NS
    assert raised.incident == cleared.incident


def test_one_window_alone_does_not_alert():
    assert play(fused(), estimates("drowsy", *[(10, 0.1), (2, 0.9)] * 5)) == []


def test_scores_between_the_limits_change_nothing():
    assert play(fused(), estimates("drowsy", (60, 0.55))) == []
    assert story(play(fused(), estimates("drowsy", (10, 0.9), (60, 0.45)))) == ["driver.drowsy raised"]


def test_windows_that_touch_have_no_gap_however_far_apart_their_ends_are():
    alerts = play(fused(), estimates("drowsy", (120, 0.9), hop_s=20, window_s=20))
    assert story(alerts) == ["driver.drowsy raised"]
    apart = estimates("drowsy", (120, 0.9), hop_s=20, window_s=5)  # 15 s unseen between them
    assert play(fused(), apart) == []


def test_a_window_without_any_usable_sense_says_nothing():
    alarms = fused()
    dark = [estimate(t, 0.95, quality={}, weights={}) for t in range(30)]
    assert play(alarms, dark) == []
    poor = [estimate(t, 0.95, quality={"vision": 0.1}) for t in range(30, 60)]
    assert play(alarms, poor) == []


def test_the_fused_alert_says_which_senses_it_rests_on():
    (raised,) = play(fused(), estimates("drowsy", (10, 0.9)))
    assert raised.attention == {"vision": 0.7, "audio": 0.0, "physio": 0.3}
    assert raised.contribution == {"vision": 0.4, "physio": 0.1}
    assert raised.quality == {"vision": 0.9, "audio": None, "physio": 0.8}
    assert raised.sources == ("vision", "physio")
    assert (raised.value, raised.limit, raised.unit) == (0.9, 0.6, "probability")


def test_an_alert_of_one_sense_rests_on_it_wholly_and_still_shows_the_attention():
    eyes = readings("driver.eyes_closed", (2, 0.9), start_s=10, quality=0.6)
    (raised,) = play(fused(), merged(estimates("drowsy", (11, 0.1)), eyes))
    assert raised.kind == "driver.eyes_closed"
    assert raised.contribution == {"vision": 1.0, "audio": 0.0, "physio": 0.0}
    assert raised.attention == {"vision": 0.7, "audio": 0.0, "physio": 0.3}
    assert raised.quality == {"vision": 0.9, "audio": None, "physio": 0.8}
    assert raised.sources == ("vision",)


def test_before_the_first_estimate_quality_comes_from_the_readings():
    (raised,) = play(fused(), readings("driver.eyes_closed", (2, 0.9), quality=0.6))
    assert raised.quality == {"vision": 0.6, "audio": None, "physio": None}
    assert raised.attention == {}


def test_an_old_estimate_explains_nothing():
    eyes = readings("driver.eyes_closed", (2, 0.9), start_s=100, quality=0.6)
    (raised,) = play(fused(), merged(estimates("drowsy", (10, 0.1)), eyes))
    assert raised.attention == {}
    assert raised.quality == {"vision": 0.6, "audio": None, "physio": None}


def test_the_quality_of_a_sense_that_is_long_silent_or_covered_nothing_is_none():
    breath = readings("vitals.heart_rate_bpm", (1, 70), fps=1, quality=0.8)
    eyes = readings("driver.eyes_closed", (2, 0.9), start_s=100, quality=0.6)
    assert play(fused(), merged(breath, eyes))[0].quality == {"vision": 0.6, "audio": None, "physio": None}
    seen = replace(estimate(101, 0.1, quality={"vision": 0.9, "physio": 0.8}), coverage={"vision": 1.0, "physio": 0.0})
    assert play(fused(), merged([seen], eyes))[0].quality == {"vision": 0.9, "audio": None, "physio": None}


def test_before_the_first_estimate_the_quality_of_a_sensor_is_what_it_measured():
    dark = readings("sensor.quality", (10, 0.1), fps=1, label="dark")
    assert play(fused(), dark)[0].quality == {"vision": 0.1, "audio": None, "physio": None}


def test_without_the_head_there_is_no_drowsy_alert():
    assert play(fused(heads=["stress"]), estimates("drowsy", (60, 0.9))) == []


def test_the_sentence_and_its_parameters_say_the_same():
    raised = play(fused(), readings("driver.eyes_closed", (1, 0.1), (2, 0.9), fps=10))[0]
    assert raised.reason.code == "eyes_closed_for"
    assert raised.reason.params == {"seconds": 1.5, "limit": 1.5}
    assert raised.reason.text == "eyes closed for 1.5 s (limit 1.5 s)"
    assert (raised.value, raised.limit, raised.unit) == (1.5, 1.5, "s")


def test_every_transition_has_a_reason_of_its_own():
    raised, cleared = play(fused(), estimates("drowsy", (10, 0.9), (20, 0.1)))
    assert raised.reason.text == "drowsy: probability 0.90 by vision and physio and audio (limit 0.6) for 3.0 s"
    assert cleared.reason.code == "drowsy_above_over"
    assert cleared.reason.text == "no longer drowsy: probability 0.10 by vision and physio and audio (limit 0.6)"
    assert cleared.value == pytest.approx(0.1)
    assert cleared.t_ns > raised.t_ns == ns(3)


def test_without_vision_the_score_is_no_evidence():
    blind = [estimate(t, 0.95, weights={"audio": 1.0}, quality={"audio": 0.9}) for t in range(60)]
    assert play(fused(), blind) == []


def test_an_active_alarm_stays_when_vision_goes_and_the_rest_says_low():
    blind = [estimate(10 + t, 0.05, weights={"physio": 1.0}, quality={"physio": 0.9}) for t in range(60)]
    assert story(play(fused(), [*estimates("drowsy", (10, 0.9)), *blind])) == ["driver.drowsy raised"]


def test_it_ends_when_the_last_camera_is_switched_off_though_a_microphone_runs():
    ears = [replace(one, source="audio") for one in readings("sensor.quality", (60, 1.0), fps=1, stream="mic")]
    both = [status(0, "live"), status(0, "live", stream="mic"), status(0, "live", stream="side")]
    seen = estimates("drowsy", (30, 0.9))
    alerts = play(fused(), merged(both, ears, seen, [status(10, "off"), status(20, "off", stream="side")]))
    assert [(alert.state, alert.t_ns) for alert in alerts] == [("raised", 3 * NS), ("cleared", 20 * NS)]
    assert (alerts[1].value, alerts[1].limit) == (0.9, 0.6)


def test_a_camera_that_comes_back_is_watched_anew():
    line = merged(
        [status(0, "live"), status(10, "off"), status(15, "live")],
        estimates("drowsy", (10, 0.9)),
        estimates("drowsy", (10, 0.9), start_s=16),
    )
    alerts = play(fused(), line)
    assert [(alert.state, alert.t_ns // NS) for alert in alerts] == [("raised", 3), ("cleared", 10), ("raised", 19)]
    assert alerts[2].onset_ns == 16 * NS


def test_a_score_that_is_no_number_says_nothing():
    for score in (math.nan, math.inf):
        assert play(fused(), estimates("drowsy", (30, score))) == []
    line = estimates("drowsy", (2, 0.9), (2, math.nan), (1, 0.9))
    assert story(play(fused(), line)) == ["driver.drowsy raised"]


def test_the_quality_of_a_sense_that_covered_nothing_does_not_count():
    line = [
        replace(one, quality={"vision": 0.1, "physio": 0.9}, coverage={"vision": 1.0, "physio": 0.0})
        for one in estimates("drowsy", (30, 0.9))
    ]
    assert play(fused(), line) == []


def test_one_window_from_the_future_does_not_deafen_the_rule():
    line = [*estimates("drowsy", (1, 0.1), start_s=1e6), *estimates("drowsy", (10, 0.9))]
    assert story(play(fused(), line)) == ["driver.drowsy raised"]


def test_it_ends_when_the_last_source_is_switched_off():
    line = merged(
        [status(0, "live"), status(0, "live", stream="ecg")],
        estimates("drowsy", (10, 0.9)),
        [status(10, "off"), status(20, "off", stream="ecg")],
        ticks(10, 30),
    )
    raised, cleared = play(fused(), line)
    assert (raised.state, cleared.state) == ("raised", "cleared")
    assert cleared.reason.code == "drowsy_above_ended"
    assert cleared.t_ns >= ns(20)
