"""A disk that stays full: the reserve first, then memory, then what matters least is counted; told when it is back."""

from collections import Counter

import pytest
from delivery_samples import alert, fill, small_disk
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.daemon.gap import Gap
from edge_mm.daemon.keeper import RETRY_S, Keeper
from edge_mm.delivery import reserve
from edge_mm.delivery.clock import now
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.record import OWN_INCIDENTS
from edge_mm.errors import OutboxError

RESERVE_BYTES = 256 * 1024
PRIORITIES = ("low", "medium", "high")


waiting = st.lists(st.tuples(st.sampled_from(PRIORITIES), st.sampled_from("abcd")), max_size=40)


@given(waiting=waiting, most=st.integers(0, 40))
def test_low_goes_before_medium_and_neither_high_nor_the_newest_of_an_alarm(waiting, most):
    alerts = [alert(t, kind=kind, priority=priority, incident=t) for t, (priority, kind) in enumerate(waiting, 1)]
    gap = Gap()
    kept = gap.cut(alerts, most)
    gone = [one for one in alerts if one not in kept]
    newest = {one.key: one for one in alerts}
    assert [one for one in alerts if one in kept] == kept, "order"
    assert not any(one.priority == "high" or newest[one.key] == one for one in gone)
    may_go = [one for one in alerts if one.priority != "high" and newest[one.key] != one]
    assert len(gone) == min(len(may_go), max(0, len(alerts) - most))
    if any(one.priority == "medium" for one in gone):
        assert not any(one.priority == "low" for one in may_go if one in kept)
    assert gap.count == len(gone)
    if gone:
        told, counts = gap.alert(), Counter(one.priority for one in gone)
        assert (told.kind, told.state, told.value) == ("outbox.gap", "cleared", len(gone))
        assert (told.onset_ns, told.t_ns) == (gone[0].t_ns, gone[-1].t_ns)
        assert (told.reason.params["low"], told.reason.params["medium"]) == (counts["low"], counts["medium"])
        assert (told.reason.params["first_s"], told.reason.params["last_s"]) == (
            gone[0].t_ns / 1e9,
            gone[-1].t_ns / 1e9,
        )


def test_what_is_missing_is_counted_over_several_cuts():
    gap = Gap()
    for first in (1, 11):
        gap.cut([alert(t, kind="a", priority="low", incident=t) for t in range(first, first + 5)], 2)
    assert gap.words == "6 of low priority"
    assert (gap.alert().onset_ns, gap.alert().t_ns) == (1_000_000_000, 13_000_000_000)


def test_the_whole_way_from_a_full_disk_to_one_that_has_room_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(reserve, "_LOOK_S", 0.0)
    now_s, most = [0.0], 20
    with small_disk(tmp_path) as disk, Outbox(disk / "o.sqlite", device="d", reserve_bytes=RESERVE_BYTES) as outbox:
        keeper = Keeper(outbox, lambda: b"s", clock_s=lambda: now_s[0], most=most)
        kept_aside = disk / "o.sqlite-reserve"
        assert kept_aside.stat().st_size == RESERVE_BYTES
        fill(disk)
        count, given_back = 0, set()
        while keeper.failure is None:  # the reserve is used
            count += 1
            keeper.keep([alert(count, kind="high", incident=count)])
            given_back.add(kept_aside.stat().st_size)
        assert len(given_back) >= 3, "given back in pieces"
        assert min(given_back) == RESERVE_BYTES // 4, "the last quarter is for deleting"
        assert outbox.last_seq == count - 1 > 10
        in_vain = count
        for number in range(count + 1, count + 101):  # then memory; then low and medium are counted
            priority = PRIORITIES[number % 3]
            keeper.keep([alert(number, kind=priority, incident=number, priority=priority)])
        highs = [n for n in range(count + 1, count + 101) if n % 3 == 2]
        assert keeper.pending == 1 + len(highs) + 2 > most
        (disk / "filler").unlink()
        now_s[0] = RETRY_S
        stored = keeper.retry()
        assert (keeper.pending, keeper.missing, keeper.failure) == (0, 0, None)
        records = outbox.pending(5000, after=in_vain - 1)
        assert [(one.alert.t_ns, one.alert.key) for one in records] == [(one.t_ns, one.key) for one in stored]
        *others, gap = records
        assert [one.alert.incident for one in others if one.alert.priority == "high"] == [in_vain, *highs]
        assert Counter(one.alert.priority for one in others)["low"] == 1
        event = alert_event(gap, source="edge_mm/d", anchor=now(), now=now())
        assert (event.type, event.data.alert_id, event.data.state) == (
            "edge_mm.alert.cleared",
            "outbox.gap",
            "inactive",
        )
        assert event.data.value == event.data.reason.params["low"] + event.data.reason.params["medium"] > 50
        assert "let go of while the outbox could not be written: " in caplog.text
        assert outbox.incident_of(gap.incident_id) == OWN_INCIDENTS + gap.seq
        assert gap.incident_id not in {one.incident_id for one in others}
        assert kept_aside.stat().st_size == RESERVE_BYTES, "made anew"


def test_deleting_may_use_the_last_of_the_reserve(tmp_path):
    with small_disk(tmp_path) as disk, Outbox(disk / "o.sqlite", device="d", reserve_bytes=RESERVE_BYTES) as outbox:
        fill(disk)
        with pytest.raises(OutboxError, match="no space left"):
            for n in range(1, 5000):
                outbox.commit([alert(n, incident=n)])
        fill(disk, "more")
        seqs = [record.seq for record in outbox.pending(5000)]
        outbox.acknowledged(*seqs)
        assert outbox.depth == 0
        assert outbox.commit([alert(1, incident=9999)])[0].seq == seqs[-1] + 1, "and that makes room"
