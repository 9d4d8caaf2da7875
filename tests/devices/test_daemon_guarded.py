"""What cannot be contained in the process: `edge-mm run --guarded` starts it again, as systemd does; nothing is lost.

And a graph of one's own that hangs where it is contained: the daemon lives on.
"""

import re
import signal
import subprocess
import sys

import pytest
from hanging_bundle import hanging_bundle, sound_with_a_tone
from installation import ROOT, check_whole, configured, environment, log_of, received, sound_source, until_log
from recordings import bursts

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def guarded(config, seconds=3.0):
    log = (config.parent / "run.log").open("a")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "edge_mm.cli", "run", "-c", str(config), "--guarded", str(seconds)],
            stderr=log,
            stdout=log,
            cwd=ROOT,
            env=environment(),
        )


def ended(process) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def of_parts(events):
    return [event.data for event in events if event.data.kind == "device.lost"]


def own_bundle(config, folder, graphs=""):
    text = re.sub(r'bundle = ".*"', f'bundle = "{hanging_bundle(folder)}"', config.read_text())
    config.write_text(f"{text}\n{graphs}")
    return config


def test_a_graph_that_hangs_in_the_process_is_ended_by_the_watchdog_and_started_again(tmp_path, local):
    sound = sound_with_a_tone(tmp_path / "s.wav", at_s=4.0, seconds=60.0)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True), rules="")
    own_bundle(config, tmp_path, '[graphs]\nplace = "here"\n')
    with Subscriber(local.settings, client_id="test") as subscriber:
        process = guarded(config)
        until_log(process, config, "has not said for 3 s that it makes progress: it is ended")
        until_log(process, config, "watching with", times=2)
        assert ended(process) == 0
        events = received(subscriber, until=lambda _: False, idle_s=2.0)
    check_whole(events)


def test_a_graph_of_ones_own_that_hangs_is_contained_announced_and_replaced(tmp_path, local):
    sound = sound_with_a_tone(tmp_path / "s.wav", at_s=3.0, seconds=60.0)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True), rules="")
    own_bundle(config, tmp_path, "[graphs]\ndeadline_s = 0.5\n")
    with Subscriber(local.settings, client_id="test") as subscriber:
        process = guarded(config)
        events = received(subscriber, until=lambda all_: len(of_parts(all_)) == 2)
        assert ended(process) == 0
        events += received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(events)
    assert log_of(config).count("watching with") == 1
    lost, back = of_parts(events)
    assert back.state == "inactive"
    assert (lost.alert_id, lost.category) == ("device.lost/graphs", "technical")
    assert "graph audio.encoder: it has not answered within 0.5 s" in lost.reason.text


def test_a_daemon_that_is_killed_is_started_again_and_goes_on_where_it_was(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=20)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
    with Subscriber(local.settings, client_id="test") as subscriber:
        process = guarded(config)
        events = received(subscriber, until=lambda all_: len(all_) >= 3)
        subprocess.run(["pkill", "-KILL", "-P", str(process.pid)], check=True)
        until_log(process, config, "ended with status -9; it starts again in 1 s")
        until_log(process, config, "going on from transition")
        events += received(subscriber, until=lambda all_: len(all_) >= 3)
        assert ended(process) == 0
        events += received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(events)


def test_a_wrong_configuration_is_not_tried_again(tmp_path):
    config = configured(tmp_path, port=1, sources='[[source]]\nname = "x"\nkind = "sonar"\n')
    assert guarded(config).wait(60) == 78
    assert log_of(config).count("sonar") == 1
