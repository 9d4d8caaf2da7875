"""Between monitor and outbox: nothing is lost when the outbox refuses, nothing is stored twice."""

import pytest

from edge_mm.daemon import keeper as keeping
from edge_mm.daemon.keeper import RETRY_S, Keeper
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import OutboxError
from edge_mm.types import Alert, Reason


def alert(kind: str, incident: int, *, priority="high", state="raised") -> Alert:
    return Alert(
        t_ns=incident,
        kind=kind,
        key=kind,
        state=state,
        category="physiological",
        priority=priority,
        onset_ns=0,
        reason=Reason("code", {}, "a sentence"),
        value=2.0,
        limit=1.5,
        unit="s",
        incident=incident,
    )


@pytest.fixture
def full(tmp_path):
    """An outbox that has room for one transition more."""
    with Outbox(tmp_path / "o.sqlite", device="d", max_records=1) as outbox:
        yield outbox


def test_what_the_outbox_refuses_is_kept_in_order_and_stored_with_the_newest_snapshot(full):
    now = [0.0]
    state = [b"one"]
    keeper = Keeper(full, lambda: state[0], clock_s=lambda: now[0])
    assert keeper.keep([alert("a", 1)]) == [alert("a", 1)]
    state[0] = b"two"
    assert keeper.keep([alert("b", 2)]) == []
    assert (keeper.pending, full.snapshot()) == (1, b"one")
    full.acknowledged(1)
    state[0] = b"three"
    assert keeper.retry() == []  # not yet: one attempt per second
    now[0] = RETRY_S
    assert keeper.retry() == [alert("b", 2)]
    assert [(r.seq, r.alert.kind) for r in full.pending()] == [(2, "b")]
    assert (keeper.pending, keeper.failure, full.snapshot()) == (0, None, b"three")


def test_ending_with_unstored_transitions_is_a_failure_that_says_so(full):
    keeper = Keeper(full, lambda: b"s")
    keeper.keep([alert("a", 1)])
    keeper.keep([alert("b", 2)])
    with pytest.raises(OutboxError, match="1 transitions could not be stored"):
        keeper.finish()
    full.acknowledged(1)
    assert keeper.finish() == [alert("b", 2)]
    assert [r.seq for r in full.pending()] == [2]


def test_more_than_memory_should_hold_is_an_error_that_says_what_they_wait_for(full, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_PENDING", 2)
    keeper = Keeper(full, lambda: b"s")
    keeper.keep([alert("a", 1)])
    keeper.keep([alert("b", 2), alert("c", 3)])
    with pytest.raises(
        OutboxError, match=r"3 transitions wait for the outbox: outbox .*: 1 alerts wait for the broker"
    ):
        keeper.keep([alert("d", 4)])


def test_nothing_to_keep_touches_nothing(full):
    keeper = Keeper(full, lambda: b"s")
    assert keeper.keep([]) == []
    assert full.snapshot() is None
