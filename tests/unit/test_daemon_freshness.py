"""Streams that fall silent, as a time line in seconds."""

from edge_mm.daemon.freshness import OPENING_S, STALE_S, Freshness
from edge_mm.types import Status

S = 1_000_000_000


def test_a_live_stream_becomes_stale_once_and_live_again_when_it_gives():
    fresh = Freshness({"cam"})
    fresh.status(Status(0, "cam", "live"))
    assert fresh.overdue(int(STALE_S * S)) == []
    assert [(s.stream, s.state) for s in fresh.overdue(int(STALE_S * S) + 1)] == [("cam", "stale")]
    assert fresh.overdue(10 * S) == []
    back = fresh.arrived("cam", 11 * S)
    assert back is not None
    assert (back.state, back.t_ns) == ("live", 11 * S)
    assert fresh.arrived("cam", 12 * S) is None


def test_a_stream_that_is_lost_or_off_is_not_called_stale():
    fresh = Freshness({"lost", "off"})
    for state in ("lost", "off"):
        fresh.status(Status(0, state, "starting"))
        fresh.status(Status(0, state, state))
    assert fresh.overdue(100 * S) == []
    assert fresh.states == {"lost": "lost", "off": "off"}


def test_a_device_that_hangs_while_it_is_opened_becomes_stale_once():
    fresh = Freshness({"cam"})
    fresh.status(Status(0, "cam", "starting"))
    assert fresh.overdue(int(OPENING_S * S)) == []
    (stuck,) = fresh.overdue(int(OPENING_S * S) + 1)
    assert (stuck.state, stuck.detail) == ("stale", f"not open for {OPENING_S:g} s")
    assert fresh.overdue(1000 * S) == []
    fresh.status(Status(1001 * S, "cam", "live"))
    assert fresh.states == {"cam": "live"}


def test_one_that_is_lost_stays_so_however_long_each_new_attempt_takes():
    fresh = Freshness({"cam"})
    fresh.status(Status(0, "cam", "live"))
    for i in range(5):
        fresh.status(Status((30 * i + 1) * S, "cam", "lost"))
        fresh.status(Status((30 * i + 2) * S, "cam", "starting"))
        assert fresh.overdue((30 * i + 29) * S) == []
        assert fresh.states == {"cam": "lost"}
    fresh.status(Status(200 * S, "cam", "live"))
    assert fresh.states == {"cam": "live"}


def test_a_stream_of_which_something_waits_to_be_looked_at_is_not_stale():
    fresh = Freshness({"cam", "mic"})
    fresh.status(Status(0, "cam", "live"))
    fresh.status(Status(0, "mic", "live"))
    assert [status.stream for status in fresh.overdue(10 * S, queued={"mic"})] == ["cam"]


def test_a_file_is_never_stale_however_long_a_gap_its_recording_has():
    fresh = Freshness({"cam"})
    fresh.status(Status(0, "drive", "live"))
    assert fresh.arrived("drive", S) is None
    assert fresh.overdue(100 * S) == []
    fresh.status(Status(101 * S, "drive", "off"))
    assert fresh.states == {"drive": "off"}
