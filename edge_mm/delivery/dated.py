"""Which moment dates a transition.

In: a record and the present. Out: the anchor that its monotonic times count from. Not here: reading clocks (``clock``).
"""

from __future__ import annotations

from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import Record


def anchor_for(outbox: Outbox, record: Record, now: Anchor) -> Anchor | None:
    """The present, unless the clock was right before in this boot and has been moved since; else what was noted."""
    if record.boot_id == now.boot_id and now.synced:
        return now
    noted = outbox.anchor_of(record.boot_id)
    if record.boot_id != now.boot_id:
        return noted
    return noted if noted is not None and noted.synced else now
