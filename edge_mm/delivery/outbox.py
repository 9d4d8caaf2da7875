"""The outbox: every transition is on disk, with the alarm machine's snapshot, before anyone hears of it.

In: alerts and a snapshot. Out: ``Record``s with a gapless ``seq`` per device, until the broker has confirmed them; the
present state of every alarm; the snapshot to start again from. One SQLite file in WAL mode with synchronous FULL: what
``commit`` returned survives SIGKILL and power loss, and what it refused left no trace. One process owns the file at a
time. Safe to use from several threads. Not here: publishing (``mqtt``), wall time (``clock``).
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.delivery import clock
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox_file import explained, fact, open_file, rollback
from edge_mm.delivery.record import TAIL_BYTES, BundleRef, Record, number_of, sortable_id
from edge_mm.delivery.stored import from_bytes, saved_from, to_bytes
from edge_mm.errors import OutboxError
from edge_mm.types import Alert

MAX_RECORDS = 100_000
"""Unconfirmed transitions that are kept (about 100 MB; years of alerts). Beyond it ``commit`` refuses: an old alert is
never dropped to make room, since its number would be missing at the subscriber."""

log = logging.getLogger(__name__)


class Outbox:
    """Durable queue of transitions.

    Args:
        path: the SQLite file; it and its folder are made, readable for this user only.
        device: name of this installation; the numbers are per device.
        bundle: what the alerts of this run are made with; kept with each of them.
        max_records: how many unconfirmed transitions are kept.

    Raises:
        OutboxError: the file cannot be used; the text names it and what to do.
    """

    def __init__(
        self, path: str | Path, *, device: str, bundle: BundleRef | None = None, max_records: int = MAX_RECORDS
    ) -> None:
        self.path = Path(path)
        self.device = device
        self.bundle = bundle
        self._max_records = max_records
        self._lock = threading.RLock()
        self._unreadable: set[int] = set()  # numbers that were complained of
        self._db: sqlite3.Connection | None = open_file(self.path, device=device)
        self._depth = int(self._one("SELECT count(*) FROM record") or 0)

    def commit(
        self, alerts: Sequence[Alert], snapshot: bytes | None = None, *, anchor: Anchor | None = None
    ) -> list[Record]:
        """Store transitions and the alarm machine's snapshot in one transaction.

        Args:
            alerts: transitions in order of emission; may be empty.
            snapshot: the state of the alarm machine after the last of them; None keeps the one that is there.
            anchor: the present moment; read from the clock when absent.

        Returns:
            The numbered records; they are on disk.

        Raises:
            OutboxError: nothing was stored; no number was used up. The disk is full, too many wait, or an alert holds
                what cannot be stored and read again (``Alarms`` lets no such thing out).
        """
        here = anchor or clock.now()
        if alerts and self.depth + len(alerts) > self._max_records:
            raise OutboxError(
                f"outbox {self.path}: {self.depth} alerts wait for the broker, more are not accepted; "
                "make the broker reachable (edge-mm check)"
            )
        with self._transaction() as db:
            last = int(fact(db, self.path, "last_seq"))
            lineage = bytes(fact(db, self.path, "lineage"))
            try:
                records = [self._record(alert, last + i, here.boot_id, lineage) for i, alert in enumerate(alerts, 1)]
                records = [self._dated(record, db) for record in records]
                bodies = [to_bytes(record) for record in records]
            except (TypeError, ValueError) as error:
                raise OutboxError(f"outbox {self.path}: {error}") from error
            rows = [(record.seq, here.boot_id, body) for record, body in zip(records, bodies, strict=True)]
            db.executemany("INSERT INTO record VALUES (?, ?, ?)", rows)
            db.executemany(
                "INSERT OR REPLACE INTO alarm VALUES (?, ?, ?, ?)",
                [(record.alert.key, *row) for record, row in zip(records, rows, strict=True)],
            )
            db.execute("UPDATE fact SET value = ? WHERE name = 'last_seq'", (last + len(records),))
            if snapshot is not None:
                db.execute("INSERT OR REPLACE INTO fact VALUES ('snapshot', ?)", (snapshot,))
                db.execute("INSERT OR REPLACE INTO fact VALUES ('snapshot_boot', ?)", (here.boot_id,))
            _keep_anchor(db, here)
        with self._lock:
            self._depth += len(records)
        return records

    def pending(self, limit: int = 100, *, after: int = 0) -> list[Record]:
        """The oldest unconfirmed records with ``seq > after``, in order, at most ``limit``.

        One that cannot be read is there too, with all that can be saved of it: its number must not be missing, and
        what is behind it must not wait.

        Raises:
            OutboxError: the file cannot be read.
        """
        return self._records(
            "SELECT seq, boot_id, CAST(body AS BLOB) FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after, limit
        )

    def acknowledged(self, *seqs: int) -> None:
        """The broker has confirmed these: forget them. Numbers that are not there are ignored.

        Survives SIGKILL; a power cut may bring them back, to be delivered once more under the same id. That spares the
        flash memory one of two flushes per alert.

        Raises:
            OutboxError: they are still there.
        """
        with self._transaction(durable=False) as db:
            gone = db.executemany("DELETE FROM record WHERE seq = ?", [(seq,) for seq in seqs]).rowcount
        with self._lock:
            self._depth -= max(gone, 0)

    def snapshot(self) -> bytes | None:
        """The alarm machine's state after the last stored transition; None at the very beginning."""
        value = self._one("SELECT value FROM fact WHERE name = 'snapshot'")
        return None if value is None else bytes(value)

    @property
    def same_boot(self) -> bool:
        """Whether the snapshot was stored in this boot, so that its times count on the present monotonic clock."""
        return bool(self._one("SELECT value FROM fact WHERE name = 'snapshot_boot'") == clock.boot_id())

    def states(self, *, after: int = 0) -> list[Record]:
        """The latest transition of every alarm that ever was raised, those with ``seq > after``, by ``seq``."""
        return self._records("SELECT seq, boot_id, CAST(body AS BLOB) FROM alarm WHERE seq > ? ORDER BY seq", after)

    def anchor(self, anchor: Anchor) -> None:
        """Remember a newer moment of a boot; one that was not synchronised never replaces one that was.

        Raises:
            OutboxError: it could not be stored.
        """
        with self._transaction() as db:
            _keep_anchor(db, anchor)

    def anchor_of(self, boot_id: str) -> Anchor | None:
        """The newest anchor of a boot; there is one for each boot that has a record."""
        with self._lock, self._guarded() as db:
            row = db.execute("SELECT wall_ns, mono_ns, synced FROM anchor WHERE boot_id = ?", (boot_id,)).fetchone()
        return None if row is None else Anchor(int(row[0]), int(row[1]), boot_id, bool(row[2]))

    @property
    def depth(self) -> int:
        """How many transitions wait for the broker."""
        with self._lock:
            return self._depth

    @property
    def last_seq(self) -> int:
        """The number of the last stored transition, 0 before the first."""
        return int(self._one("SELECT value FROM fact WHERE name = 'last_seq'") or 0)

    def incident_of(self, incident_id: str) -> int | None:
        """Number of the incident that this outbox has given this id; None: it has given it to none.

        Raises:
            OutboxError: the file cannot be read.
        """
        lineage = self._one("SELECT value FROM fact WHERE name = 'lineage'")
        return None if lineage is None else number_of(incident_id, bytes(lineage))

    def close(self) -> None:
        """Release the file; safe to call twice."""
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _record(self, alert: Alert, seq: int, boot_id: str, lineage: bytes) -> Record:
        return Record(
            seq=seq,
            id=sortable_id(seq, secrets.token_bytes(TAIL_BYTES)),
            incident_id=sortable_id(alert.incident, lineage),
            boot_id=boot_id,
            alert=alert,
            bundle=self.bundle,
        )

    def _dated(self, record: Record, db: sqlite3.Connection) -> Record:
        """A cleared transition with the onset of the raised one, where that was stored in an earlier boot.

        The alarm machine cannot give it: monotonic times of two boots do not compare.
        """
        if record.alert.state != "cleared":
            return record
        row = db.execute(
            "SELECT seq, boot_id, CAST(body AS BLOB) FROM alarm WHERE key = ? AND boot_id <> ?",
            (str(record.alert.key), record.boot_id),
        ).fetchone()
        raised = None if row is None else self._read(row)
        if raised is None or raised.incident_id != record.incident_id:
            return record
        anchor = self.anchor_of(raised.boot_id)
        alert = replace(record.alert, onset_ns=raised.alert.onset_ns)
        return msgspec.structs.replace(record, alert=alert, onset_anchor=anchor)

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        if self._db is None:
            raise OutboxError(f"outbox {self.path}: it was closed")
        try:
            yield self._db
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock, self._guarded() as db:
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                rollback(db)
                raise

    def _one(self, query: str) -> Any:
        with self._lock, self._guarded() as db:
            row = db.execute(query).fetchone()
        return None if row is None else row[0]

    def _records(self, query: str, *values: int) -> list[Record]:
        with self._lock, self._guarded() as db:
            rows = db.execute(query, values).fetchall()
        return [self._read(row) for row in rows]

    def _read(self, row: tuple[int, str, bytes]) -> Record:
        """The record of a row. The queries CAST its body: SQLite gives no row when one holds a text that is none."""
        seq, boot_id, body = row
        try:
            return from_bytes(body)
        except ValueError as error:
            if seq not in self._unreadable:
                self._unreadable.add(seq)
                log.error(
                    "outbox %s: alert %d cannot be read (%s); what can be saved of it is sent", self.path, seq, error
                )
            return saved_from(body, seq=seq, boot_id=boot_id)


def _keep_anchor(db: sqlite3.Connection, anchor: Anchor) -> None:
    """Store an anchor; forget those of boots that nothing refers to."""
    db.execute(
        "INSERT INTO anchor VALUES (?, ?, ?, ?) ON CONFLICT (boot_id) DO UPDATE SET wall_ns = excluded.wall_ns, "
        "mono_ns = excluded.mono_ns, synced = excluded.synced WHERE excluded.synced >= synced",
        (anchor.boot_id, anchor.wall_ns, anchor.mono_ns, int(anchor.synced)),
    )
    db.execute(
        "DELETE FROM anchor WHERE boot_id <> ? AND boot_id NOT IN (SELECT boot_id FROM alarm) "
        "AND NOT EXISTS (SELECT 1 FROM record WHERE record.boot_id = anchor.boot_id)",
        (anchor.boot_id,),
    )
