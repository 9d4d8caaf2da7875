"""Space on the outbox's disk that is ours before it is full.

In: the outbox's path. Out: a file of ``RESERVE_BYTES`` beside it whose blocks are allocated and never written; given
back a piece at a time when the disk is full, so that nobody else can take all of it at once, and made whole when there
is room again. Not here: noticing that the disk is full (``outbox``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path

RESERVE_BYTES = 1 << 20
"""About a thousand transitions."""
STEP_BYTES = 64 * 1024
"""Given back at a time: a commit of some transitions fits."""
LAST_BYTES = RESERVE_BYTES // 4
"""Kept for deleting what has been delivered, which needs space too and makes more."""
_LOOK_S = 10.0
_log = logging.getLogger("edge_mm.outbox")


class Reserve:
    """The space beside one outbox; used under the outbox's lock.

    Args:
        outbox: path of the outbox; the reserve is ``<outbox>-reserve``.
        size: bytes; 0 keeps none.
    """

    def __init__(self, outbox: Path, size: int = RESERVE_BYTES) -> None:
        self.path = outbox.with_name(f"{outbox.name}-reserve")
        self._size = size
        self._looked_s = float("-inf")
        with contextlib.suppress(OSError):  # what a crash left is used
            if size == 0:
                self.path.unlink()
        self.restore(now=True)

    @property
    def bytes(self) -> int:
        """How much is left."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def give(self, *, last: bool) -> bool:
        """Give a piece back to the disk; False when there is none left.

        Args:
            last: whether the last quarter may be used too.
        """
        left = self.bytes
        least = 0 if last else min(LAST_BYTES, self._size // 4)
        if left <= least:
            return False
        try:
            os.truncate(self.path, max(left - STEP_BYTES, least))
        except OSError as error:
            _log.error("%s: cannot be given back: %s", self.path, error.strerror)
            return False
        if left >= self._size:
            _log.warning("the disk of the outbox is full; the space that was kept for this is used: %s", self.path)
        return True

    def restore(self, *, now: bool = False) -> None:
        """Make it whole where the disk has twice the room; looks every ten seconds at most, or ``now``."""
        if self._size == 0 or (not now and time.monotonic() - self._looked_s < _LOOK_S):
            return
        self._looked_s = time.monotonic()
        missing = self._size - self.bytes
        if missing <= 0:
            return
        try:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < missing + self._size:
                return
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(self.path, flags, 0o600)
            try:
                os.posix_fallocate(file, 0, self._size)
            finally:
                os.close(file)
        except OSError as error:
            _log.warning("no space could be kept for the outbox: %s: %s", self.path, error.strerror)
