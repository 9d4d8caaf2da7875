"""Transitions a second through the outbox against plain SQLite, in turn, on one disk.

In: how often. Out: a dated table; ``compare`` gives the numbers. Both write WAL with synchronous FULL and flush each
transaction; plain SQLite inserts the same records, as bytes that are ready, into one table. The outbox besides numbers
and encodes them, proves that it can read them again, keeps the present state of each alarm, who waits, the snapshot and
the clock. Groupings: transitions in one transaction. Wanted: half of plain SQLite or more.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.stored import to_bytes
from edge_mm.types import Alert, Reason

WANTED = 0.5
GROUPS = (1, 10, 100)
_SNAPSHOT = bytes(4_000)
_KINDS = 12


def alerts(number: int) -> list[Alert]:
    """Transitions of a dozen alarms, raised and cleared."""
    return [
        Alert(
            t_ns=i * 10**9,
            kind="driver.eyes_closed",
            key=f"driver.eyes_closed/{i % _KINDS}",
            state="cleared" if i // _KINDS % 2 else "raised",
            category="physiological",
            priority="high",
            onset_ns=i * 10**9 - 10**8,
            reason=Reason("eyes_closed_for", {"seconds": 2.1, "limit": 1.5}, "eyes closed for 2.1 s (limit 1.5 s)"),
            value=2.1,
            limit=1.5,
            unit="s",
            incident=1 + i // (2 * _KINDS),
            sources=("vision",),
            quality={"vision": 0.93, "audio": None},
            attention={"vision": 0.8},
            contribution={"vision": 1.0},
        )
        for i in range(number)
    ]


def plain(path: Path) -> sqlite3.Connection:
    """SQLite as whoever needs durable rows would open it."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE record (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    return db


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(folder: Path, group: int, turns: int) -> tuple[float, float]:
    """Median seconds of one transaction of ``group`` transitions: outbox, plain SQLite.

    Args:
        folder: on the disk to try.
        group: transitions in one transaction.
        turns: transactions of each, in turn.
    """
    batch = alerts(group)
    ours: list[float] = []
    theirs: list[float] = []
    with Outbox(folder / f"outbox-{group}", device="bench") as outbox, closing(plain(folder / f"plain-{group}")) as db:
        bodies = [to_bytes(record) for record in outbox.commit(batch, _SNAPSHOT)]

        def insert() -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO record (body) VALUES (?)", [(body,) for body in bodies])
            db.execute("COMMIT")

        insert()
        for turn in range(turns):
            pair = [(ours, lambda: outbox.commit(batch, _SNAPSHOT)), (theirs, insert)]
            for times, work in pair if turn % 2 else reversed(pair):
                times.append(timed(work))
    return statistics.median(ours), statistics.median(theirs)


def main() -> None:
    """Print the table; exit 1 where less than ``WANTED`` is reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="on the disk to try (default: this one)", default=Path())
    words = parser.parse_args()
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(
        f"{when}: outbox against plain SQLite {sqlite3.sqlite_version} (WAL, synchronous FULL), {words.turns} "
        f"transactions of each in turn, median; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'in one':>7} {'outbox':>14} {'SQLite':>14} {'share':>7}   transitions a second")
    least = float("inf")
    with tempfile.TemporaryDirectory(dir=words.folder) as folder:
        for group in GROUPS:
            ours, theirs = compare(Path(folder), group, words.turns)
            least = min(least, theirs / ours)
            print(f"{group:7} {group / ours:14,.0f} {group / theirs:14,.0f} {theirs / ours:7.2f}")
    print(f"least {least:.2f}, wanted {WANTED}")
    raise SystemExit(least < WANTED)


if __name__ == "__main__":
    main()
