import pytest
from timeline import NS, merged, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, default_policies
from edge_mm.alerts.sensors import NOT_SENSORS


def device():
    return Alarms(default_policies(heads=["drowsy"]))


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
    line = merged(readings("audio.dog", (2, 0.9), fps=4, stream="mic"), ticks(2, 30))
    raised, cleared = play(alarms, line)
    assert (raised.kind, raised.state, cleared.state) == ("sound.dog", "raised", "cleared")
    assert 6 <= cleared.t_ns / NS <= 12


@pytest.mark.parametrize("part", sorted(NOT_SENSORS))
def test_the_broker_is_no_sensor(part):
    assert play(device(), [status(1, "lost", stream=part), status(9, "live", stream=part)]) == []


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


def test_a_sensor_that_comes_back_unusable_alerts_again():
    line = merged(quality((10, 0.0)), [status(12, "lost"), status(20, "live")], quality((10, 0.0), start_s=20))
    alerts = [alert for alert in play(device(), line) if alert.kind == "sensor.unusable"]
    assert [(alert.state, alert.t_ns / NS) for alert in alerts] == [("raised", 5), ("cleared", 12), ("raised", 25)]


def test_each_stream_has_its_own_alert():
    line = merged(quality((10, 0.0)), quality((10, 0.0), label="flat line", stream="ecg"))
    assert sorted(story(play(device(), line))) == ["sensor.unusable/cam raised", "sensor.unusable/ecg raised"]
