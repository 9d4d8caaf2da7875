"""Who still waits for which transition: one row of the outbox per transition and sink.

In: an open transaction of the outbox's file. Out: rows made, deleted, counted. A record goes when no sink waits for it.
A broker that has confirmed one may still lose it: until
that is settled it stays due, with a mark. Not here: the records themselves (``outbox``), the file (``outbox_file``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

MQTT = "mqtt"
"""The sink that every outbox has."""
DUE_TABLE = """
CREATE TABLE due (sink TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (sink, seq)) WITHOUT ROWID;
"""
SETTLING_TABLE = "CREATE TABLE IF NOT EXISTS settling (seq INTEGER PRIMARY KEY, times INTEGER NOT NULL)"
"""How often the broker has confirmed what it may still lose. An edge-mm that does not know it leaves it alone."""
PENDING = (
    "SELECT record.seq, boot_id, CAST(body AS BLOB) FROM due CROSS JOIN record ON record.seq = due.seq "
    "WHERE due.sink = ? AND due.seq > ? "
    "AND (? OR NOT EXISTS (SELECT 1 FROM settling WHERE settling.seq = due.seq)) ORDER BY due.seq LIMIT ?"
)
"""Query: for this sink, after this number, also what is marked, at most so many."""


def make_due(db: sqlite3.Connection, sinks: Sequence[str], seqs: Sequence[int]) -> None:
    """Each of these sinks has each of these transitions to come."""
    db.executemany("INSERT INTO due VALUES (?, ?)", [(sink, seq) for sink in sinks for seq in seqs])


def confirm(db: sqlite3.Connection, sink: str, seqs: Sequence[int], *, sinks: Sequence[str]) -> tuple[int, int]:
    """A sink has these; numbers that it does not wait for are ignored.

    Args:
        db: in a transaction.
        sink: which one.
        seqs: what it has.
        sinks: all of them. By name each is found in the table's own order, which spares an index by number.

    Returns:
        How many rows went, and how many records nobody waits for any more.
    """
    if sink == MQTT:
        db.executemany("DELETE FROM settling WHERE seq = ?", [(seq,) for seq in seqs])
    rows = db.executemany("DELETE FROM due WHERE sink = ? AND seq = ?", [(sink, seq) for seq in seqs]).rowcount
    marks = ", ".join("?" * len(sinks))
    nobody = f"NOT EXISTS (SELECT 1 FROM due WHERE sink IN ({marks}) AND due.seq = record.seq)"  # noqa: S608 - marks
    records = db.executemany(
        f"DELETE FROM record WHERE seq = ? AND {nobody}",  # noqa: S608 - marks
        [(seq, *sinks) for seq in seqs],
    ).rowcount
    return max(rows, 0), max(records, 0)


def mark(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """The broker has confirmed these once more, and may still lose them."""
    db.executemany(
        "INSERT INTO settling VALUES (?, 1) ON CONFLICT (seq) DO UPDATE SET times = times + 1", [(seq,) for seq in seqs]
    )


def forget_others(db: sqlite3.Connection, sinks: Sequence[str]) -> dict[str, int]:
    """Delete what waits for sinks that are no longer configured; how much that was, by sink."""
    marks = ", ".join("?" * len(sinks))
    gone = dict(
        db.execute(
            f"SELECT sink, count(*) FROM due WHERE sink NOT IN ({marks}) GROUP BY sink",  # noqa: S608 - marks
            list(sinks),
        ).fetchall()
    )
    if gone:
        db.executemany("DELETE FROM due WHERE sink = ?", [(sink,) for sink in gone])
        db.execute("DELETE FROM record WHERE seq NOT IN (SELECT seq FROM due)")
    # What an edge-mm that knows no marks has deleted.
    db.execute("DELETE FROM settling WHERE seq NOT IN (SELECT seq FROM due WHERE sink = ?)", (MQTT,))
    return gone


def depths(db: sqlite3.Connection, sinks: Sequence[str]) -> dict[str, int]:
    """How many transitions wait for each sink."""
    return {sink: int(db.execute("SELECT count(*) FROM due WHERE sink = ?", (sink,)).fetchone()[0]) for sink in sinks}
