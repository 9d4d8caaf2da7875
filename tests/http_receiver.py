"""An HTTP server that a webhook posts to; it can be away for a time and come back at the same port."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpReceiver:
    """Keeps what was posted; starts at once, at a free port."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Be there (again)."""
        there = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with there._changed:
                    there.got.append(body)
                    there._changed.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def until(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait for so many different events."""
        with self._changed:
            assert self._changed.wait_for(lambda: len({one["id"] for one in self.got}) >= count, timeout_s), self.got

    def once(self) -> list[dict[str, Any]]:
        """Events without doubles, as a receiver is to treat them."""
        return list({one["id"]: one for one in self.got}.values())

    def __enter__(self) -> HttpReceiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
