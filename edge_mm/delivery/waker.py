"""A pipe that ends the delivery thread's wait for the network.

In: ``wake`` from any thread. Out: a file descriptor that becomes readable. Not here: waiting.
"""

from __future__ import annotations

import contextlib
import os
import threading


class Waker:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def wake(self) -> None:
        """End the wait."""
        with self._lock:
            if self._write >= 0:
                with contextlib.suppress(BlockingIOError):  # full: it is awake already
                    os.write(self._write, b"!")

    def heard(self) -> None:
        """The wait has ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)

    def close(self) -> None:
        """Nobody waits any more; safe to call twice."""
        with self._lock:
            if self._write >= 0:
                os.close(self._write)
                os.close(self.fd)
                self._write = self.fd = -1
