"""A sensor on a serial port, played by the far end of a pseudo terminal."""

from __future__ import annotations

import os
import threading
import tty
from contextlib import contextmanager, suppress


class Sensor:
    """The far end: what it writes arrives at ``path``."""

    def __init__(self):
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)
        self._plugged = True

    def says(self, text):
        os.write(self._far, text if isinstance(text, bytes) else text.encode())

    def unplug(self):
        plugged, self._plugged = self._plugged, False
        if plugged:
            os.close(self._near)
            os.close(self._far)

    @contextmanager
    def repeating(self, text):
        """Say it again and again until the block ends."""
        stop = threading.Event()

        def talk():
            while not stop.wait(0.02) and self._plugged:
                with suppress(OSError):  # pulled out in the middle of a word
                    self.says(text)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def values(port, count):
    got = []
    while len(got) < count:
        got += port.read().data.tolist()
    return got


def given(board, counts):
    """Values of each stream, until each has given so many."""
    got = {name: [] for name in board.streams}
    while any(len(got[name]) < count for name, count in counts.items()):
        sample = board.read()
        got[sample.stream] += sample.data.tolist()
    return got
