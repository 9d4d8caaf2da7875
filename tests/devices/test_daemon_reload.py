"""SIGHUP: the configuration is read anew without losing outbox or alarms; one that is wrong changes nothing."""

import contextlib
import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest
from caller import Caller
from hanging_bundle import hanging_bundle, sound_with_a_tone
from installation import check_whole, configured, log_of, received, sound_source, start, until_log
from recordings import ANY_SOUND, bursts
from watched_daemon import WatchedDaemon

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


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


def test_graphs_that_run_in_a_process_of_their_own_go_on_over_a_reload(tmp_path, local):
    sound = sound_with_a_tone(tmp_path / "s.wav", at_s=100.0, seconds=120.0)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True), rules="")
    text = config.read_text()
    config.write_text(re.sub(r'bundle = ".*"', f'bundle = "{hanging_bundle(tmp_path)}"', text))
    with WatchedDaemon(config, local) as daemon:
        daemon.until_live("mic")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until_logged("going on with the new configuration")
        health = daemon.until_health(lambda body: body["uptime_s"] < 60 and body["windows"] >= 1)
        assert daemon.end() == 0, daemon.log
    assert health["parts"]["@graphs"] == "live"
    assert "graphs: " not in daemon.log


def test_a_topic_that_is_quiet_leaves_no_thread_behind_over_a_reload(tmp_path, local):
    topic = '[[source]]\nname = "speed"\nkind = "speed"\ndevice = "mqtt:car/speed"\nstale_s = 3600\n'
    config = configured(tmp_path, port=local.settings.port, sources=topic, rules="")
    with WatchedDaemon(config, local) as daemon:
        daemon.until_logged("speed: live")
        before = daemon.until_health(lambda body: True)["process"]["threads"]
        for _ in range(3):
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until_health(lambda body: body["uptime_s"] < 1.5)
        threads = Path(f"/proc/{daemon.process.pid}/task")
        names = [(task / "comm").read_text().strip() for task in threads.iterdir()]
        assert daemon.end() == 0, daemon.log
    assert len(names) <= before + 1, names


def test_a_second_reload_that_is_asked_for_during_the_first_one_is_done_too(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=40)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
    caller = Caller(local.settings)
    with WatchedDaemon(config, local) as daemon:
        daemon.until_live("mic")
        daemon.process.send_signal(signal.SIGHUP)
        assert caller.until("bridge/event", lambda body: body["type"] == "stopping")
        daemon.process.send_signal(signal.SIGHUP)  # while the first run parts, or right after
        daemon.until_logged("going on with the new configuration", times=2)
        assert daemon.end() == 0, daemon.log
    caller.close()


class HungReceiver:
    """Accepts connections and says nothing; tells when the first one has ended, for whoever posts has given up."""

    def __enter__(self):
        self.came, self.ended = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._callers = []
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        for one in (self._listener, *self._callers):
            one.close()

    def _listen(self):
        with contextlib.suppress(OSError):
            self._callers.append(self._listener.accept()[0])
            self.came.set()
            while self._callers[0].recv(4096):
                pass
            self.ended.set()


def test_nobody_is_unwatched_while_a_broker_and_a_webhook_hang_over_a_reload(tmp_path, local):
    """The run before waits for neither: the next one watches before the post that was under way is given up (10 s)."""
    sound = bursts(tmp_path / "s.wav", count=40)
    with HungReceiver() as hung, Subscriber(local.settings, client_id="test") as subscriber:
        hook = f'[[sink]]\nkind = "webhook"\nname = "w"\nurl = "http://127.0.0.1:{hung.port}/"\ntimeout_s = 10.0\n'
        config = configured(
            tmp_path, port=local.settings.port, sources=hook + sound_source(sound, realtime=True), mqtt="settle_s = 2.0"
        )
        process = start(config)
        assert hung.came.wait(60)
        os.kill(local.pid, signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGHUP)
            until_log(process, config, "watching with", times=2)
            assert not hung.ended.is_set()
        finally:
            os.kill(local.pid, signal.SIGCONT)
        events = received(subscriber, until=lambda all_: len(all_) >= 8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log_of(config)
        events += received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(sorted(events, key=lambda event: event.data.seq))
    assert "Traceback" not in log_of(config)
    assert "it was closed" not in log_of(config)
