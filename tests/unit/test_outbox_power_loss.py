"""Power goes in the middle of a write: what a commit had returned for is there, and nothing of what it had not.

The files of an outbox are copied when a commit has returned, and when the next one has: the difference is what was on
its way to the disk. It is cut at every 512 bytes, with what an older journal, a worn card or nothing left behind it.
SQLite's shared memory file is left out: it is never flushed, and does not outlive the power.
"""

import itertools
import random
import shutil

import pytest
from delivery_samples import alert

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.outbox_file import checkpoint

SECTOR = 512
SINKS = ("mqtt", "log:diary")


def copied(path, folder):
    """The file and its journal as they are now."""
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copyfile(path.with_name(name), folder / name)
    return folder


def commits(path, *, times, before=0):
    """After each commit: a copy of the files, and what had been promised by then."""
    with Outbox(path, device="d", sinks=SINKS, reserve_bytes=0) as outbox:
        for n in range(before):  # a journal that begins anew over an older one
            outbox.commit([alert(n, kind=f"k{n % 3}", incident=n + 1)] * 4, f"before {n}".encode() * 200)
        if before:
            outbox._file._db.execute("PRAGMA wal_checkpoint(RESTART)")
        for n in range(times):
            outbox.commit([alert(n, kind=f"k{n % 3}", incident=n + 1)] * (1 + n % 3), f"{n}".encode())
            yield copied(path, path.parent / f"copy{n}"), outbox.last_seq, outbox.snapshot()


def restored(folder, name, files):
    place = folder / name
    place.mkdir()
    for file, data in files.items():
        (place / file).write_bytes(data)
    return place / "o.sqlite"


def tails(older, newer, cut, flushed, rng):
    """What may be behind the last sector that was written."""
    written, left = newer[:cut], len(newer) - cut
    yield "nothing", written
    yield "stale", written + older[cut:]
    yield "zeros", written + bytes(left)
    yield "noise", written + rng.randbytes(left)
    torn = max(flushed, cut - SECTOR)
    yield "torn", newer[:torn] + rng.randbytes(cut - torn) + older[cut:]


@pytest.mark.parametrize("before", [0, 40], ids=["a new journal", "over an older journal"])
def test_wherever_the_power_goes_each_commit_is_there_whole_or_not_at_all(tmp_path, before):
    rng = random.Random(7)
    path = tmp_path / "outbox" / "o.sqlite"
    path.parent.mkdir()
    promised = list(commits(path, times=3, before=before))
    states, number = set(), 0
    for (folder, last, snapshot), (then, last_then, snapshot_then) in itertools.pairwise(promised):
        journal, file = ((folder / name).read_bytes() for name in ("o.sqlite-wal", "o.sqlite"))
        newer = (then / "o.sqlite-wal").read_bytes()
        assert (then / "o.sqlite").read_bytes() == file, "a commit writes the journal only"
        before_it = journal.ljust(len(newer), b"\0")
        differs = [i for i in range(len(newer)) if newer[i] != before_it[i]]
        changed, end = differs[0], 1 + differs[-1]
        for edge in range(changed // SECTOR * SECTOR, end + SECTOR, SECTOR):
            cut = min(max(edge, changed), len(newer))  # what had been flushed stays
            for kind, wal in tails(journal, newer, cut, changed, rng):
                number += 1
                place = restored(tmp_path, str(number), {"o.sqlite": file, "o.sqlite-wal": wal})
                with Outbox(place, device="d", sinks=SINKS, reserve_bytes=0) as outbox:
                    found = outbox.last_seq, outbox.snapshot()
                    assert found in ((last, snapshot), (last_then, snapshot_then)), (cut, kind)
                    states.add(found == (last, snapshot))
                    for sink in SINKS:
                        seqs = [record.seq for record in outbox.pending(1000, sink=sink)]
                        assert seqs == list(range(1, found[0] + 1)), (cut, kind, sink)
                    newest = max(record.seq for record in outbox.states())
                    assert newest == found[0]
                    assert outbox.commit([alert(99, incident=99)])[0].seq == found[0] + 1
                shutil.rmtree(place.parent)
    assert states == {True, False}, "cut before and behind the end of a commit"


def test_power_that_goes_while_the_journal_is_written_into_the_file_takes_nothing(tmp_path):
    rng = random.Random(8)
    path = tmp_path / "outbox" / "o.sqlite"
    path.parent.mkdir()
    with Outbox(path, device="d", sinks=SINKS, reserve_bytes=0) as outbox:
        for n in range(30):
            outbox.commit([alert(n, kind=f"k{n % 3}", incident=n + 1)], f"{n}".encode())
        outbox.acknowledged(*range(1, 11))
        older = (copied(path, tmp_path / "before") / "o.sqlite").read_bytes()
        journal = (tmp_path / "before" / "o.sqlite-wal").read_bytes()
        assert checkpoint(outbox._file._db)
        newer = (copied(path, tmp_path / "after") / "o.sqlite").read_bytes()
    assert newer != older
    before_it = older.ljust(len(newer), b"\0")
    for number in range(60):
        sectors = []
        for at in range(0, len(newer), SECTOR):
            old, new = before_it[at : at + SECTOR], newer[at : at + SECTOR]
            sectors.append(old if old == new else rng.choice((old, new, rng.randbytes(SECTOR))))
        place = restored(tmp_path, str(number), {"o.sqlite": b"".join(sectors), "o.sqlite-wal": journal})
        with Outbox(place, device="d", sinks=SINKS, reserve_bytes=0) as outbox:
            assert (outbox.last_seq, outbox.snapshot()) == (30, b"29")
            assert [record.seq for record in outbox.pending(1000)] == list(range(11, 31))
            assert [record.seq for record in outbox.pending(1000, sink="log:diary")] == list(range(1, 31))
            assert [record.seq for record in outbox.states()] == [28, 29, 30]
        shutil.rmtree(place.parent)
