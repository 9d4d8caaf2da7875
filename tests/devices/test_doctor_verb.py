"""`edge-mm doctor` as people call it: a process, a real broker, another user, and nothing at all."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from denying_broker import denying_broker
from installation import ROOT, broker, configured, sound_source, start
from other_user import BECOME_NOBODY, opened
from recordings import bursts

pytestmark = pytest.mark.devices
SECRET = "correct-horse-battery"


def doctor(*words: str, cwd: Path, as_nobody: bool = False) -> tuple[int, list[dict[str, object]], str]:
    """Exit status, remarks and all that was printed."""
    code = (
        "import os, sys, edge_mm.cli, edge_mm.daemon.verb_doctor, edge_mm.daemon.doctor_broker, paho.mqtt.client;"
        f"{BECOME_NOBODY if as_nobody else ''} sys.exit(edge_mm.cli.main(['doctor', '--json', *sys.argv[1:]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, cwd=cwd, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    report = json.loads(done.stdout)
    assert report["status"] == done.returncode
    assert all(one["do"] for one in report["remarks"] if one["level"] != "ok")
    return done.returncode, report["remarks"], done.stdout + done.stderr


def of(remarks: list[dict[str, object]], part: str) -> list[dict[str, object]]:
    return [one for one in remarks if one["part"] == part]


def test_without_a_configuration_the_machine_is_looked_at(tmp_path):
    _status, remarks, _ = doctor(cwd=tmp_path)
    (config,) = of(remarks, "config")
    assert (config["level"], config["do"]) == ("warning", "edge-mm init")
    parts = {"board", "user", "runtime", "power", "temperature", "frequency", "memory", "disk", "clock", "broker"}
    assert parts <= {one["part"] for one in remarks}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, "not toml [", "version = 99\n", 'version = 1\ndevice_id = "d"\nbaud = 3\n'])
def test_a_configuration_that_is_named_and_cannot_be_read_is_78_and_the_machine_is_looked_at(content, tmp_path):
    if content is not None:
        (tmp_path / "c.toml").write_text(content)
    status, remarks, _ = doctor("-c", "c.toml", cwd=tmp_path)
    assert status == 78
    assert of(remarks, "config")[0]["level"] == "error"
    assert of(remarks, "memory") and of(remarks, "runtime")


def test_a_message_goes_through_the_broker_and_back_while_the_daemon_runs(tmp_path):
    bursts(tmp_path / "s.wav", count=4)
    with broker(login=("car", SECRET)) as running:
        login = f'username = "car"\npassword = "{SECRET}"\n'
        source = sound_source(tmp_path / "s.wav", realtime=True)
        config = configured(tmp_path, port=running.settings.port, sources=source, mqtt=login)
        daemon = start(config)
        try:
            status, remarks, told = doctor("-c", str(config), cwd=tmp_path)
            assert daemon.poll() is None
        finally:
            daemon.terminate()
            daemon.wait(30)
    assert status in (0, 69)  # 69 where this very machine's own clock or disk is wrong
    (found,) = of(remarks, "broker")
    assert found["level"] in ("ok", "warning")
    assert "edge_mm/d/bridge/echo came back after" in str(found["found"])
    assert of(remarks, "source mic")[0]["level"] == "ok"
    assert SECRET not in told


def test_a_broker_that_denies_and_a_wrong_password_are_69_and_no_password_is_shown(tmp_path):
    with denying_broker("mosquitto", tmp_path, publish=False, subscribe=True) as settings:
        config = configured(tmp_path, port=settings.port, sources="")
        status, remarks, _ = doctor("-c", str(config), cwd=tmp_path)
    assert status == 69
    assert "publishing is denied" in str(of(remarks, "broker")[0]["found"])
    assert "edge_mm/d/#" in str(of(remarks, "broker")[0]["do"])
    with broker(login=("car", SECRET)) as running:
        login = f'username = "car"\npassword = "{SECRET}-not"\n'
        camera = f'[[source]]\nname = "v"\nkind = "video"\ndevice = "rtsp://me:{SECRET}@127.0.0.1:1/x"\n'
        config = configured(tmp_path, port=running.settings.port, sources=camera, mqtt=login)
        status, remarks, told = doctor("-c", str(config), cwd=tmp_path)
    assert status == 69
    assert "bad user name or password" in str(of(remarks, "broker")[0]["found"])
    assert SECRET not in told


@pytest.mark.skipif(os.geteuid() != 0, reason="not here: only root can become another user")
def test_a_user_without_rights_gets_sentences_and_no_traceback(tmp_path):
    opened(tmp_path)
    far, near = pty.openpty()
    port = os.ttyname(near)
    os.chown(port, 0, 5)
    Path(port).chmod(0o620)
    source = f'[[source]]\nname = "pulse"\nkind = "ppg"\ndevice = "{port}"\nrate_hz = 100\n'
    config = configured(tmp_path, port=1, sources=source)
    config.chmod(0o644)
    try:
        status, remarks, _ = doctor("-c", str(config), cwd=tmp_path, as_nobody=True)
    finally:
        os.close(far)
        os.close(near)
    assert status in {69, 78}
    assert "nobody" in str(of(remarks, "user")[0]["found"])
    assert any("may not open it" in str(one["found"]) for one in of(remarks, "source pulse"))
    assert any("cannot write there" in str(one["found"]) for one in of(remarks, "disk"))
