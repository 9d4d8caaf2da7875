"""What the outbox accepted survives everything; what it refused left no trace."""

import random
import signal
import sqlite3
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from delivery_samples import ENVIRONMENT, alert, small_disk
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import OutboxError

BOOT = Anchor(wall_ns=1_790_000_000_000_000_000, mono_ns=0, boot_id="boot-1", synced=True)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 4)),
        st.tuples(st.just("confirm"), st.integers(0, 5)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=25,
)


@given(steps=steps)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_commits_confirmations_and_restarts_numbers_without_a_gap(steps, tmp_path_factory):
    path = tmp_path_factory.mktemp("outbox") / "o.sqlite"
    outbox = Outbox(path, device="car-7")
    waiting, last = [], 0
    for what, number in steps:
        if what == "commit":
            records = outbox.commit([alert(incident=last + 1)] * number, f"after {last + number}".encode())
            assert [record.seq for record in records] == list(range(last + 1, last + number + 1))
            last += number
            waiting += [record.seq for record in records]
            assert outbox.snapshot() == f"after {last}".encode()
        elif what == "confirm":
            outbox.acknowledged(*waiting[:number])
            waiting = waiting[number:]
        else:
            outbox.close()
            outbox = Outbox(path, device="car-7")
        assert [record.seq for record in outbox.pending(1000)] == waiting
        assert outbox.depth == len(waiting)
        assert outbox.last_seq == last
    outbox.close()


WRITER = """
import random, sys
from delivery_samples import alert
from edge_mm.delivery.outbox import Outbox
outbox = Outbox(sys.argv[1], device="car-7")
n = outbox.last_seq
while True:
    count = random.randint(1, 3)
    outbox.commit([alert(incident=n + i) for i in range(count)], str(n + count).encode() * 300)
    n += count
    print(n, flush=True)
    waiting = outbox.pending(50)
    if len(waiting) > 20:
        outbox.acknowledged(*(record.seq for record in waiting[:10]))
"""


def test_killed_at_any_moment_it_holds_all_that_was_accepted_and_the_snapshot_of_the_last(tmp_path):
    path = tmp_path / "o.sqlite"
    chance = random.Random(5)
    reached = 0
    for _ in range(15):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as writer:
            accepted = int(writer.stdout.readline())  # it runs
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(chance.uniform(0.0, 0.15))
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")  # the last line may be torn
            accepted = max([accepted, *(int(line) for line in rest[:-1] if line)])
        with Outbox(path, device="car-7") as outbox:
            last = outbox.last_seq
            assert accepted <= last <= accepted + 3
            assert outbox.snapshot() == str(last).encode() * 300
            waiting = [record.seq for record in outbox.pending(100_000)]
            assert waiting == list(range(last - len(waiting) + 1, last + 1))
            assert [record.seq for record in outbox.states()] == [last]
        reached = max(reached, last)
    assert reached > 15


FULL = """
import resource, signal, sys
from delivery_samples import alert
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import OutboxError
outbox = Outbox(sys.argv[1], device="car-7")
_soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
n = 0
try:
    while n < 10_000:
        n = outbox.commit([alert()] * 3, str(n + 3).encode())[-1].seq
except OutboxError as error:
    print(error)
assert outbox.snapshot() == str(n).encode() and outbox.last_seq == n == outbox.depth, "the refused commit left a trace"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert [record.seq for record in outbox.commit([alert()] * 2, b"later")] == [n + 1, n + 2]
outbox.close()
with Outbox(sys.argv[1], device="car-7") as again:
    assert [record.seq for record in again.pending(20_000)] == list(range(1, n + 3)) and again.snapshot() == b"later"
print("whole")
"""


def test_when_no_byte_can_be_written_a_commit_fails_in_one_sentence_and_the_next_one_goes_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "o.sqlite")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sentence, whole = done.stdout.splitlines()
    assert str(tmp_path / "o.sqlite") in sentence
    assert "check the disk" in sentence or "free some space" in sentence
    assert whole == "whole"


def test_on_a_full_disk_nothing_accepted_is_lost_and_freeing_space_is_enough(tmp_path):
    with small_disk(tmp_path) as disk, Outbox(disk / "o.sqlite", device="car-7") as outbox:
        filler = disk / "filler"
        outbox.commit([alert()], b"1")
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        last = 1
        with pytest.raises(OutboxError, match=r"outbox .*o\.sqlite: no space left on its file system; free some space"):
            for n in range(2, 2000):
                last = outbox.commit([alert()], str(n).encode())[-1].seq
        assert outbox.snapshot() == str(last).encode()
        assert [record.seq for record in outbox.pending(5000)] == list(range(1, last + 1))
        filler.unlink()
        assert outbox.commit([alert()], b"later")[0].seq == last + 1


def test_what_a_policy_may_write_into_an_alert_comes_back(tmp_path):
    odd = alert(
        value=float("nan"),
        limit=np.float64(1.5),
        quality={"vision": np.float32(0.5), "audio": None},
        contribution={"vision": float("inf")},
    )
    bundle = BundleRef("driver", "1.0.0", "ab" * 32)
    with Outbox(tmp_path / "o.sqlite", device="car-7", bundle=bundle) as outbox:
        outbox.commit([odd])
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        (record,) = outbox.pending()
    assert np.isnan(record.alert.value)
    assert (record.alert.limit, record.alert.quality) == (1.5, {"vision": 0.5, "audio": None})
    assert record.alert.contribution == {"vision": float("inf")}
    assert record.alert.reason == odd.reason
    assert record.bundle == bundle


def test_the_present_state_of_each_alarm_outlives_delivery_and_restart(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        outbox.commit([alert(1), alert(2, kind="driver.yawning", incident=2), alert(3, "cleared")], b"s")
        outbox.acknowledged(1, 2, 3)
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        states = [(record.seq, record.alert.key, record.alert.state) for record in outbox.states()]
        assert states == [(2, "driver.yawning", "raised"), (3, "driver.eyes_closed", "cleared")]
        assert [record.seq for record in outbox.states(after=2)] == [3]
        assert outbox.depth == 0


def test_ids_are_unique_sort_by_number_and_tie_raised_to_cleared(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        records = outbox.commit([alert(1), alert(2, "cleared"), alert(3, incident=2)])
        records += outbox.commit([alert(n, incident=2) for n in range(100)])
    ids = [record.id for record in records]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == ids
    assert {len(each) for each in ids} == {26}
    assert records[0].incident_id == records[1].incident_id != records[2].incident_id
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        (later,) = outbox.commit([alert(4, "cleared", incident=2)])
    assert later.incident_id == records[2].incident_id


def test_an_incident_is_found_by_its_id_in_the_outbox_that_gave_it_and_in_no_other(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        assert outbox.incident_of("0" * 26) is None  # nothing has happened yet
        known = {
            record.incident_id: record.alert.incident
            for record in outbox.commit([alert(n, incident=n) for n in (1, 700)])
        }
    with Outbox(tmp_path / "o.sqlite", device="car-7") as again, Outbox(tmp_path / "p.sqlite", device="car-8") as other:
        theirs = other.commit([alert(incident=1)])[0].incident_id
        assert {one: again.incident_of(one) for one in known} == known
        first = next(iter(known))
        for wrong in (theirs, "", first[:-1], first.lower(), first + " ", first[::-1], "é" * 26, "0" * 26, "Z" * 26):
            assert again.incident_of(wrong) is None


def test_a_snapshot_can_be_stored_alone_and_is_kept_when_none_is_given(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        assert outbox.snapshot() is None
        assert outbox.commit([], b"quiet") == []
        outbox.commit([alert()])
        assert outbox.snapshot() == b"quiet"


def test_each_boot_keeps_its_newest_anchor_while_a_record_needs_it(tmp_path):
    unset = Anchor(wall_ns=0, mono_ns=5_000, boot_id="boot-1", synced=False)
    later = Anchor(wall_ns=BOOT.wall_ns + 9_000, mono_ns=9_000, boot_id="boot-1", synced=True)
    second = Anchor(wall_ns=BOOT.wall_ns + 10**12, mono_ns=10, boot_id="boot-2", synced=True)
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        outbox.commit([alert()], anchor=unset)
        assert outbox.anchor_of("boot-1") == unset
        outbox.anchor(later)
        outbox.anchor(unset)
        assert outbox.anchor_of("boot-1") == later
        outbox.commit([alert(2, "cleared")], anchor=second)
        assert outbox.anchor_of("boot-1") == later
        outbox.acknowledged(1)
        outbox.anchor(second)
        assert outbox.anchor_of("boot-1") is None
        assert outbox.anchor_of("boot-2") == second


def test_what_is_accepted_is_flushed_to_the_disk_and_what_is_confirmed_need_not_be(tmp_path, monkeypatch):
    opened, connect = [], sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: opened.append(connect(*args, **more)) or opened[-1])
    full, normal = 2, 1  # https://www.sqlite.org/pragma.html#pragma_synchronous
    found = []
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        (db,) = opened
        for step in (lambda: outbox.commit([alert()]), lambda: outbox.acknowledged(1), lambda: outbox.commit([], b"s")):
            step()
            found.append(db.execute("PRAGMA synchronous").fetchone()[0])
    assert found == [full, normal, full]


def test_a_cleared_event_has_the_onset_of_the_boot_in_which_it_was_raised(tmp_path):
    second = 10**9
    first = Anchor(BOOT.wall_ns, 1000 * second, "boot-1", synced=True)
    day_later = Anchor(BOOT.wall_ns + 86_400 * second, 5000 * second, "boot-2", synced=True)
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        (raised,) = outbox.commit([alert(1000)], anchor=first)
        outbox.commit([alert(1000, kind="other", incident=2)], anchor=first)
        outbox.acknowledged(1, 2)
        outbox.anchor(day_later)  # delivery notes the clock before anything happens
        cleared = alert(5000, "cleared", onset_ns=5000 * second)  # as the alarm machine gives it after a restart
        outbox.commit([cleared, alert(4000, "cleared", kind="other", incident=3)], anchor=day_later)
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        own, of_another_incident = outbox.pending()
    said = [
        alert_event(record, source="s", anchor=anchor, now=day_later)
        for record, anchor in ((raised, first), (own, day_later), (of_another_incident, day_later))
    ]
    assert (said[0].data.onset, said[0].data.onset_mono) == ("2026-09-21T14:13:19.500Z", 999.5)
    assert (said[1].data.onset, said[1].data.onset_mono) == ("2026-09-21T14:13:19.500Z", None)
    assert said[1].time == "2026-09-22T14:13:20.000Z"
    assert said[2].data.onset_mono == 3999.5
    assert alert_state(own, anchor=day_later).onset == said[1].data.onset
    doubtful = msgspec.structs.replace(own, onset_anchor=msgspec.structs.replace(first, synced=False))
    assert not alert_event(doubtful, source="s", anchor=day_later, now=day_later).data.clock_synced


def test_each_transition_after_reboots_has_the_onset_of_the_boot_in_which_its_alarm_was_raised(tmp_path):
    second, said = 10**9, []
    boots = [Anchor(BOOT.wall_ns + n * 3600 * second, 1000 * second, f"boot-{n}", synced=True) for n in range(3)]
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        for boot, state in ((0, "raised"), (1, "escalated"), (1, "acknowledged"), (2, "silenced"), (2, "cleared")):
            (record,) = outbox.commit([alert(1000 + boot, state)], anchor=boots[boot])
            assert outbox.states() == [record]
            said.append(alert_event(record, source="s", anchor=boots[boot], now=boots[2]).data)
            assert alert_state(record, anchor=boots[boot]).onset == said[-1].onset
        (anew,) = outbox.commit([alert(1100, incident=2)], anchor=boots[2])
    assert {data.onset for data in said} == {"2026-09-21T14:13:19.500Z"}
    assert [data.onset_mono for data in said] == [999.5, None, None, None, None]
    assert anew.onset_anchor is None
