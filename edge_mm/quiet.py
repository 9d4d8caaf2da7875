"""Keeps C libraries from writing to the standard error what no user can use.

In: a block of code. Out: nothing; what else was written meanwhile is passed on afterwards. Not here: Python's warnings.

The standard error belongs to the whole process, so there is one redirection for all: blocks of several threads may
cross, the first to begin sets it up and the last to end takes it back, and nobody waits for another (a sound server
that hangs must not keep a graph from loading). While it stands, what other threads write waits too, and a child process
that one of them starts keeps the file in its place as its own standard error: keep the blocks short.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_NOISE = re.compile(
    rb"^(ALSA lib|Cannot connect to server|jack server|JackShm|Expression '|connect\(2\)|attempt to |"
    rb"Warning: Xing stream size|Note: (Illegal Audio-MPEG-Header|Trying to resync|Skipped \d+ bytes|Hit end of )|"
    rb"\[[^\]]*libmpg123|"
    rb"fully_quantize: \d+, inference_type: |"
    rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.|"
    rb"WARNING: All log messages before absl::InitializeLog\(\)|To enable the following instructions: |"
    rb"[IWE]\d{4} [^\]]*(port|cudart_stub|cuda_platform|cpu_feature_guard)\.cc:)"
)
"""How the lines of ALSA, JACK, PortAudio, mpg123, the TFLite runtime and TensorFlow's greeting begin."""


class _Caught(NamedTuple):
    stderr: int
    """A copy of the standard error."""
    file: int
    """What stands in its place."""


class _Redirection:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._caught: _Caught | None = None

    def begin(self) -> None:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._caught = _caught()

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0 and self._caught is not None:
                caught, self._caught = self._caught, None
                _give_back(caught)


_redirection = _Redirection()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep back what ALSA, JACK, mpg123 and TFLite print, unless ``EDGE_MM_DEBUG`` is set."""
    if os.environ.get("EDGE_MM_DEBUG"):
        yield
        return
    _redirection.begin()
    try:
        yield
    finally:
        _redirection.end()


def _caught() -> _Caught | None:
    """Put a file in the place of the standard error; None where there is nothing to keep quiet, or no way to."""
    if sys.__stderr__ is None or not hasattr(os, "memfd_create"):
        return None  # begun without a standard error, its descriptor may be anybody's; or this is not Linux
    try:
        stderr = os.dup(2)
    except OSError:  # closed since, or no descriptor is left: then the noise is said
        return None
    try:
        file = os.memfd_create("stderr")
    except OSError:
        os.close(stderr)
        return None
    os.dup2(file, 2)
    return _Caught(stderr, file)


def _give_back(caught: _Caught) -> None:
    os.dup2(caught.stderr, 2)
    os.close(caught.stderr)
    with os.fdopen(caught.file, "rb") as file:
        file.seek(0)
        rest = b"".join(line for line in file if line.strip() and not _NOISE.match(line))
    if rest:
        with suppress(OSError):  # full or gone, as it would have been for whoever wrote it
            os.write(2, rest)
