"""Network cameras, played by real HTTP servers in this process; and cameras that are not there."""

import subprocess
import sys

import pytest
from mjpeg import served, until_lost

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Camera, cameras, serial_ports
from edge_mm.sources.grabber import CameraSettings, open_grabber

pytestmark = pytest.mark.devices


@pytest.fixture
def address():
    with served() as where:
        yield where


def test_frames_of_a_network_camera_come_stamped_until_its_stream_ends(address):
    camera = Camera(f"http://{address}/ends", fps=15)
    spec = camera.open()
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("vision", "video", 15, "bgr8")
    frames, said = until_lost(camera)
    assert len(frames) >= 8
    assert frames[0].data.shape == (48, 64, 3)
    assert [frame.t_ns for frame in frames] == sorted(frame.t_ns for frame in frames)
    assert "stopped giving frames" in said


def test_a_stream_that_stalls_is_lost_after_the_read_time_out(address):
    camera = Camera(f"http://{address}/stalls", read_timeout_s=0.4)
    camera.open()
    frames, _ = until_lost(camera)
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


def test_a_stream_that_no_tcp_port_is_asked_for_is_tried(monkeypatch):
    with pytest.raises(SourceError, match="as a video stream; check"):
        Camera("udp://127.0.0.1:9", open_timeout_s=0.5).open()
