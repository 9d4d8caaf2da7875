"""What else a running daemon does when it is asked: pieces of signals for a while, and a restart."""

import subprocess
import sys
from datetime import datetime

import pytest
from denying_broker import denying_broker
from installation import ROOT, configured, environment, sound_source
from recordings import bursts, ecg_csv
from watched_daemon import WatchedDaemon

pytestmark = pytest.mark.devices


def test_waveforms_come_in_order_and_without_a_hole_and_end_by_themselves(tmp_path, local, caller):
    path = ecg_csv(tmp_path / "e.csv", seconds=120, rate_hz=250.0)
    source = f'[[source]]\nname = "heart"\nkind = "ecg"\ndevice = "{path}"\nrealtime = true\n'
    config = configured(tmp_path, port=local.settings.port, sources=source, rules="")
    with WatchedDaemon(config, local) as daemon:
        daemon.until_live("heart")
        done = caller.ask("waveforms", seconds=3)
        assert (done["status"], done["data"]) == ("ok", {"seconds": 3, "streams": ["heart"]})
        pieces = caller.all_until_silence("sensor/heart/waveform", idle_s=5.0)
        assert daemon.end() == 0
    assert {(one["rate_hz"], one["unit"]) for one in pieces} == {(125.0, "mV")}
    times = [datetime.fromisoformat(one["time"]).timestamp() for one in pieces]
    for before, piece, after in zip(times, pieces, times[1:], strict=False):
        assert after - before == pytest.approx(len(piece["values"]) / 125.0, abs=0.01)
    seconds = sum(len(one["values"]) for one in pieces) / 125.0
    assert 2.0 <= seconds <= 3.5  # of the signal, however long it took to come
    assert max(max(one["values"]) for one in pieces) == pytest.approx(1.1, abs=0.2)  # the R waves


def test_a_restart_that_is_asked_for_is_one_where_somebody_starts_it_again(tmp_path, local, caller):
    sound = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
    config = configured(tmp_path, port=local.settings.port, sources=sound, rules="")
    log = tmp_path / "run.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_mm.cli", "run", "-c", str(config), "--guarded", "10"],
            stdout=out, stderr=out, cwd=ROOT, env=environment(),
        )  # fmt: skip
    try:
        caller.until_heard()
        assert caller.ask("restart")["status"] == "ok"
        assert caller.until("bridge/event", lambda body: body["type"] == "restarting")["data"] == {"by": "me"}
        assert caller.until("bridge/event", lambda body: body["type"] == "started")
        after = caller.until_heard()
        assert after["mqtt"]["connects"] == 1
        assert after["uptime_s"] < 30
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    assert "ended with status 75; it starts again" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_run_without_anybody_to_start_it_again_does_not_end(tmp_path, local, caller):
    sound = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
    config = configured(tmp_path, port=local.settings.port, sources=sound, rules="")
    with WatchedDaemon(config, local, more={"NOTIFY_SOCKET": ""}) as daemon:
        caller.until_heard()
        assert "nothing here would start it again" in caller.ask("restart")["error"]
        assert daemon.process.poll() is None
        assert daemon.end() == 0


def test_a_broker_that_lets_nobody_listen_is_said_once_and_shown(tmp_path):
    sound = sound_source(bursts(tmp_path / "s.wav", count=20), realtime=True)
    with denying_broker("nats-server", tmp_path, publish=True, subscribe=False) as settings:
        login = f'username = "{settings.username}"\npassword = "{settings.password}"'
        config = configured(tmp_path, port=settings.port, sources=sound, rules="", mqtt=login)
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_mm.cli", "run", "-c", str(config)],
            stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
        )  # fmt: skip
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "no request is heard" in line:
                break
        process.terminate()
        _, rest = process.communicate(timeout=60)
    text = "".join(seen) + rest
    assert text.count("does not let us subscribe to edge_mm/d/bridge/request/+; check what this user may read") == 1
    assert process.returncode == 0, text
