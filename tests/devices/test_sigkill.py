"""The daemon is killed at random moments; the subscriber must not notice more than a pause."""

import os
import random
import socket
import subprocess

import pytest
from installation import broker, check_whole, configured, log_of, received, sound_source, start
from recordings import bursts

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices
KILLS = int(os.environ.get("EDGE_MM_KILLS", "20"))


def test_no_transition_is_lost_or_doubled_whenever_the_daemon_is_killed(tmp_path, monkeypatch):
    chance = random.Random(20)
    sound = bursts(tmp_path / "s.wav", count=60)
    with broker() as local:
        config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound))
        subscriber = Subscriber(local.settings, client_id="persistent")
        with subscriber:
            pass  # the session exists from now on; the broker collects while nobody listens
        killed = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:  # as systemd learns that it is up
            ready.bind(str(tmp_path / "notify"))
            ready.settimeout(60)
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            while killed < KILLS:
                process = start(config)
                if killed % 5:  # one in five is killed while it starts
                    while b"READY=1" not in ready.recv(64):
                        pass
                try:
                    assert process.wait(chance.uniform(0.02, 0.9)) == 0, log_of(config)  # it was faster than we
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    killed += 1
        monkeypatch.delenv("NOTIFY_SOCKET")
        assert start(config).wait(120) == 0, log_of(config)
        with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
            last, active = outbox.last_seq, {r.alert.key for r in outbox.states() if r.alert.state == "raised"}
            assert outbox.depth == 0
        with subscriber:
            events = received(subscriber, until=lambda got: got[-1].data.seq == last, idle_s=20.0)
    check_whole(events)
    assert len(events) == last > 10
    state = {event.data.alert_id: event.data.state for event in events}
    assert {key for key, now in state.items() if now == "active"} == active
    log = log_of(config)
    assert log.count("going on from transition") >= KILLS // 2  # most kills came after transitions were stored
    assert "Traceback" not in log
