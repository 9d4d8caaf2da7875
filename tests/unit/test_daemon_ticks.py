"""Ticks in a recording's own time."""

from edge_mm.daemon.ticks import LONGEST_GAP_NS, TICK_NS, RecordingTicks
from edge_mm.types import NS_PER_S


def times(ticks: RecordingTicks, t_ns: int) -> list[int]:
    return [tick.t_ns for tick in ticks.before(t_ns)]


def test_the_first_tick_is_at_the_first_event_and_the_others_four_times_a_second():
    ticks = RecordingTicks()
    assert times(ticks, 7 * NS_PER_S) == [7 * NS_PER_S]
    assert times(ticks, 8 * NS_PER_S) == [7 * NS_PER_S + k * TICK_NS for k in range(1, 5)]
    assert times(ticks, 7 * NS_PER_S) == []


def test_a_recording_whose_times_jump_by_years_is_passed_with_one_tick():
    ticks = RecordingTicks()
    assert times(ticks, 0) == [0]
    years_ns = 50 * 365 * 24 * 3600 * NS_PER_S
    assert times(ticks, years_ns) == [years_ns]
    assert len(times(ticks, years_ns + LONGEST_GAP_NS)) == LONGEST_GAP_NS // TICK_NS
