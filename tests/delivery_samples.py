"""Alerts to deliver, for the tests of the delivery and the processes that they start."""

import os
import subprocess
import sys
from contextlib import contextmanager

from edge_mm.types import Alert, Reason

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
"""For child processes: the same imports as here."""


def alert(t_s=1.0, state="raised", *, kind="driver.eyes_closed", incident=1, **changes):
    fields = {
        "t_ns": round(t_s * 1e9),
        "kind": kind,
        "key": kind,
        "state": state,
        "category": "physiological",
        "priority": "high",
        "onset_ns": round((t_s - 0.5) * 1e9),
        "reason": Reason("eyes_closed_for", {"seconds": 2.1, "limit": 1.5}, "eyes closed for 2.1 s (limit 1.5 s)"),
        "value": 2.1,
        "limit": 1.5,
        "unit": "s",
        "incident": incident,
        "sources": ("vision",),
        "quality": {"vision": 0.93, "audio": None},
        "attention": {"vision": 0.8},
        "contribution": {"vision": 1.0},
    }
    return Alert(**(fields | changes))


@contextmanager
def small_disk(tmp_path, mib=1):
    """A file system of some MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        import pytest

        pytest.skip("not here: mounting a small file system needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk, name="filler"):
    """Somebody takes all of the disk that he can get."""
    import pytest

    with pytest.raises(OSError, match="No space left"), (disk / name).open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
