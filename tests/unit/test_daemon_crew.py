"""Threads that fail: replaced, counted, and after too many failures the end of the run."""

import threading

import pytest

from edge_mm.daemon.crew import BUDGET, WITHIN_S, Crew
from edge_mm.daemon.inbox import Inbox
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.plan import Planned
from edge_mm.daemon.reader import Reader
from edge_mm.errors import WorkerError
from edge_mm.types import Sample, StreamSpec


class Failing:
    """Ends its thread at each opening, as a fault of ours would."""

    name, live = "cam", True

    def __init__(self, times: int = 10_000) -> None:
        self.left = times

    def open(self) -> StreamSpec:
        self.left -= 1
        if self.left >= 0:
            raise SystemExit("a fault")
        return StreamSpec("cam", "video", 10.0, "bgr8")

    def read(self) -> Sample | None:
        return None

    def close(self) -> None:
        pass


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def crew_of(source: Failing, clock: Clock) -> tuple[Crew, Inbox]:
    inbox, halt, meters = Inbox(), threading.Event(), Meters()
    inbox.add("cam", video=True, waits=False)
    crew = Crew(
        [Planned(source, {"cam": "video"}, file=False, waits=False)],
        lambda one: Reader(one.source, inbox, meters, halt, file=False),
        clock_s=clock,
    )
    crew.start()
    crew.join(10)
    return crew, inbox


def after(crew: Crew, clock: Clock, seconds: float) -> list[str]:
    clock.now_s += seconds
    said = [f"{status.stream} {status.state}: {status.detail}" for status in crew.look_after()]
    crew.join(10)
    return said


def test_a_thread_that_failed_is_replaced_after_a_second_and_counted_and_the_stream_has_not_ended():
    clock = Clock()
    crew, inbox = crew_of(Failing(times=1), clock)
    assert after(crew, clock, 0) == ["cam lost: its thread failed with SystemExit: a fault"]
    assert after(crew, clock, 0.9) == []
    assert crew.restarts == {}
    assert not inbox.ended
    assert after(crew, clock, 0.2) == []
    assert crew.restarts == {"cam": 1}
    assert crew.readers["cam"].failure is None


def test_a_thread_that_fails_again_and_again_ends_the_run_after_its_budget():
    clock = Clock()
    crew, _ = crew_of(Failing(), clock)
    with pytest.raises(WorkerError, match="cam: its thread failed with SystemExit: a fault; that was the 6th time"):
        for _ in range(1000):
            after(crew, clock, 0.5)
    assert crew.restarts == {"cam": BUDGET}
    assert clock.now_s < WITHIN_S / 2


def test_a_failure_now_and_then_is_no_reason_to_end():
    clock = Clock()
    crew, _ = crew_of(Failing(), clock)
    for _ in range(50):
        after(crew, clock, WITHIN_S / 4)
    assert crew.restarts["cam"] >= 20
