"""Keeps C libraries from writing to the standard error what no user can use.

In: a block of code. Out: nothing; what else was written meanwhile is passed on. Not here: Python's own warnings.

The standard error belongs to the whole process: while the block runs, what other threads write to it waits, and a child
process that one of them starts keeps the caught file as its own standard error. So keep the block short.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = re.compile(
    rb"^(ALSA lib|Cannot connect to server|jack server|JackShm|Expression '|connect\(2\)|attempt to |"
    rb"Warning: Xing stream size|Note: (Illegal Audio-MPEG-Header|Trying to resync|Skipped \d+ bytes)|"
    rb"\[[^\]]*libmpg123)"
)
_ONE_AT_A_TIME = threading.RLock()  # two that cross would leave each other's file as the standard error


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep back what ALSA, JACK and mpg123 print; whatever else is written meanwhile is passed on afterwards."""
    with _ONE_AT_A_TIME:
        saved_caught = _caught()
        if saved_caught is None:
            yield
            return
        saved, caught = saved_caught
        os.dup2(caught, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            with os.fdopen(caught, "rb") as file:
                file.seek(0)
                rest = b"".join(line for line in file if line.strip() and not _NOISE.match(line))
            if rest:
                with contextlib.suppress(OSError):  # the reader of our standard error has gone
                    os.write(2, rest)


def _caught() -> tuple[int, int] | None:
    """A copy of the standard error, and a file in its place; None where there is nothing to keep quiet."""
    if not hasattr(os, "memfd_create"):  # not Linux: the noise stays
        return None
    try:
        saved = os.dup(2)
    except OSError:  # the standard error is closed, as a service's may be
        return None
    try:
        return saved, os.memfd_create("stderr")
    except OSError:  # no file descriptor is left
        os.close(saved)
        return None
