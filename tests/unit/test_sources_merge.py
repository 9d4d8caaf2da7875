"""Merging and pacing: one order, one look-ahead, nothing lost; tested with files and plain sources of our own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import CsvSignal, Paced, merge
from edge_mm.types import NS_PER_S, Sample, Status, StreamSpec


class Listed:
    """A third party's source: gives what it was made with, then ends or is lost."""

    live = False

    def __init__(self, name, times_ns, *, lost="", refused="", frames=False):
        self.name = name
        self.ahead = 0
        self.closed = 0
        self._times_ns = times_ns
        self._lost = lost
        self._refused = refused
        self._data = np.zeros((2, 2, 3), np.uint8) if frames else np.zeros(10, np.float32)

    def open(self):
        if self._refused:
            raise SourceError(self._refused)
        self._left = list(self._times_ns)
        return StreamSpec(name=self.name, kind="ecg", rate_hz=100, unit="mV")

    def read(self):
        if not self._left:
            if self._lost:
                raise SourceLost(self._lost)
            return None
        self.ahead += 1
        return Sample(stream=self.name, t_ns=self._left.pop(0), data=self._data, rate_hz=100)

    def close(self):
        self.closed += 1


def told(events):
    return [(event.t_ns, event.stream, event.state if isinstance(event, Status) else "sample") for event in events]


def test_samples_come_by_time_then_name_between_their_streams_live_and_off():
    events = merge([Listed("b", [0, 100_000_000]), Listed("a", [0, 50_000_000])])
    assert told(events) == [
        (0, "a", "live"),
        (0, "a", "sample"),
        (0, "b", "live"),
        (0, "b", "sample"),
        (50_000_000, "a", "sample"),
        (100_000_000, "b", "sample"),
        (150_000_000, "a", "off"),
        (200_000_000, "b", "off"),
    ]


def test_a_stream_that_is_lost_says_why_and_the_others_go_on():
    events = list(merge([Listed("a", [0], lost="the cable is out"), Listed("b", [0, 300_000_000])]))
    assert (100_000_000, "a", "lost") in told(events)
    assert [event.detail for event in events if isinstance(event, Status) and event.state == "lost"] == [
        "the cable is out"
    ]
    assert told(events)[-1] == (400_000_000, "b", "off")


def test_a_source_that_cannot_be_opened_stops_everything_before_the_first_event():
    good, bad = Listed("a", [0]), Listed("b", [0], refused="no such device")
    with pytest.raises(SourceError, match="no such device"):
        next(merge([good, bad]))
    assert (good.ahead, good.closed, bad.closed) == (0, 1, 1)


def test_sources_are_closed_when_the_reader_stops_early():
    source = Listed("a", range(0, 10**12, 10**8))
    events = merge([source])
    next(events)
    events.close()
    assert source.closed == 1
    assert source.ahead == 1


def test_a_source_of_frames_ends_one_frame_interval_after_its_last():
    events = list(merge([Listed("v", [0, 10_000_000], frames=True)]))
    assert told(events)[-1] == (20_000_000, "v", "off")


def test_opened_sources_are_not_opened_again():
    source = Listed("a", [5, 6])
    source.open()
    assert source.read().t_ns == 5
    assert told(merge([source], opened=True))[1] == (6, "a", "sample")


@given(streams=st.lists(st.lists(st.integers(0, 10**10), max_size=30), min_size=1, max_size=5))
def test_any_streams_come_out_complete_in_order_with_one_look_ahead(streams):
    sources = [Listed(f"s{index}", sorted(times)) for index, times in enumerate(streams)]
    seen, given_out = [], 0
    for event in merge(sources):
        seen.append(event)
        given_out += isinstance(event, Sample)
        assert sum(source.ahead for source in sources) <= given_out + len(sources)
    samples = [(event.t_ns, event.stream) for event in seen if isinstance(event, Sample)]
    assert samples == sorted((t, f"s{index}") for index, times in enumerate(streams) for t in times)
    assert sum(isinstance(event, Status) and event.state == "off" for event in seen) == len(streams)


class Hand:
    """A clock that moves only when it is waited on, as ``threading.Event`` and the monotonic clock do together."""

    def __init__(self, *, stop_at_ns=None):
        self.now_ns = 1_000 * NS_PER_S
        self.stop_at_ns = stop_at_ns

    def clock(self):
        return self.now_ns

    def wait(self, timeout=None):
        self.now_ns += round((timeout or 0) * NS_PER_S)
        return self.stop_at_ns is not None and self.now_ns >= self.stop_at_ns


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_block_comes_when_its_last_element_would_have_been_captured(tmp_path, speed):
    path = tmp_path / "ecg.csv"
    path.write_text("ecg\n" + "1\n" * 500)
    hand = Hand()
    source = Paced(CsvSignal(path, kind="ecg", rate_hz=250), stop=hand, clock=hand.clock, speed=speed)
    began = hand.now_ns
    assert (source.open().rate_hz, source.name, source.live) == (250, "ecg", False)
    arrived = []
    while (sample := source.read()) is not None:
        arrived.append((hand.now_ns - began, sample.t_ns))
    assert [at for at, _ in arrived] == pytest.approx([(k + 1) * 0.2e9 / speed for k in range(10)], abs=10)
    assert [t_ns for _, t_ns in arrived] == [k * 200_000_000 for k in range(10)]


def test_a_frame_comes_at_its_time_and_a_common_origin_keeps_streams_together():
    hand = Hand()
    began = hand.now_ns
    late = Paced(
        Listed("v", [5 * NS_PER_S, 6 * NS_PER_S], frames=True), stop=hand, clock=hand.clock, origin_ns=3 * NS_PER_S
    )
    late.open()
    late.read()
    assert hand.now_ns - began == 2 * NS_PER_S
    late.read()
    assert hand.now_ns - began == 3 * NS_PER_S


def test_a_file_that_is_opened_again_is_paced_from_its_first_sample_again():
    hand = Hand()
    source = Paced(Listed("v", [7 * NS_PER_S, 8 * NS_PER_S], frames=True), stop=hand, clock=hand.clock)
    for _ in range(2):
        hand.now_ns += 60 * NS_PER_S
        began = hand.now_ns
        source.open()
        source.read()
        assert hand.now_ns == began
        source.read()
        assert hand.now_ns - began == NS_PER_S
        source.close()


def test_a_reader_that_is_late_is_not_made_later():
    hand = Hand()
    source = Paced(Listed("v", [0, 10**9, 2 * 10**9], frames=True), stop=hand, clock=hand.clock)
    source.open()
    source.read()
    hand.now_ns += 5 * 10**9
    before = hand.now_ns
    assert source.read().t_ns == 10**9
    assert source.read().t_ns == 2 * 10**9
    assert hand.now_ns == before


def test_stop_ends_a_wait_like_the_end_of_the_file():
    hand = Hand(stop_at_ns=1_000 * NS_PER_S + 1)
    source = Paced(Listed("v", [0, 10**12], frames=True), stop=hand, clock=hand.clock)
    source.open()
    assert source.read() is not None
    assert source.read() is None
    source.close()


def test_a_speed_of_nothing_is_refused():
    with pytest.raises(ValueError, match="speed must be positive"):
        Paced(Listed("v", []), stop=Hand(), speed=0)
