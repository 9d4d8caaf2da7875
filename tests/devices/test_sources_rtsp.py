"""An RTSP camera, played by a real GStreamer server in a process of its own: it freezes, dies and comes back."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Camera

pytestmark = pytest.mark.devices
SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true pattern=snow ! video/x-raw,width=320,height=240,framerate=15/1 "
                   "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


class Server:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"rtsp://watcher:s3cret@127.0.0.1:{self.port}/cam"
        self.process = None

    def start(self):
        words = [SYSTEM_PYTHON, "-c", SERVER, str(self.port)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.stop()
            pytest.skip("no RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
        if self.process is not None:
            self.process.wait()


@pytest.fixture
def server():
    if not os.path.exists(SYSTEM_PYTHON) or sys.platform != "linux":  # noqa: PTH110
        pytest.skip("not here: no Debian Python to run GStreamer's server with")
    one = Server()
    one.start()
    yield one
    one.stop()


def until_lost(camera):
    with pytest.raises(SourceLost) as lost:
        for _ in range(300):
            camera.read()
    return str(lost.value)


def test_an_rtsp_camera_gives_frames_and_is_lost_when_its_server_freezes_or_dies_and_opens_again(server):
    camera = Camera(server.url, fps=15, read_timeout_s=1.0)
    assert camera.open().rate_hz == 15
    frames = [camera.read() for _ in range(20)]
    assert frames[0].data.shape == (240, 320, 3)
    assert [frame.t_ns for frame in frames] == sorted(frame.t_ns for frame in frames)
    os.kill(server.process.pid, signal.SIGSTOP)
    said = until_lost(camera)
    camera.close()
    assert "gave no frame for 1 s" in said
    assert "s3cret" not in said
    os.kill(server.process.pid, signal.SIGCONT)
    camera.open()
    camera.read()
    server.stop()
    until_lost(camera)
    camera.close()
    with pytest.raises(SourceError, match="does not answer"):
        camera.open()
    server.start()
    camera.open()
    camera.read()
    camera.close()
