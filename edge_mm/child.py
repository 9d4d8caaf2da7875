"""Run one of our own modules as a child process: what can hang in a driver, or crash in a library, lives there.

In: the module and a socket that it inherits. Out: a process that ends with its parent and with nothing else: signals to
the whole group are the parent's to answer. It knows no secret that it does not need. Not here: what is said over the
socket (``sources.camera_child``, ``perception.graph_child``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GRACE_S = 0.5
"""A child that was told to go may let go of its device for so long."""
_KILLED_S = 1.0  # a process that hangs inside the kernel is not gone even then, and is not waited for
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "XDG_RUNTIME_DIR", "EDGE_MM_BACKEND", "EDGE_MM_DEBUG")
_KEPT_STARTS = ("LC_", "LD_", "PYTHON", "OPENCV_", "OPENBLAS_", "OMP_", "GST_", "LIBCAMERA_", "FAKETIME", "PULSE_")
"""Variables that a child needs. A password that a configuration takes from the environment is none of them: the child
decodes what comes from the network, or runs graphs that are not ours."""

Started = tuple[subprocess.Popen[bytes], socket.socket]


def start_child(module: str, *, stream: bool = False) -> Started:
    """Start ``python -m MODULE DESCRIPTOR`` with this interpreter and this package.

    Args:
        module: its ``main`` uses ``as_child``.
        stream: a socket of bytes, for messages of any size; else one that keeps the bounds of small ones.

    Returns:
        The process, and our end of the socket; its end is the descriptor.

    Raises:
        OSError: it cannot be started.
    """
    answer: queue.SimpleQueue[Started | BaseException] = queue.SimpleQueue()
    _spawner().put((module, stream, answer.put))
    started = answer.get()
    if isinstance(started, BaseException):
        raise started
    return started


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


_Order = tuple[str, bool, Callable[["Started | BaseException"], None]]
_orders: queue.SimpleQueue[_Order] | None = None
_lock = threading.Lock()


def _spawner() -> queue.SimpleQueue[_Order]:
    """Orders for the one thread that starts children: the kernel ends a child with the *thread* that started it."""
    global _orders  # noqa: PLW0603  # one for the process, made when it is first needed
    with _lock:
        if _orders is None:
            _orders = queue.SimpleQueue()
            threading.Thread(target=_spawn, args=(_orders,), name="children", daemon=True).start()
        return _orders


def _spawn(orders: queue.SimpleQueue[_Order]) -> None:
    while True:
        module, stream, give = orders.get()
        try:
            give(_started(module, stream))
        except BaseException as error:  # whoever ordered it raises it
            give(error)


def _started(module: str, stream: bool) -> Started:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM if stream else socket.SOCK_SEQPACKET)
    with theirs:
        try:
            child = subprocess.Popen(
                # -P: nothing is imported from the folder that we happen to run in.
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        except BaseException:
            ours.close()
            raise
    return child, ours


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in _KEPT or key.startswith(_KEPT_STARTS)}
    here = Path(__file__).parents[1]
    if here.name not in ("site-packages", "dist-packages"):  # a checkout that is installed nowhere
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(here), kept.get("PYTHONPATH", ""))))
    return kept
