"""Streams that fall silent, as a time line in seconds."""

from edge_mm.daemon.freshness import STALE_S, Freshness
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
    fresh = Freshness({"lost", "off", "starting"})
    for state in ("lost", "off", "starting"):
        fresh.status(Status(0, state, state))
    assert fresh.overdue(100 * S) == []
    assert fresh.states == {"lost": "lost", "off": "off", "starting": "starting"}


def test_a_file_is_never_stale_however_long_a_gap_its_recording_has():
    fresh = Freshness({"cam"})
    fresh.status(Status(0, "drive", "live"))
    assert fresh.arrived("drive", S) is None
    assert fresh.overdue(100 * S) == []
    fresh.status(Status(101 * S, "drive", "off"))
    assert fresh.states == {"drive": "off"}
