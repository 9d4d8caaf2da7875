"""A disk that is full while the daemon runs."""

import resource
import signal

import numpy as np
import pytest
import soundfile
from delivery_samples import fill, small_disk
from installation import broker, check_whole, configured, log_of, received, sound_source, start, until_log
from recordings import bursts

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def test_what_a_full_disk_refused_is_stored_as_soon_as_there_is_room_though_nothing_else_happens(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=1)
    heard, rate_hz = soundfile.read(sound, dtype="float32")
    soundfile.write(sound, np.concatenate([heard, np.zeros(60 * rate_hz, np.float32)]), rate_hz)
    with broker() as local:
        config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
        with Subscriber(local.settings, client_id="test") as subscriber:
            process = start(config)
            until_log(process, config, "watching with")
            full = (tmp_path / "o.sqlite-wal").stat().st_size
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            until_log(process, config, "alerts are kept in memory")
            # After 9 s of silence the last alarm is raised, that of a sensor that cannot be used.
            assert received(subscriber, until=lambda _: False, idle_s=10.0) == []
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            events = received(subscriber, until=lambda _: False, idle_s=4.0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert events
    assert "the outbox can be written again" in log_of(config)


def test_a_daemon_that_is_killed_and_started_on_a_full_disk_loses_nothing(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=60)
    with broker() as local, small_disk(tmp_path, mib=4) as disk:
        with Subscriber(local.settings, client_id="test"):
            pass  # the broker keeps for it what comes
        local.kill()
        config = configured(
            tmp_path,
            port=local.settings.port,
            sources=sound_source(sound, realtime=True),
            outbox=str(disk / "o.sqlite"),
        )
        process = start(config)
        until_log(process, config, "watching with")
        fill(disk)
        until_log(process, config, "the space that was kept for this is used")
        process.kill()
        process.wait()
        fill(disk, "more")
        process = start(config)
        until_log(process, config, "watching with", times=2)
        local.start()
        with Subscriber(local.settings, client_id="test") as subscriber:
            events = received(subscriber, until=lambda events: len(events) >= 8)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log_of(config)
            events += received(subscriber, until=lambda _: False, idle_s=2.0)
        assert (disk / "o.sqlite-reserve").stat().st_size < 1 << 20
    assert "alerts are kept in memory" not in log_of(config)
    check_whole(events)
