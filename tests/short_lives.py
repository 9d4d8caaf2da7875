"""Lives and connections that end before a confirmation settles: a process that kills itself, a link that is cut."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from delivery_samples import ENVIRONMENT

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.settings import MqttSettings


def one_life(path: Path, port: int) -> None:
    """Deliver in a process of its own that is killed as soon as some alerts are confirmed, long before they settle."""
    subprocess.run([sys.executable, __file__, str(path), str(port)], env=ENVIRONMENT, timeout=60, check=False)


class CutLink:
    """A way to a port that is cut, both ways, after so many bytes to it; again and again. A context manager."""

    def __init__(self, port: int, *, after_bytes: int) -> None:
        self._to, self._after_bytes = port, after_bytes
        self.cuts = 0

    def __enter__(self) -> CutLink:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self._to)) as far:
                back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
                back.start()
                left = self._after_bytes
                with contextlib.suppress(OSError):
                    while left > 0 and (read := near.recv(min(left, 4096))):
                        far.sendall(read)
                        left -= len(read)
                for one in (far, near):
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                back.join()
                self.cuts += left <= 0

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while read := source.recv(4096):
                sink.sendall(read)


if __name__ == "__main__":
    with Outbox(sys.argv[1], device="car-7") as opened:
        before = len(opened.settling())
        delivery = MqttSink(MqttSettings(port=int(sys.argv[2]), settle_s=60.0), opened, backoff_s=(0.05, 0.2))
        delivery.start()
        while len(opened.settling()) == before:
            delivery.wait_drained(timeout_s=0.005)
        os.kill(os.getpid(), signal.SIGKILL)
