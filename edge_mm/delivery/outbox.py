"""The outbox: every transition is on disk, with the alarm machine's snapshot, before anyone hears of it.

In: alerts and a snapshot. Out: ``Record``s with a gapless ``seq`` per device, until every sink has confirmed them; the
present state of every alarm; the snapshot to start again from. One SQLite file in WAL mode with synchronous FULL: what
``commit`` returned survives SIGKILL and power loss, and what it refused left no trace. One process owns the file at a
time. Safe to use from several threads. Not here: delivering (``mqtt``, ``carrier``), wall time (``clock``).
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from edge_mm.delivery import clock
from edge_mm.delivery.anchors import keep_anchor, kept_anchor
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.database import Database
from edge_mm.delivery.due import MQTT, PENDING, confirm, depths, forget_others, make_due, mark
from edge_mm.delivery.outbox_file import fact
from edge_mm.delivery.record import CHANCE_BYTES, OWN_INCIDENTS, BundleRef, Record, event_id, number_of, sortable_id
from edge_mm.delivery.reserve import RESERVE_BYTES
from edge_mm.delivery.stored import from_bytes, saved_from, to_bytes
from edge_mm.errors import OutboxError
from edge_mm.types import NS_PER_S, Alert

MAX_RECORDS = 100_000
"""Unconfirmed transitions that are kept (about 100 MB; years of alerts). Beyond it ``commit`` refuses: an old alert is
never dropped to make room, since its number would be missing at the subscriber."""

ABSENT_S = 660.0
"""A device without a sign of life for longer was away: the clock is noted every 600 s (``mqtt``)."""
_OF_NOW = b"onset_anchor\xc0"  # in a stored record: its onset is of its own boot
log = logging.getLogger(__name__)


class Outbox:
    """Durable queue of transitions.

    Args:
        path: the SQLite file; it and its folder are made, readable for this user only.
        device: name of this installation; the numbers are per device.
        bundle: what the alerts of this run are made with; kept with each of them.
        max_records: how many unconfirmed transitions are kept.
        sinks: who is to have each transition from now on; what waits for any other sink is forgotten.
        reserve_bytes: space that is kept on its disk for when that is full.

    Raises:
        OutboxError: the file cannot be used; the text names it and what to do.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        device: str,
        bundle: BundleRef | None = None,
        max_records: int = MAX_RECORDS,
        sinks: Sequence[str] = (MQTT,),
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.path = Path(path)
        self.device = device
        self.bundle = bundle
        self._max_records = max_records
        self._unreadable: set[int] = set()  # numbers that were complained of
        self.sinks = tuple(dict.fromkeys(sinks))
        self._file = Database(self.path, device=device, reserve_bytes=reserve_bytes)
        for sink, count in self._file.store(lambda db: forget_others(db, self.sinks)).items():
            log.warning("outbox %s: %d alerts waited for %s, which is no longer there", self.path, count, sink)
        self._depth = int(self._file.one("SELECT count(*) FROM record") or 0)
        with self._file.guarded() as db:
            self._waiting = depths(db, self.sinks)

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
            most = max(self.sinks, key=self.waiting)
            raise OutboxError(
                f"outbox {self.path}: {self.waiting(most)} alerts wait for {'the broker' if most == MQTT else most}, "
                "more are not accepted; make it reachable (edge-mm check)"
            )
        records = self._file.store(lambda db: self._insert(db, alerts, snapshot, here))
        with self._file.lock:
            self._depth += len(records)
            for sink in self.sinks:
                self._waiting[sink] += len(records)
        return records

    def _insert(
        self, db: sqlite3.Connection, alerts: Sequence[Alert], snapshot: bytes | None, here: Anchor
    ) -> list[Record]:
        last = int(fact(db, self.path, "last_seq"))
        lineage = bytes(fact(db, self.path, "lineage"))
        try:
            chance = secrets.token_bytes(CHANCE_BYTES * len(alerts))
            records = [
                self._record(
                    alert, last + 1 + i, here.boot_id, lineage, chance[CHANCE_BYTES * i : CHANCE_BYTES * (i + 1)]
                )
                for i, alert in enumerate(alerts)
            ]
            before = self._before({str(one.key) for one in alerts if one.state != "raised"}, here.boot_id, db)
            records = [self._dated(record, before) for record in records]
            bodies = [to_bytes(record) for record in records]
        except (TypeError, ValueError) as error:
            raise OutboxError(f"outbox {self.path}: {error}") from error
        rows = [(record.seq, here.boot_id, body) for record, body in zip(records, bodies, strict=True)]
        db.executemany("INSERT INTO record VALUES (?, ?, ?)", rows)
        make_due(db, self.sinks, [record.seq for record in records])
        newest = {record.alert.key: row for record, row in zip(records, rows, strict=True)}
        db.executemany("INSERT OR REPLACE INTO alarm VALUES (?, ?, ?, ?)", [(key, *row) for key, row in newest.items()])
        db.execute("UPDATE fact SET value = ? WHERE name = 'last_seq'", (last + len(records),))
        if snapshot is not None:
            db.execute("INSERT OR REPLACE INTO fact VALUES ('snapshot', ?)", (snapshot,))
            db.execute("INSERT OR REPLACE INTO fact VALUES ('snapshot_boot', ?)", (here.boot_id,))
        keep_anchor(db, here)
        return records

    def pending(self, limit: int = 100, *, after: int = 0, sink: str = MQTT, marked: bool = True) -> list[Record]:
        """The oldest records with ``seq > after`` that a sink waits for, in order, at most ``limit``.

        One that cannot be read is there too, with all that can be saved of it: its number must not be missing, and
        what is behind it must not wait. Without the ``marked`` ones: what ``confirmed`` was told of is left out.

        Raises:
            OutboxError: the file cannot be read.
        """
        return self._records(PENDING, sink, after, marked, limit)

    def these(self, seqs: Sequence[int]) -> list[Record]:
        """The records of these numbers, in their order, as far as they are there."""
        query = "SELECT seq, boot_id, CAST(body AS BLOB) FROM record WHERE seq = ?"
        return [record for seq in seqs for record in self._records(query, seq)]

    def confirmed(self, *seqs: int) -> None:
        """The broker has confirmed these and may still lose them: they wait on, marked. Survives SIGKILL, as below.

        Raises:
            OutboxError: they are not marked. On a full disk the reserve is not for this.
        """
        self._file.store(lambda db: mark(db, seqs), durable=False, spare=False)

    def settling(self) -> list[int]:
        """Numbers that are marked: those confirmed least often first, and in order."""
        return [int(row[0]) for row in self._file.rows("SELECT seq FROM settling ORDER BY times, seq")]

    def acknowledged(self, *seqs: int, sink: str = MQTT) -> None:
        """A sink has these: forget them where nobody else waits. Numbers that are not there are ignored.

        Survives SIGKILL; a power cut may bring them back, to be delivered once more under the same id. That spares the
        flash memory one of two flushes per alert.

        Raises:
            OutboxError: they are still there.
        """
        rows, records = self._file.store(lambda db: confirm(db, sink, seqs, sinks=self.sinks), durable=False)
        with self._file.lock:
            self._depth -= records
            self._waiting[sink] -= rows

    def snapshot(self) -> bytes | None:
        """The alarm machine's state after the last stored transition; None at the very beginning."""
        value = self._file.one("SELECT value FROM fact WHERE name = 'snapshot'")
        return None if value is None else bytes(value)

    @property
    def same_clock(self) -> bool:
        """Whether what the snapshot says goes on: stored in this boot, so that its times count on the present monotonic
        clock, and the device was at work until not long ago (a sign of life is noted every ten minutes).
        """
        boot = clock.boot_id()
        seen = self.anchor_of(boot)
        stored = self._file.one("SELECT value FROM fact WHERE name = 'snapshot_boot'") == boot
        return bool(stored) and seen is not None and time.monotonic_ns() - seen.mono_ns < ABSENT_S * NS_PER_S

    def states(self, *, after: int = 0) -> list[Record]:
        """The latest transition of every alarm that ever was raised, those with ``seq > after``, by ``seq``."""
        return self._records("SELECT seq, boot_id, CAST(body AS BLOB) FROM alarm WHERE seq > ? ORDER BY seq", after)

    def anchor(self, anchor: Anchor) -> None:
        """Remember a newer moment of a boot; one that was not synchronised never replaces one that was.

        Raises:
            OutboxError: it could not be stored.
        """
        self._file.store(lambda db: keep_anchor(db, anchor))

    def anchor_of(self, boot_id: str) -> Anchor | None:
        """The newest anchor of a boot; there is one for each boot that has a record."""
        with self._file.guarded() as db:
            return kept_anchor(db, boot_id)

    @property
    def depth(self) -> int:
        """How many transitions wait, for whichever sink."""
        with self._file.lock:
            return self._depth

    def waiting(self, sink: str = MQTT) -> int:
        """How many transitions wait for this sink."""
        with self._file.lock:
            return self._waiting[sink]

    @property
    def depths(self) -> Mapping[str, int]:
        """How many transitions wait for each sink."""
        with self._file.lock:
            return dict(self._waiting)

    @property
    def last_seq(self) -> int:
        """The number of the last stored transition, 0 before the first."""
        return int(self._file.one("SELECT value FROM fact WHERE name = 'last_seq'") or 0)

    def incident_of(self, incident_id: str) -> int | None:
        """Number of the incident that this outbox has given this id; None: it has given it to none.

        Raises:
            OutboxError: the file cannot be read.
        """
        lineage = self._file.one("SELECT value FROM fact WHERE name = 'lineage'")
        return None if lineage is None else number_of(incident_id, bytes(lineage))

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._file.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _record(self, alert: Alert, seq: int, boot_id: str, lineage: bytes, chance: bytes) -> Record:
        return Record(
            seq=seq,
            id=event_id(seq, chance),
            incident_id=sortable_id(alert.incident or OWN_INCIDENTS + seq, lineage),
            boot_id=boot_id,
            alert=alert,
            bundle=self.bundle,
        )

    def _before(self, keys: set[str], boot_id: str, db: sqlite3.Connection) -> dict[str, Record]:
        """The last transition of these alarms, where that or its onset was in an earlier boot."""
        query = "SELECT seq, boot_id, CAST(body AS BLOB) FROM alarm WHERE key = ?"
        found = {key: db.execute(query, (key,)).fetchone() for key in keys}
        return {k: self._read(row) for k, row in found.items() if row and (row[1] != boot_id or _OF_NOW not in row[2])}

    def _dated(self, record: Record, before: Mapping[str, Record]) -> Record:
        """A transition with the onset of the raised one, where that was in an earlier boot.

        The alarm machine cannot give it: monotonic times of two boots do not compare.
        """
        last = before.get(str(record.alert.key))
        if last is None or last.incident_id != record.incident_id:
            return record
        anchor = last.onset_anchor or (None if last.boot_id == record.boot_id else self.anchor_of(last.boot_id))
        onset_ns = record.alert.onset_ns if anchor is None else last.alert.onset_ns
        return msgspec.structs.replace(record, alert=replace(record.alert, onset_ns=onset_ns), onset_anchor=anchor)

    def _records(self, query: str, *values: int | str) -> list[Record]:
        return [self._read(row) for row in self._file.rows(query, *values)]

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
