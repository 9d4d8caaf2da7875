"""Network cameras, played by real HTTP servers in this process; and cameras that are not there."""

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from children import children
from installation import ROOT, environment

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Camera, cameras, serial_ports
from edge_mm.sources.grabber import CameraSettings, open_grabber

pytestmark = pytest.mark.devices


class Handler(http.server.BaseHTTPRequestHandler):
    """Motion JPEG at 25 frames per second: 10 frames, then what the path says: ``/ends``, ``/stalls``, ``/freezes``,
    ``/goes_dark``, ``/slows``, ``/runs``; ``/mute`` never answers. Once frozen, it stays so until ``thawed``.
    """

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/mute":
            self.server.over.wait(30)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever watched has gone
            for index in range(0 if self.path == "/freezes" and self.server.frozen else 10):
                self.send_frame(picture(index))
            pause_s = 0.25 if self.path == "/slows" else 0.04
            for index in range(10, 2000):
                if self.path == "/ends" or self.server.over.is_set():
                    return
                if self.path == "/stalls":
                    self.server.over.wait(30)
                still, dark = self.path == "/freezes" and not self.server.thawed.is_set(), self.path == "/goes_dark"
                self.server.frozen |= still
                frame = np.full((48, 64, 3), 3, np.uint8) if dark else picture(9 if still else index)
                self.send_frame(frame, pause_s)

    def send_frame(self, frame, pause_s=0.04):
        jpeg = cv2.imencode(".jpg", frame)[1].tobytes()
        self.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))
        self.wfile.flush()
        self.server.over.wait(pause_s)


def picture(index):
    return np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.fixture
def thawed():
    """Set: a frozen camera runs again."""
    return threading.Event()


@pytest.fixture
def address(thawed):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.over, server.thawed, server.frozen = threading.Event(), thawed, False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def frames_until_lost(camera):
    frames = []
    with pytest.raises(SourceLost) as lost:
        for _ in range(100):
            frames.append(camera.read())
    camera.close()
    return frames, str(lost.value)


def frames_until_lost_open(camera):
    """As ``frames_until_lost``; the camera is left as it is."""
    frames = []
    with pytest.raises(SourceLost) as lost:
        for _ in range(100):
            frames.append(camera.read())
    return frames, str(lost.value)


def test_frames_of_a_network_camera_come_stamped_until_its_stream_ends(address):
    camera = Camera(f"http://{address}/ends", fps=15)
    spec = camera.open()
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("vision", "video", 15, "bgr8")
    frames, said = frames_until_lost(camera)
    assert len(frames) >= 8
    assert frames[0].data.shape == (48, 64, 3)
    assert [frame.t_ns for frame in frames] == sorted(frame.t_ns for frame in frames)
    assert "stopped giving frames" in said


def test_a_stream_that_stalls_is_lost_after_the_read_time_out(address):
    camera = Camera(f"http://{address}/stalls", read_timeout_s=0.4)
    camera.open()
    frames, _ = frames_until_lost(camera)
    assert len(frames) >= 1  # and it ended: OpenCV's own limit of 30 s is not what we waited for


def test_a_read_that_took_too_long_is_a_lost_source_whatever_the_library_says_of_it(address, monkeypatch):
    class Clock:
        now_ns, step_ns = 0, 1_900_000_000

        def monotonic_ns(self):
            self.now_ns += self.step_ns
            return self.now_ns

    clock = Clock()
    monkeypatch.setattr("edge_mm.sources.grabber.time", clock)
    grabber = open_grabber(CameraSettings(device=f"http://{address}/ends", read_timeout_s=2.0))
    assert grabber.grab().t_ns == 2 * clock.step_ns
    clock.step_ns = 2_000_000_000
    with pytest.raises(SourceLost, match="gave no frame for 2 s"):
        grabber.grab()
    grabber.release()


def opened(address, path, **options):
    camera = Camera(f"http://{address}/{path}", **options)
    camera.open()
    return camera


def test_a_camera_that_repeats_one_picture_is_lost_and_not_opened_until_its_picture_changes(address, thawed):
    camera = opened(address, "freezes")
    frames, said = frames_until_lost(camera)
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
    frames, said = frames_until_lost_open(camera)
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
    _, said = frames_until_lost_open(camera)
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


def test_a_pipeline_without_gstreamer_says_where_to_get_it():
    with pytest.raises(SourceError, match="built without GStreamer"):
        Camera("gst:videotestsrc ! appsink").open()


def test_a_ribbon_camera_without_its_library_says_what_to_install():
    with pytest.raises(SourceError, match="apt install python3-picamera2"):
        Camera("picamera2:0").open()


def test_a_server_that_never_answers_is_given_up(address):
    camera = Camera(f"http://admin:s3cret@{address}/mute", open_timeout_s=0.4)
    with pytest.raises(SourceError, match="does not answer") as refused:
        camera.open()
    assert "s3cret" not in str(refused.value)
    assert f"***@{address}" in str(refused.value)


def test_a_process_that_does_not_start_in_time_is_not_blamed_on_the_driver(address, monkeypatch):
    monkeypatch.setattr("edge_mm.sources.camera._START_S", 0.01)
    with pytest.raises(SourceLost, match=r"did not start within 0\.01 s"):
        Camera(f"http://{address}/runs").open()


@pytest.mark.parametrize("device", [63, "/dev/video63", "/dev/v4l/by-id/usb-no-such-camera"])
def test_a_camera_that_is_not_there_is_named(device):
    with pytest.raises(SourceError, match="there is no /dev/v"):
        Camera(device).open()


def test_a_file_that_is_no_camera_is_refused(tmp_path):
    path = tmp_path / "video0"
    path.write_bytes(b"not a device")
    with pytest.raises(SourceError, match="cannot be opened as a camera"):
        Camera(str(path)).open()


def test_neither_we_nor_the_libraries_print_a_password():
    code = (
        "from edge_mm.sources import Camera\nfrom edge_mm.errors import SourceError\n"
        "for url in ('rtsp://admin:s3cret@127.0.0.1:9/x', 'http://admin:s3cret@127.0.0.1:9/x', 'bogus://admin:s3cret@h/x'):\n"
        "    try: Camera(url, open_timeout_s=1).open()\n"
        "    except SourceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("does not answer") == 3
    assert "s3cret" not in done.stdout + done.stderr


def test_reading_a_closed_camera_is_a_lost_source():
    with pytest.raises(SourceLost, match="not open"):
        Camera(0).read()


@pytest.mark.parametrize(
    ("card", "node", "found"),
    [
        (0x1, None, True),  # video capture
        (0x1000, None, True),  # multi-planar
        (0x2, None, False),  # video output
        (0x84A00001, 0x04200001, True),  # a webcam's first node
        (0x84A00001, 0x04A00000, False),  # its second: metadata, although the card can capture
    ],
)
def test_a_node_is_a_camera_if_it_can_capture_itself(tmp_path, monkeypatch, card, node, found):
    (tmp_path / "video0").touch()

    def ioctl(handle, request, buffer):  # the kernel's struct v4l2_capability
        assert (request, len(buffer)) == (0x80685600, 104)
        answer = bytearray(104)
        answer[16:24] = b"HD Webca"
        answer[84:88] = card.to_bytes(4, "little")
        answer[88:92] = (node or 0).to_bytes(4, "little")
        return bytes(answer)

    monkeypatch.setattr("edge_mm.sources.discovery.fcntl.ioctl", ioctl)
    assert [device.label for device in cameras(tmp_path)] == (["HD Webca"] if found else [])


def test_looking_for_cameras_and_ports_never_fails(tmp_path):
    (tmp_path / "video0").write_bytes(b"not a device")
    assert cameras(tmp_path) == []
    for device in [*cameras(), *serial_ports()]:
        assert device.id.startswith("/dev/")
        assert device.label


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


def test_a_stream_that_no_tcp_port_is_asked_for_is_tried(monkeypatch):
    with pytest.raises(SourceError, match="as a video stream; check"):
        Camera("udp://127.0.0.1:9", open_timeout_s=0.5).open()
