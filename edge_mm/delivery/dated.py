"""Which moment dates a transition.

In: a record and the present. Out: the anchor that its monotonic times count from; anchors, noted now and then. Not
here: reading clocks (``clock``).
"""

from __future__ import annotations

import logging
import time

from edge_mm.delivery import clock
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import Record
from edge_mm.errors import OutboxError

_ANCHOR_S = 600.0
"""How often the wall clock is noted while nothing else happens."""
log = logging.getLogger(__name__)


class ClockNotes:
    """Keeps the boot's newest anchor: after a reboot it is all that tells when a waiting alert happened."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._noted = (0.0, False)

    def note(self) -> None:
        """Do so if it is time."""
        present, (noted, synced) = time.monotonic(), self._noted
        anchor = clock.now()
        if noted and present - noted < _ANCHOR_S and anchor.synced == synced:
            return
        self._noted = (present, anchor.synced)
        try:
            self._outbox.anchor(anchor)
        except OutboxError as error:
            log.warning("the wall clock could not be noted: %s", error)


def anchor_for(outbox: Outbox, record: Record, now: Anchor) -> Anchor | None:
    """The present, unless the clock was right before in this boot and has been moved since; else what was noted."""
    if record.boot_id == now.boot_id and now.synced:
        return now
    noted = outbox.anchor_of(record.boot_id)
    if record.boot_id != now.boot_id:
        return noted
    return noted if noted is not None and noted.synced else now
