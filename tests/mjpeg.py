"""A network camera in the process of the test: motion JPEG, and what goes wrong with one, by the path asked for."""

from __future__ import annotations

import contextlib
import http.server
import threading

import cv2
import numpy as np
import pytest

from edge_mm.errors import SourceLost


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


@contextlib.contextmanager
def served(thawed: threading.Event | None = None):
    """``host:port`` of such a camera; once frozen, it stays so until ``thawed``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.over, server.thawed, server.frozen = threading.Event(), thawed or threading.Event(), False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def until_lost(camera):
    """Read until it is lost; the frames, and what is said then."""
    frames = []
    with pytest.raises(SourceLost) as lost:
        for _ in range(100):
            frames.append(camera.read())
    return frames, str(lost.value)
