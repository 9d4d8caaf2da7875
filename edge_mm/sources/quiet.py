"""Keeps C libraries from writing to the standard error what no user can use.

In: a block of code. Out: nothing; what else was written meanwhile is passed on. Not here: Python's own warnings.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = re.compile(
    rb"^(ALSA lib|Cannot connect to server|jack server|JackShm|Expression '|connect\(2\)|attempt to |"
    rb"Warning: Xing stream size|\[[^\]]*libmpg123)"
)
_ONE_AT_A_TIME = threading.RLock()  # two that cross would leave each other's file as the standard error


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep back what ALSA, JACK and mpg123 print; whatever else is written meanwhile is passed on afterwards."""
    if not hasattr(os, "memfd_create"):  # not Linux: the noise stays
        yield
        return
    with _ONE_AT_A_TIME:
        saved = os.dup(2)
        caught = os.memfd_create("stderr")
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
                os.write(2, rest)
