"""The outbox's anchors: one moment of each boot, by which its alerts are dated.

In: an open transaction of the outbox's file. Out: the newest anchor of each boot that anything refers to. Not here: the
clocks (``clock``), dating (``dated``).
"""

from __future__ import annotations

import sqlite3

from edge_mm.delivery.clock import Anchor


def keep_anchor(db: sqlite3.Connection, anchor: Anchor) -> None:
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


def kept_anchor(db: sqlite3.Connection, boot_id: str) -> Anchor | None:
    """The newest anchor of a boot."""
    row = db.execute("SELECT wall_ns, mono_ns, synced FROM anchor WHERE boot_id = ?", (boot_id,)).fetchone()
    return None if row is None else Anchor(int(row[0]), int(row[1]), boot_id, bool(row[2]))
