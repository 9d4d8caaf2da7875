"""SIGHUP: the configuration is read anew without losing outbox or alarms; one that is wrong changes nothing."""

import signal

import pytest
from installation import broker, check_whole, configured, log_of, received, sound_source, start, until_log
from recordings import ANY_SOUND, bursts

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


@pytest.fixture
def local():
    with broker() as one:
        yield one


def test_a_wrong_configuration_keeps_the_old_one_and_says_why_and_a_right_one_takes_its_place(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=40)
    words = {"port": local.settings.port, "sources": sound_source(sound, realtime=True)}
    config = configured(tmp_path, **words)
    with Subscriber(local.settings, client_id="test") as subscriber:
        process = start(config)
        events = received(subscriber, until=lambda all_: len(all_) >= 2)
        configured(tmp_path, **words, rules="sound_enter = 7\n")
        process.send_signal(signal.SIGHUP)
        until_log(process, config, "the configuration stays as it was")
        assert "sound_enter" in log_of(config)
        kind = "device.degraded"
        events += received(subscriber, until=lambda all_: all_[-1].data.kind == kind)
        assert events[-1].data.alert_id == "device.degraded/config"
        configured(tmp_path, **words, rules=ANY_SOUND + "unusable_s = 4.0\n")
        process.send_signal(signal.SIGHUP)
        until_log(process, config, "going on with the new configuration")
        events += received(subscriber, until=lambda all_: all_[-1].data.kind == kind)
        assert events[-1].data.state == "inactive"
        events += received(subscriber, until=lambda all_: len(all_) >= 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log_of(config)
        events += received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(events)
    assert log_of(config).count("going on with the new configuration") == 1


def test_a_device_of_another_name_takes_a_restart(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=40)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
    process = start(config)
    until_log(process, config, "watching with")
    config.write_text(config.read_text().replace('device_id = "d"', 'device_id = "another"'))
    process.send_signal(signal.SIGHUP)
    until_log(process, config, "device_id has changed, which takes a restart")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_the_alert_about_a_sensor_that_is_taken_out_of_the_configuration_ends(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=40)
    absent = '[[source]]\nname = "cam"\nkind = "video"\ndevice = "/dev/video63"\n'
    there = sound_source(sound, realtime=True)
    config = configured(tmp_path, port=local.settings.port, sources=there + absent, rules="")
    with Subscriber(local.settings, client_id="test") as subscriber:
        process = start(config)
        events = received(subscriber, until=lambda all_: all_[-1].data.alert_id == "sensor.lost/cam")
        configured(tmp_path, port=local.settings.port, sources=there, rules="")
        process.send_signal(signal.SIGHUP)
        events += received(subscriber, until=lambda all_: all_[-1].data.alert_id == "sensor.lost/cam")
        assert events[-1].data.state == "inactive"
        assert "no longer in the configuration" in events[-1].data.reason.text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log_of(config)
        events += received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(events)
