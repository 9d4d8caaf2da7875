"""A network camera, played by a real HTTP server: motion JPEG, and whatever goes wrong with one."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Sequence

import cv2
import numpy as np


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *args):
        pass

    def do_GET(self):
        camera = self.server.camera
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        lives = camera.lives
        with contextlib.suppress(OSError):  # whoever watched has gone
            while camera.lives == lives:
                if camera.mood != "stalls":
                    jpeg = camera.jpeg()
                    head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    self.wfile.write(head + jpeg + b"\r\n")
                    self.wfile.flush()
                camera.tick.wait(1 / camera.fps)


def _gradient() -> np.ndarray:
    return np.repeat(np.add.outer(np.arange(120), np.arange(160))[:, :, None] % 200 + 20, 3, axis=2).astype(np.uint8)


class NetworkCamera:
    """Runs until ``stop``; ``mood`` is ``runs``, ``stalls``, ``freezes`` or ``dark``.

    Args:
        fps: frames per second.
        frames: what it shows, again and again, with noise; None: noise alone.
    """

    def __init__(self, *, fps: float = 15.0, frames: Sequence[np.ndarray] | None = None) -> None:
        self.fps, self.mood, self.lives, self.tick = fps, "runs", 0, threading.Event()
        self._frames = [_gradient()] if frames is None else list(frames)
        self._begin, self._random, self._still = time.monotonic(), np.random.default_rng(0), b""
        self._server: http.server.ThreadingHTTPServer | None = None
        self._port = 0
        self.plug_in()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/video"

    def plug_in(self) -> None:
        """Let it answer, at the same address as before."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), _Handler)
        self._server.daemon_threads, self._server.camera = True, self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def unplug(self) -> None:
        """Let it vanish: who watches is cut off, who asks is refused."""
        self.lives += 1
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    stop = unplug

    def jpeg(self) -> bytes:
        """What it shows now."""
        if self.mood != "freezes" or not self._still:
            frame = self._frames[int((time.monotonic() - self._begin) * self.fps) % len(self._frames)]
            if self.mood == "dark":
                frame = np.zeros_like(frame)
            noise = self._random.integers(0, 3, frame.shape, np.uint8)
            self._still = cv2.imencode(".jpg", cv2.add(frame, noise))[1].tobytes()
        return self._still
