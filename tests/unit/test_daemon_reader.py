"""One source's thread: how long it pauses, and what it says of a device."""

import threading
from collections.abc import Iterator

import numpy as np

from edge_mm.daemon.inbox import Inbox
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.reader import Reader
from edge_mm.errors import SourceError, SourceLost
from edge_mm.types import Sample, Status, StreamSpec

BLOCK = Sample("mic", 0, np.zeros(1600, np.float32), 16_000.0)


class Pauses(threading.Event):
    """Notes the pauses instead of making them, and ends the thread after some."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        if len(self.seconds) == self._most:
            self.set()
        return self.is_set()


class Device:
    """A microphone that does in each of its lives what a script says: nothing, one block, or not even open."""

    name, live = "mic", True

    def __init__(self, script: str) -> None:
        self._lives: Iterator[str] = iter(script)
        self._life = ""

    def open(self) -> StreamSpec:
        self._life = next(self._lives)
        if self._life == "x":
            raise SourceError("mic: busy")
        return StreamSpec("mic", "audio", 16_000.0, "1")

    def read(self) -> Sample:
        if self._life == "b":
            self._life = ""
            return BLOCK
        raise SourceLost("mic: gone")

    def close(self) -> None:
        pass


def read(script: str) -> tuple[list[float | None], list[str]]:
    """The pauses that a device's lives lead to, and what is said of it."""
    inbox, pauses = Inbox(), Pauses(len(script))
    inbox.add("mic", video=False, waits=False)
    Reader(Device(script), inbox, Meters(), pauses, file=False).run()
    items = iter(lambda: inbox.get(0), None)
    return pauses.seconds, [item.state for item in items if isinstance(item, Status)]


def test_pauses_grow_to_half_a_minute_while_a_device_opens_and_gives_nothing():
    pauses, said = read("nxnnnnn")
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert said == ["starting", "lost"] * 7


def test_after_a_device_has_given_something_the_first_pause_is_short_again():
    pauses, said = read("xxbxx")
    assert pauses == [1, 2, 1, 2, 4]
    assert said.count("live") == 1
