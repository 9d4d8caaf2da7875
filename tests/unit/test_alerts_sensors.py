import math
from dataclasses import replace

import pytest
from timeline import NS, estimates, merged, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, default_policies
from edge_mm.alerts.blind import Blind


def device():
    # Each sensor for itself: that all of them are gone has tests of its own (test_alerts_gates).
    return Alarms([one for one in default_policies(heads=["drowsy"]) if not isinstance(one, Blind)])


def quality(*parts, label="dark", stream="cam", start_s=0.0):
    return readings("sensor.quality", *parts, fps=1, label=label, stream=stream, start_s=start_s)


def test_a_lost_sensor_is_one_technical_alert_until_it_is_live_again():
    alarms = device()
    line = [
        status(0, "live", stream="mic"),
        status(0, "live"),
        status(10, "lost", detail="unplugged"),
        status(11, "lost", detail="unplugged"),
        status(12, "starting"),
        status(20, "live"),
    ]
    alerts = play(alarms, line)
    assert story(alerts) == ["sensor.lost/cam raised", "sensor.lost/cam cleared"]
    raised, cleared = alerts
    assert (raised.kind, raised.category, raised.priority) == ("sensor.lost", "technical", "medium")
    assert raised.reason.text == "sensor cam is gone: unplugged"
    assert raised.reason.params == {"stream": "cam", "detail": "unplugged"}
    assert raised.contribution == {}
    assert cleared.reason.code == "sensor_live"


def test_the_last_sensor_to_be_lost_has_high_priority():
    line = [status(0, "live", stream="mic"), status(0, "live"), status(0, "off", stream="ecg")]
    line += [status(5, "lost", stream="mic"), status(6, "lost")]
    assert [alert.priority for alert in play(device(), line)] == ["medium", "high"]


def test_a_sensor_that_is_still_starting_may_be_the_one_that_is_left():
    starting = [status(0, "starting", stream="mic"), status(0, "starting")]
    raised = play(device(), [*starting, status(1, "lost", detail="not there")])[0]
    assert (raised.priority, raised.reason.text) == ("medium", "sensor cam is not there: not there")
    lost = [status(1, "lost", stream="mic"), status(2, "starting", stream="mic")]  # tried again, still not there
    assert [a.priority for a in play(device(), [*starting, *lost, status(3, "lost")])] == ["medium", "high"]
    again = [status(1, "off", stream="mic"), status(2, "starting", stream="mic")]
    assert [a.priority for a in play(device(), [*starting, *again, status(3, "lost")])] == ["medium"]


def test_stale_becomes_lost_and_its_onset_is_when_the_silence_began():
    alerts = play(device(), [status(0, "live"), status(5, "stale"), status(15, "lost"), status(30, "live")])
    assert story(alerts) == [
        "sensor.stale/cam raised",
        "sensor.stale/cam cleared",
        "sensor.lost/cam raised",
        "sensor.lost/cam cleared",
    ]
    assert alerts[2].onset_ns == 5 * NS


def test_the_end_of_a_file_raises_nothing_and_ends_what_it_showed():
    alarms = device()
    line = merged(
        [status(0, "live")],
        readings("driver.eyes_closed", (3, 0.9), stream="cam"),
        [status(3, "off", detail="end of file")],
        ticks(3, 100),
    )
    assert story(play(alarms, line)) == ["driver.eyes_closed raised", "driver.eyes_closed cleared"]


def test_an_alarm_of_before_a_restart_ends_when_its_only_source_has_ended():
    before, after = device(), device()
    play(before, merged(readings("driver.eyes_closed", (2, 0.9), stream="cam"), estimates("drowsy", (5, 0.9))))
    after.restore(before.snapshot())
    blind = merged([status(0, "live")], quality((5, 0.5)), [status(5, "off")])
    assert story(play(after, blind)) == ["driver.eyes_closed cleared", "driver.drowsy cleared"]


def test_an_alarm_of_before_a_restart_stays_while_another_camera_may_see_it():
    def after(*line):
        before, again = device(), device()
        play(before, readings("driver.eyes_closed", (2, 0.9), stream="cam"))
        again.restore(before.snapshot())
        return [one for one in story(play(again, merged(*line))) if one.startswith("driver")]

    both = [status(0, "live"), status(0, "starting", stream="mic"), status(5, "off")]
    ends = ["driver.eyes_closed cleared"]
    assert after(both) == []  # what "mic" is has not been heard yet
    ears = readings("sensor.quality", (9, 1.0), fps=1, stream="mic")
    assert after(both, [replace(one, source="audio") for one in ears]) == ends
    late = readings("sensor.quality", (3, 1.0), fps=1, stream="mic", start_s=6)
    assert after(both, [replace(one, source="audio") for one in late]) == ends
    assert after(both, ears) == []  # it is a camera
    assert after([status(0, "live"), status(5, "off")], ears) == []
    assert after(both, ears, [status(9, "lost", stream="mic")]) == []
    assert after(both, ears, [status(9, "off", stream="mic")]) == ends
    unsure = readings("driver.eyes_closed", (9, 0.5), stream="side")
    assert after([status(0, "live"), status(5, "off")], unsure) == []


def test_a_sound_of_before_a_restart_ends_though_the_microphone_is_gone():
    before, after = device(), device()
    play(before, readings("audio.siren", (2, 0.9), fps=4))
    after.restore(before.snapshot())
    ended = [alert for alert in play(after, [status(0, "lost", stream="audio"), *ticks(0, 60)]) if alert.incident == 1]
    assert [(alert.key, alert.state, alert.t_ns) for alert in ended] == [("sound.siren", "cleared", 7 * NS)]


def test_a_sound_that_goes_on_over_a_restart_is_not_ended_by_it():
    before, after = device(), device()
    play(before, readings("audio.siren", (2, 0.9), fps=4))
    after.restore(before.snapshot())
    unsure = readings("audio.siren", (20, 0.4), fps=4)
    assert play(after, merged(unsure, ticks(0, 20))) == []


def test_a_source_that_ends_says_with_what_it_was_compared_last():
    beats = readings("vitals.heart_rate_bpm", (20, 130), fps=1, stream="ecg")
    _, cleared = play(device(), [*beats, status(20, "off", stream="ecg")])
    assert (cleared.value, cleared.limit, cleared.unit) == (130, 120, "bpm")


def test_a_lost_camera_clears_nothing_about_the_person():
    alarms = device()
    line = merged(
        [status(0, "live")],
        readings("driver.eyes_closed", (3, 0.9), stream="cam"),
        [status(3, "lost")],
        ticks(3, 100),
    )
    assert "driver.eyes_closed cleared" not in story(play(alarms, line))
    assert "driver.eyes_closed" in [alert.kind for alert in alarms.active]


def test_a_bark_is_over_when_the_microphone_says_nothing_more():
    alarms = device()
    line = merged(readings("audio.dog", (2, 0.9), fps=4, stream="mic"), ticks(2, 30, every_s=0.25))
    raised, cleared = play(alarms, line)
    assert (raised.kind, raised.state, cleared.state) == ("sound.dog", "raised", "cleared")
    assert cleared.t_ns == 8.75 * NS  # the last reading was at 1.75 s; keep and gap are 7 s
    assert (cleared.reason.code, cleared.value, cleared.limit) == ("sound_heard_ended", 0.9, 0.6)


@pytest.mark.parametrize("name", ["mqtt", "broker", "outbox"])
def test_a_sensor_is_missed_whatever_it_is_called(name):
    line = [status(1, "lost", stream=name), status(9, "live", stream=name)]
    assert story(play(device(), line)) == [f"sensor.lost/{name} raised", f"sensor.lost/{name} cleared"]


def test_a_sensor_that_tells_us_nothing_for_five_seconds_is_unusable_and_says_why():
    alerts = play(device(), quality((5, 0.9), (4, 0.1), (5, 0.9), (10, 0.1), (10, 0.9)))
    assert story(alerts) == ["sensor.unusable/cam raised", "sensor.unusable/cam cleared"]
    raised, cleared = alerts
    assert (raised.onset_ns, raised.t_ns, cleared.t_ns) == (14 * NS, 19 * NS, 26 * NS)
    assert raised.reason.text == "sensor cam tells us nothing for 5.0 s: dark"
    assert (raised.category, raised.value, raised.limit) == ("technical", 0.1, 0.25)


def test_a_quiet_room_is_no_fault_of_the_microphone():
    assert play(device(), quality((60, 0.1), label="", stream="mic")) == []
    dead = merged(
        quality((10, 0.0), label="silent", stream="mic"), quality((5, 0.1), label="", stream="mic", start_s=10)
    )
    assert story(play(device(), dead)) == ["sensor.unusable/mic raised", "sensor.unusable/mic cleared"]


def test_an_unusable_sensor_that_is_unplugged_is_lost_instead():
    line = merged([status(0, "live")], quality((10, 0.0)), [status(12, "lost")])
    assert sorted(story(play(device(), [*line, *ticks(13, 20)]))) == [
        "sensor.lost/cam raised",
        "sensor.unusable/cam cleared",
        "sensor.unusable/cam raised",
    ]


def test_a_recording_that_ends_unusable_is_no_longer_unusable():
    _, cleared = play(device(), [*quality((10, 0.0)), status(12, "off"), *ticks(12, 20)])
    assert (cleared.key, cleared.state, cleared.reason.code) == ("sensor.unusable/cam", "cleared", "sensor_off")


def test_one_stamp_from_the_future_does_not_deafen_the_rule():
    line = [*quality((1, 0.9), start_s=1e6), *quality((10, 0.0))]
    assert story(play(device(), line)) == ["sensor.unusable/cam raised"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_quality_that_is_no_number_says_nothing(value):
    assert play(device(), quality((10, value))) == []


def test_a_sensor_that_comes_back_unusable_alerts_again():
    line = merged(quality((10, 0.0)), [status(12, "lost"), status(20, "live")], quality((10, 0.0), start_s=20))
    alerts = [alert for alert in play(device(), line) if alert.kind == "sensor.unusable"]
    assert [(alert.state, alert.t_ns / NS) for alert in alerts] == [("raised", 5), ("cleared", 12), ("raised", 25)]


def test_each_stream_has_its_own_alert():
    line = merged(quality((10, 0.0)), quality((10, 0.0), label="flat line", stream="ecg"))
    assert sorted(story(play(device(), line))) == ["sensor.unusable/cam raised", "sensor.unusable/ecg raised"]
