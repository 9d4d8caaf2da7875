"""One outbox for several sinks: each has every transition, a record goes when nobody waits; files of schema 1."""

import sqlite3
import subprocess
import sys

import pytest
from delivery_samples import ENVIRONMENT, alert
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import Record, sortable_id
from edge_mm.delivery.stored import to_bytes
from edge_mm.errors import OutboxError

SINKS = ("mqtt", "webhook:ward", "log:diary")
SCHEMA_1 = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE record (seq INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE alarm (key TEXT PRIMARY KEY, seq INTEGER NOT NULL, boot_id TEXT NOT NULL,
                    body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE anchor (boot_id TEXT PRIMARY KEY, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
                     synced INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX record_boot ON record (boot_id);
PRAGMA application_id = 1701670193;
PRAGMA user_version = 1;
"""


def seqs(outbox, sink="mqtt"):
    return [record.seq for record in outbox.pending(1000, sink=sink)]


def first_schema(path, *, last=5, waiting=(3, 4, 5)):
    """A file as edge-mm 0.1 left it: five transitions, of which the broker has confirmed two."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA_1)
    facts = [("device", "car-7"), ("last_seq", last), ("lineage", b"lineage..."), ("snapshot", b"as it was")]
    db.executemany("INSERT INTO fact VALUES (?, ?)", facts)
    bodies = {
        seq: to_bytes(Record(seq, sortable_id(seq, b"tail......"), sortable_id(1, b"lineage..."), "boot-1", alert(seq)))
        for seq in waiting
    }
    db.executemany("INSERT INTO record VALUES (?, 'boot-1', ?)", list(bodies.items()))
    db.execute("INSERT INTO alarm VALUES ('driver.eyes_closed', ?, 'boot-1', ?)", (last, bodies[last]))
    db.execute("INSERT INTO anchor VALUES ('boot-1', 1790000000000000000, 0, 1)")
    db.commit()
    db.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 3)),
        st.tuples(st.sampled_from(SINKS), st.integers(0, 4)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=25,
)


@given(steps=steps)
@settings(max_examples=40, deadline=None)
def test_each_sink_has_every_transition_in_order_and_a_record_goes_with_the_last_who_waits(steps, tmp_path_factory):
    path = tmp_path_factory.mktemp("outbox") / "o.sqlite"
    outbox = Outbox(path, device="car-7", sinks=SINKS)
    waiting, last = {sink: [] for sink in SINKS}, 0
    for what, number in steps:
        if what == "commit":
            outbox.commit([alert(incident=1)] * number)
            new = list(range(last + 1, last + number + 1))
            last += number
            waiting = {sink: [*numbers, *new] for sink, numbers in waiting.items()}
        elif what == "reopen":
            outbox.close()
            outbox = Outbox(path, device="car-7", sinks=SINKS)
        else:
            outbox.acknowledged(*waiting[what][:number], sink=what)
            waiting[what] = waiting[what][number:]
        assert {sink: seqs(outbox, sink) for sink in SINKS} == waiting
        assert outbox.depths == {sink: len(numbers) for sink, numbers in waiting.items()}
        assert outbox.depth == len(set().union(*waiting.values()))
        assert outbox.last_seq == last
    outbox.close()


def test_what_one_sink_confirms_twice_or_never_had_is_no_loss_for_another(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7", sinks=SINKS) as outbox:
        outbox.commit([alert()] * 2)
        outbox.acknowledged(1, 1, 9)
        outbox.acknowledged(1)
        assert (seqs(outbox), seqs(outbox, "webhook:ward"), outbox.depth) == ([2], [1, 2], 2)
        assert outbox.pending(1, after=1, sink="log:diary")[0].seq == 2


def test_a_sink_that_is_gone_forgets_and_one_that_is_new_gets_what_happens_from_now_on(tmp_path, caplog):
    path = tmp_path / "o.sqlite"
    with Outbox(path, device="car-7", sinks=SINKS) as outbox:
        outbox.commit([alert()] * 3)
        outbox.acknowledged(1, 2)
        outbox.acknowledged(1, sink="log:diary")
    with Outbox(path, device="car-7", sinks=("mqtt", "log:diary", "webhook:other")) as outbox:
        assert outbox.depths == {"mqtt": 1, "log:diary": 2, "webhook:other": 0}
        assert outbox.depth == 2
        outbox.commit([alert()])
        assert [seqs(outbox, sink) for sink in outbox.sinks] == [[3, 4], [2, 3, 4], [4]]
    assert "3 alerts waited for webhook:ward" in caplog.text


def test_whoever_is_furthest_behind_is_named_when_no_more_is_accepted(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7", max_records=2, sinks=SINKS) as outbox:
        outbox.commit([alert()] * 2)
        outbox.acknowledged(1, 2)
        outbox.acknowledged(1, sink="log:diary")
        with pytest.raises(OutboxError, match="2 alerts wait for webhook:ward, more are not accepted"):
            outbox.commit([alert()])


def test_a_file_of_schema_1_goes_on_where_it_was(tmp_path):
    path = tmp_path / "o.sqlite"
    first_schema(path)
    for _ in range(2):  # the second time it is one of schema 2
        with Outbox(path, device="car-7", sinks=SINKS) as outbox:
            assert outbox.depths == {"mqtt": 3, "webhook:ward": 0, "log:diary": 0}
            assert seqs(outbox) == [3, 4, 5]
            assert (outbox.last_seq, outbox.snapshot(), outbox.anchor_of("boot-1").synced) == (5, b"as it was", True)
            assert [record.seq for record in outbox.states()] == [5]
    with Outbox(path, device="car-7") as outbox:
        (record,) = outbox.commit([alert(state="cleared")])
        assert (record.seq, record.incident_id) == (6, sortable_id(1, b"lineage..."))


MIGRATE = """
import resource, signal, sys
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import OutboxError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for room in range(0, 40_000, 2_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        Outbox(sys.argv[1], device="car-7").close()
        print("opened")
        break
    except OutboxError as error:
        print(error)
"""


def test_a_disk_that_fails_in_the_middle_of_the_change_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "o.sqlite"
    first_schema(path, last=100, waiting=range(3, 101))
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE, str(path)], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    *refused, opened = done.stdout.splitlines()
    assert refused, "it never failed"
    assert all("check the disk" in line or "free some space" in line for line in refused)
    assert opened == "opened"
    with Outbox(path, device="car-7") as outbox:
        assert seqs(outbox) == list(range(3, 101))
