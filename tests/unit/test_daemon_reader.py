"""One source's thread: how long it pauses, and what it says of a device."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

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


def test_pauses_grow_to_two_seconds_while_a_device_opens_and_gives_nothing():
    pauses, said = read("nxnnnnn")
    assert pauses == pytest.approx([0.5, 1, 2, 2, 2, 2, 2], abs=0.05)
    assert said == ["starting", "lost"] * 7


def test_after_a_device_has_given_something_the_first_pause_is_short_again():
    pauses, said = read("xxbxx")
    assert pauses == pytest.approx([0.5, 1, 0.5, 1, 2], abs=0.05)
    assert said.count("live") == 1


class Stamped(Device):
    """Its blocks have these times and rates, then it is gone."""

    def __init__(self, script: str, *blocks: tuple[int, float]) -> None:
        super().__init__(script)
        self._blocks = list(blocks)

    def read(self) -> Sample:
        if not self._blocks:
            raise SourceLost("mic: gone")
        t_ns, rate_hz = self._blocks.pop(0)
        return replace(BLOCK, t_ns=t_ns, rate_hz=rate_hz)


def read_at_zero(device: Device) -> list[Sample | Status]:
    """What comes of it while its clock stands at zero and it is opened twice."""
    inbox = Inbox()
    inbox.add("mic", video=False, waits=False)
    Reader(device, inbox, Meters(), Pauses(2), file=False, clock_ns=lambda: 0).run()
    return [item for item in iter(lambda: inbox.get(0), None) if isinstance(item, Sample | Status)]


def test_what_a_device_stamps_ahead_of_the_present_is_no_sample_and_it_is_opened_anew():
    hour_ns, second_ns = 3600 * 10**9, 10**9
    items = read_at_zero(Stamped("bb", (hour_ns, 16_000.0), (second_ns, 16_000.0)))
    assert [item.t_ns for item in items if isinstance(item, Sample)] == [second_ns]
    lost, _ = (item.detail for item in items if isinstance(item, Status) and item.state == "lost")
    assert lost == "a sample of mic is stamped 3600 s ahead of the present"


@pytest.mark.parametrize("rate_hz", [0.0, float("nan"), 1e-300])
def test_a_rate_that_is_none_reaches_the_monitor_which_refuses_it_with_a_sentence(rate_hz, caplog):
    items = read_at_zero(Stamped("bb", (0, rate_hz)))
    assert len([item for item in items if isinstance(item, Sample)]) == 1
    assert "Traceback" not in caplog.text


class Board:
    """A board with an ECG and a pulse, of which one begins later, and which says how it does."""

    name, live = "ecg", True
    streams = ("ecg", "pulse")
    specs = (StreamSpec("ecg", "ecg", 250.0, "mV"), StreamSpec("pulse", "ppg", 100.0, "a.u."))
    counters = MappingProxyType({})
    retry_s = 8.0

    def __init__(self, *script: tuple[str, str]) -> None:
        self._script = iter(script)
        self.trouble = ""

    def open(self) -> StreamSpec:
        return self.specs[0]

    def read(self) -> Sample:
        stream, self.trouble = next(self._script, ("gone", ""))
        if stream == "gone":
            raise SourceLost("board: gone")
        return Sample(stream, 0, np.zeros(25, np.float32), 250.0 if stream == "ecg" else 100.0)

    def close(self) -> None:
        pass


def said_of(board: Board, lives: int = 1) -> tuple[list[tuple[str, str]], Pauses]:
    inbox, pauses = Inbox(), Pauses(lives)
    for stream in board.streams:
        inbox.add(stream, video=False, waits=False)
    Reader(board, inbox, Meters(), pauses, file=False).run()
    assert inbox.ended is False  # what it said waits
    items = list(iter(lambda: inbox.get(0), None))
    assert inbox.ended
    return sorted((item.stream, item.state) for item in items if isinstance(item, Status)), pauses


def test_each_stream_of_a_board_is_live_with_its_own_first_sample_and_all_are_lost_with_the_board():
    said, _ = said_of(Board(("ecg", ""), ("ecg", "")))
    assert said == [("ecg", "live"), ("ecg", "lost"), ("ecg", "starting"), ("pulse", "lost"), ("pulse", "starting")]


def test_a_device_that_works_badly_is_degraded_until_it_says_no_more_of_it():
    said, _ = said_of(Board(("ecg", ""), ("ecg", "12 % is lost"), ("ecg", "9.5 % is lost"), ("ecg", "")))
    assert [state for stream, state in said if stream == "ecg"] == ["degraded", "live", "live", "lost", "starting"]


def test_another_trouble_is_told_too():
    said, _ = said_of(Board(("ecg", ""), ("ecg", "12 % is lost"), ("ecg", "no contact")))
    assert [state for stream, state in said if stream == "ecg"].count("degraded") == 2


def test_a_device_that_says_how_soon_to_try_again_is_tried_so():
    _, pauses = said_of(Board(), lives=7)
    assert pauses.seconds == pytest.approx([0.5, 1, 2, 4, 8, 8, 8], abs=0.05)
