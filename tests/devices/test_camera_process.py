"""The process that holds a camera: what it notices, that it is ended when it hangs, and that it ends with us."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from children import children
from installation import ROOT, environment
from mjpeg import served, until_lost

from edge_mm.errors import SourceError
from edge_mm.sources import Camera

pytestmark = pytest.mark.devices


@pytest.fixture
def thawed():
    """Set: a frozen camera runs again."""
    return threading.Event()


@pytest.fixture
def address(thawed):
    with served(thawed) as where:
        yield where


def opened(address, path, **options):
    camera = Camera(f"http://{address}/{path}", **options)
    camera.open()
    return camera


def test_a_camera_that_repeats_one_picture_is_lost_and_not_opened_until_its_picture_changes(address, thawed):
    camera = opened(address, "freezes")
    frames, said = until_lost(camera)
    assert "repeats one picture" in said
    assert 1.9e9 < frames[-1].t_ns - frames[9].t_ns < 4e9
    with pytest.raises(SourceError, match="still repeats one picture"):
        camera.open()
    thawed.set()
    camera.open()
    assert camera.read().data.shape == (48, 64, 3)
    camera.close()


def test_a_covered_lens_is_trouble_and_no_frozen_camera(address):
    camera = opened(address, "goes_dark")
    troubles = [camera.read() and camera.trouble for _ in range(100)]
    camera.close()
    assert troubles[0] == ""
    assert "is the lens covered?" in troubles[-1]


def test_a_camera_that_gives_a_tenth_of_the_frames_it_was_asked_for_says_so(address):
    camera = opened(address, "slows", fps=40)
    troubles = [camera.read() and camera.trouble for _ in range(30)]
    camera.close()
    assert troubles[-1].endswith("of 40 frames per second")


def test_a_driver_that_hangs_is_ended_and_the_camera_opens_again(address):
    camera = opened(address, "runs", read_timeout_s=0.5)
    camera.read()
    pid = children()[-1]
    os.kill(pid, signal.SIGSTOP)
    frames, said = until_lost(camera)
    assert "gave no frame for 0.5 s" in said
    assert not Path(f"/proc/{pid}").exists()
    camera.open()
    assert camera.read().t_ns > frames[-1].t_ns if frames else True
    assert camera.counters["children_ended"] == 1
    camera.close()


def test_a_driver_that_crashes_is_a_lost_camera(address):
    camera = opened(address, "runs")
    camera.read()
    os.kill(children()[-1], signal.SIGSEGV)
    _, said = until_lost(camera)
    assert "the process that reads it has ended" in said
    camera.close()


def test_who_reads_slowly_gets_the_newest_frame_and_the_others_are_counted(address):
    camera = opened(address, "runs")
    first = camera.read()
    behind = threading.Event()
    behind.wait(0.8)
    asked_ns = time.monotonic_ns()
    newest = camera.read()
    assert asked_ns - newest.t_ns < 0.2e9
    assert camera.counters["skipped"] >= 10
    assert newest.t_ns > first.t_ns
    camera.close()


def test_the_process_that_holds_a_camera_ends_with_the_one_that_started_it(address):
    code = (
        "import sys, time\nfrom edge_mm.sources import Camera\n"
        f"camera = Camera('http://{address}/runs')\ncamera.open()\ncamera.read()\n"
        "from children import children\nprint(children()[-1], flush=True)\ntime.sleep(60)\n"
    )
    where = {**environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=where) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
            return
        threading.Event().wait(0.05)
    raise AssertionError("it lives on")


def test_a_camera_that_was_opened_in_a_thread_goes_on_when_the_thread_has_ended(address):
    camera = Camera(f"http://{address}/runs")
    thread = threading.Thread(target=camera.open)
    thread.start()
    thread.join()
    frames = [camera.read() for _ in range(20)]
    assert frames[-1].t_ns > frames[0].t_ns
    camera.close()


def test_the_process_that_decodes_a_network_camera_knows_no_password_of_the_configuration(address, monkeypatch):
    monkeypatch.setenv("EDGE_MM_MQTT_PASSWORD", "s3cret")
    camera = opened(address, "runs")
    camera.read()
    assert b"s3cret" not in Path(f"/proc/{children()[-1]}/environ").read_bytes()
    camera.close()
