"""systemd's notification socket, with a real socket in its place."""

import socket
import subprocess
from pathlib import Path

import pytest

from edge_mm.daemon.notify import notify, watchdog_period_s


def test_a_state_arrives_at_the_socket_that_systemd_names(tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert notify("READY=1")
        assert listener.recv(64) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not notify("READY=1")
    assert watchdog_period_s() is None


def test_a_socket_that_is_gone_is_no_reason_to_stop_watching(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("WATCHDOG=1")


def test_the_watchdog_is_fed_twice_per_period(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_period_s() == 15.0


def test_without_systemd_a_file_says_when_the_watch_last_lived(tmp_path, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    file = tmp_path / "heartbeat"
    monkeypatch.setenv("EDGE_MM_HEARTBEAT", str(file))
    assert watchdog_period_s() == 10
    notify("READY=1")
    assert not file.exists()
    notify("WATCHDOG=1")
    before = float(Path("/proc/uptime").read_text().split()[0]) - 5
    assert before <= int(file.read_text()) <= before + 10
    monkeypatch.setenv("EDGE_MM_HEARTBEAT", str(tmp_path / "no" / "folder"))
    notify("WATCHDOG=1")


def health_check() -> str:
    """The command of the image's HEALTHCHECK."""
    text = (Path(__file__).parents[2] / "Containerfile").read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("HEALTHCHECK")]
    return line.partition(" CMD ")[2]


@pytest.mark.parametrize(("age_s", "healthy"), [(0, True), (30, True), (90, False), (None, False)])
def test_the_images_health_check_believes_a_fresh_heartbeat_only(age_s, healthy, tmp_path):
    file = tmp_path / "heartbeat"
    if age_s is not None:
        file.write_text(f"{int(float(Path('/proc/uptime').read_text().split()[0])) - age_s}\n")
    done = subprocess.run(
        ["sh", "-c", health_check()], check=False, capture_output=True, env={"EDGE_MM_HEARTBEAT": str(file)}
    )
    assert (done.returncode == 0) is healthy
