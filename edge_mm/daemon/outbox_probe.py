"""Open the outbox as the daemon would, and leave it as it was.

In: the path of the outbox and whose it should be. Out: free space, or an ``OutboxError`` that says why ``edge-mm run``
could not use it. Nothing is made: where there is no file yet, its folder is looked at; a journal that a crash left is
taken in, as at any start. Not here: using it (``delivery.outbox``).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_mm.delivery.outbox_file import probe_file
from edge_mm.errors import OutboxError

LEAST_FREE_MIB = 16
"""The outbox needs a few MiB for weeks without a broker; less free space than this is about to fail."""


def try_outbox(path: Path, *, device: str | None) -> int:
    """Try whether the daemon could use it.

    Args:
        path: the SQLite file, absolute.
        device: whose outbox it should be; None where that is not known.

    Returns:
        MiB free on its disk.

    Raises:
        OutboxError: the first thing that is wrong.
    """
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK | os.R_OK)):
        raise OutboxError(f"outbox {path}: not writable for this user; set [outbox] path, or change its owner")
    if path.exists() and not path.is_file():
        raise OutboxError(f"outbox {path}: not a file; set [outbox] path to one")
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < LEAST_FREE_MIB:
        raise OutboxError(f"outbox {path}: {free_mib} MiB free on its disk; free at least {LEAST_FREE_MIB} MiB")
    if path.exists() and path.stat().st_size:
        probe_file(path, device=device)
    return free_mib
