"""`edge-mm run` without systemd: a container's health check believes the file that the watch writes."""

import subprocess
from pathlib import Path

import pytest
from installation import ROOT, broker, configured, log_of, sound_source, start
from recordings import bursts

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def test_a_daemon_that_watches_is_healthy_by_the_images_own_check(tmp_path, monkeypatch):
    heartbeat = tmp_path / "heartbeat"
    monkeypatch.setenv("EDGE_MM_HEARTBEAT", str(heartbeat))
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    (check,) = [line.partition(" CMD ")[2] for line in text.splitlines() if line.startswith("HEALTHCHECK")]
    bursts(tmp_path / "s.wav", count=30)

    def healthy() -> bool:
        return subprocess.run(["sh", "-c", check], check=False, stderr=subprocess.DEVNULL).returncode == 0

    assert not healthy()
    with broker() as local:
        source = sound_source(Path(tmp_path / "s.wav"), realtime=True)
        config = configured(tmp_path, port=local.settings.port, sources=source)
        with Subscriber(local.settings, client_id="test", filters=["edge_mm/d/bridge/health"]) as subscriber:
            process = start(config)
            try:
                assert subscriber.receive(timeout_s=60) is not None, log_of(config)
                assert healthy()
            finally:
                process.terminate()
                assert process.wait(30) == 0, log_of(config)
