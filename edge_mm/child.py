"""Run one of our own modules as a child process: what can hang in a driver, or crash in a library, lives there.

In: the module and a socket that it inherits. Out: a process that ends with its parent and with nothing else: signals to
the whole group are the parent's to answer. Not here: what is said over the socket (``sources.camera_child``,
``perception.graph_child``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GRACE_S = 0.5
"""A child that was told to go may let go of its device for so long."""
_KILLED_S = 1.0  # a process that hangs inside the kernel is not gone even then, and is not waited for
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_child(module: str, *, stream: bool = False) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start ``python -m MODULE DESCRIPTOR`` with this interpreter and this package.

    Args:
        module: its ``main`` uses ``as_child``.
        stream: a socket of bytes, for messages of any size; else one that keeps the bounds of small ones.

    Returns:
        The process, and our end of the socket; its end is the descriptor.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM if stream else socket.SOCK_SEQPACKET)
    # -P: nothing is imported from the folder that we happen to run in; this package may lie in no environment.
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
    with theirs:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        except BaseException:
            ours.close()
            raise
    return child, ours


def end_child(child: subprocess.Popen[bytes], *, grace_s: float = GRACE_S) -> None:
    """Wait until it has gone, our end of the socket being closed; kill it after ``grace_s``."""
    if grace_s > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
            return
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_KILLED_S)


@contextmanager
def as_child() -> Iterator[socket.socket]:
    """Body of a child's ``main``: its end of the socket. The process ends with the block, or with its parent."""
    with socket.socket(fileno=int(sys.argv[1])) as link:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            yield link
    os._exit(0)  # a library that hangs in its destructor holds nobody up
