"""The outbox's SQLite file: opened, checked, owned by this process alone; its errors in words.

In: a path and the device's name. Out: a connection, or one sentence that says what is wrong with the file. Not here:
what is stored (``outbox``).
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from edge_mm.delivery.due import DUE_TABLE, MQTT, SETTLING_TABLE
from edge_mm.delivery.record import TAIL_BYTES
from edge_mm.errors import OutboxError

SCHEMA = 2
"""2: a transition is due at several sinks. A file of schema 1 becomes one of 2 when it is opened."""
_APPLICATION_ID = 0x656D6D31  # "emm1"
_BUSY_S = 1.0
_TABLES = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE record (seq INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE alarm (key TEXT PRIMARY KEY, seq INTEGER NOT NULL, boot_id TEXT NOT NULL,
                    body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE anchor (boot_id TEXT PRIMARY KEY, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
                     synced INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADDED = DUE_TABLE.strip().removesuffix(";")
DAMAGED = "it is damaged; move it away and a new one is made (alerts still in it are not delivered)"
_IN_USE = "another process uses it; stop the other edge-mm, or give this one a file of its own"
_ANSWERS = {
    sqlite3.SQLITE_FULL: "no space left on its file system; free some space",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk (is it full or failing?)",
    sqlite3.SQLITE_READONLY: "it is read-only; make the file and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; the folder must exist and be writable for this user",
    sqlite3.SQLITE_PERM: "access denied; make it readable and writable for this user",
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "it is not an outbox or is damaged; move it away and a new one is made",
}


def open_file(path: Path, *, device: str) -> sqlite3.Connection:
    """Open or make the file and lock it for this process.

    Args:
        path: the file; its folder is made when absent.
        device: whose outbox it is.

    Raises:
        OutboxError: the file cannot be used.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path)
        if not path.is_file():
            raise OutboxError(f"outbox {path}: a {'directory' if path.is_dir() else 'device'}; give a regular file")
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)  # alerts are about a person; SQLite gives its -wal file the same mode
    except OSError as error:
        raise OutboxError(
            f"outbox {path}: {error.strerror or error}; give a file in a folder that this user can write"
        ) from error
    try:
        db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path, device)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise explained(path, error) from error
    return db


def probe_file(path: Path, *, device: str | None) -> None:
    """Try whether ``open_file`` could use a file that exists, and leave it as it was.

    Takes the lock that the owner holds while it runs, reads, and rolls back. A journal that a crash left is taken in,
    as at any start.

    Args:
        path: the file.
        device: whose outbox it should be; None where that is not known.

    Raises:
        OutboxError: the first thing that is wrong.
    """
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")  # no -shm file beside it
            db.execute("BEGIN IMMEDIATE")
            if not _is_empty(db):
                _check(db, path, device)
        finally:
            try:
                rollback(db)
            finally:
                db.close()
    except sqlite3.Error as error:
        raise explained(path, error) from error


def explained(path: Path, error: sqlite3.Error) -> OutboxError:
    """SQLite's error as a sentence that names the file and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return OutboxError(f"outbox {path}: {_ANSWERS.get(code, str(error))}")


def full(error: sqlite3.Error) -> bool:
    """Whether the disk has no room."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_FULL


def checkpoint(db: sqlite3.Connection) -> bool:
    """Write the journal into the file, so that its space is used anew; whether that went.

    Its blocks stay allocated: they are ours, and cutting it would give them to whoever fills the disk.
    """
    try:
        busy, pages, written = db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    except sqlite3.Error:
        return False
    return bool(not busy and pages > 0 and pages == written)


def fact(db: sqlite3.Connection, path: Path, name: str) -> Any:
    """One of the facts that are there from the beginning.

    Raises:
        OutboxError: it is missing.
    """
    row = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise OutboxError(f"outbox {path}: {DAMAGED}")
    return row[0]


def rollback(db: sqlite3.Connection) -> None:
    """Undo what is open; SQLite may have done it already (it does when the disk is full)."""
    if db.in_transaction:
        try:
            db.execute("ROLLBACK")
        except sqlite3.Error:
            if db.in_transaction:
                raise


def _create(path: Path) -> None:
    """Make the file, readable for this user only, where there is none.

    One that is there is never opened here: closing it would give up every lock that this process holds on it, SQLite's
    among them (POSIX; https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(os.path.realpath(path), flags, 0o600))
    except FileExistsError:
        pass


def _prepare(db: sqlite3.Connection, path: Path, device: str) -> None:
    # EXCLUSIVE: SQLite's own lock keeps a second process out; the kernel frees it when this one dies.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA synchronous = FULL")
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise OutboxError(f"outbox {path}: this file system cannot hold it; give a file on a local disk")
    db.execute("PRAGMA journal_size_limit = 4194304")
    db.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(db):
            _make(db, device)
        else:
            _check(db, path, device)
            _migrate(db)
        db.execute(SETTLING_TABLE)
        db.execute("CREATE INDEX IF NOT EXISTS record_boot ON record (boot_id)")  # else commit is backlog times boots
        db.execute("COMMIT")
    except BaseException:
        rollback(db)
        raise


def _is_empty(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0)


def _make(db: sqlite3.Connection, device: str) -> None:
    for statement in (*_TABLES.split(";"), _ADDED):
        db.execute(statement)
    facts = [("device", device), ("last_seq", 0), ("lineage", secrets.token_bytes(TAIL_BYTES))]
    db.executemany("INSERT INTO fact VALUES (?, ?)", facts)
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA}")


def _migrate(db: sqlite3.Connection) -> None:
    """Schema 1 knew one sink. All in the transaction that opens the file: a crash leaves it as it was."""
    if db.execute("PRAGMA user_version").fetchone()[0] == 1:
        db.execute(_ADDED)
        db.execute("INSERT INTO due SELECT ?, seq FROM record", (MQTT,))
        db.execute(f"PRAGMA user_version = {SCHEMA}")


def _check(db: sqlite3.Connection, path: Path, device: str | None) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise OutboxError(f"outbox {path}: this is another program's database; give another file")
    schema = db.execute("PRAGMA user_version").fetchone()[0]
    if schema not in (1, SCHEMA):
        raise OutboxError(f"outbox {path}: schema {schema}, this edge-mm reads 1 and {SCHEMA}; give another file")
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise OutboxError(f"outbox {path}: {DAMAGED}")
    owner = fact(db, path, "device")
    if device is not None and owner != device:
        raise OutboxError(
            f"outbox {path}: it belongs to the device {owner!r}, this one is {device!r}; give each device its own file"
        )
