"""The outbox's connection to SQLite: one, behind a lock, with every write in one transaction.

In: what is to be done in a transaction. Out: all of it on disk, or nothing and one ``OutboxError``; on a full disk
tried again while there is space to be had for it. Not here: what is stored (``outbox``), opening (``outbox_file``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge_mm.delivery.outbox_file import checkpoint, explained, full, open_file, rollback
from edge_mm.delivery.reserve import Reserve
from edge_mm.errors import OutboxError

T = TypeVar("T")


class Database:
    """Owns the file.

    Args:
        path: the SQLite file.
        device: whose outbox it is.
        reserve_bytes: space that is kept for when the disk is full.

    Raises:
        OutboxError: the file cannot be used.
    """

    def __init__(self, path: Path, *, device: str, reserve_bytes: int) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._db: sqlite3.Connection | None = open_file(path, device=device)
        self.reserve = Reserve(path, reserve_bytes)

    @contextmanager
    def guarded(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone; what it raises is explained."""
        with self.lock:
            if self._db is None:
                raise OutboxError(f"outbox {self.path}: it was closed")
            try:
                yield self._db
            except sqlite3.Error as error:
                raise explained(self.path, error) from error

    def store(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True, spare: bool = True) -> T:
        """Do this in one transaction.

        Args:
            work: may be done again where the disk was full; it leaves no trace then.
            durable: flushed to the disk. What is not only deletes: that may use the last of the reserve, it makes room.
            spare: on a full disk it may use the reserve.

        Raises:
            OutboxError: nothing was stored.
        """
        with self.guarded() as db:
            attempt = 0
            while True:
                try:
                    result = _once(db, work, durable=durable)
                    break
                except sqlite3.Error as error:
                    attempt += 1
                    if not full(error) or not spare:
                        raise
                    if attempt == 1 and checkpoint(db):
                        continue
                    if not self.reserve.give(last=not durable):
                        raise
                    checkpoint(db)  # the new room is for the file: else the journal would take all of it
            self.reserve.restore()
            return result

    def one(self, query: str) -> Any:
        """The first value of the first row; None where there is none."""
        with self.guarded() as db:
            row = db.execute(query).fetchone()
        return None if row is None else row[0]

    def rows(self, query: str, *values: int | str) -> list[Any]:
        """All rows."""
        with self.guarded() as db:
            return db.execute(query, values).fetchall()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        with self.lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()


def _once(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], *, durable: bool) -> T:
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
        db.execute("COMMIT")
        return result
    except BaseException:
        rollback(db)
        raise
