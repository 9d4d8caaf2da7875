"""What systemd does for a daemon, where there is no systemd: start it, watch its watchdog, start it again.

In: the words of ``edge-mm run --guarded`` (a container's command). Out: the exit status of the last run. The daemon is
a child; it is killed when it has not said ``WATCHDOG=1`` in time, and started again after it was killed or has failed,
after 1, 2, 4 ... 60 s. One that says that a restart does not help (a wrong configuration) is not started again. Signals
are passed on. Not here: the daemon; the unit for systemd (``daemon.service``).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from edge_mm.errors import ConfigError, EdgeMmError, UsageError

START_S = 120.0
"""Until it says that it watches: a bundle's self-test takes seconds on a small board."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY_S = 300.0
"""A run of so long was a good one: the next pause is short again."""
KEPT_S = 20.0
"""Longest wait for an end in order, as ``TimeoutStopSec`` of the unit."""
FINAL = frozenset((0, UsageError.exit_status, ConfigError.exit_status))
"""Exit statuses after which a restart does not help."""
_log = logging.getLogger("edge_mm.guardian")


def guard(args: argparse.Namespace) -> int:
    """Keep ``edge-mm run`` running.

    Returns:
        The exit status of its last run.

    Raises:
        EdgeMmError: it cannot be started at all.
    """
    words = ["-v"] if args.verbose else ["-q"] if args.quiet else []
    command = [sys.executable, "-m", "edge_mm.cli", "run", "-c", args.config, *words]
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder, _Ears(Path(folder) / "notify") as ears:
        return _Guardian(command, ears, watchdog_s=args.guarded).run()


class _Ears:
    """The socket on which the daemon says how it is; see sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _Ears:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hear(self, timeout_s: float) -> str:
        """What it says next; empty when nothing came in time."""
        self._socket.settimeout(max(0.01, timeout_s))
        try:
            return self._socket.recv(4096).decode("utf-8", "replace")
        except (TimeoutError, InterruptedError):
            return ""

    def forget(self) -> None:
        """Drop what a run before has said."""
        while self.hear(0.0):
            pass


class _Guardian:
    def __init__(self, command: list[str], ears: _Ears, *, watchdog_s: float) -> None:
        self._command, self._ears, self._watchdog_s = command, ears, watchdog_s
        self._child: subprocess.Popen[bytes] | None = None
        self._ending = False

    def run(self) -> int:
        pause_s = FIRST_PAUSE_S
        with self._signals():
            while True:
                began_s = time.monotonic()
                status = self._one_run()
                if self._ending or status in FINAL:
                    return status if status >= 0 else 128 - status
                if time.monotonic() - began_s > STEADY_S:
                    pause_s = FIRST_PAUSE_S
                _log.warning("edge-mm run ended with status %d; it starts again in %g s", status, pause_s)
                self._sleep(pause_s)
                if self._ending:
                    return 0
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _one_run(self) -> int:
        self._ears.forget()
        said = {"NOTIFY_SOCKET": str(self._ears.path), "WATCHDOG_USEC": str(round(self._watchdog_s * 1e6))}
        try:
            child = self._child = subprocess.Popen(self._command, env={**os.environ, **said})
        except OSError as error:
            raise EdgeMmError(f"edge-mm run cannot be started: {error}") from None
        if self._ending:  # the signal came while it was being started
            child.terminate()
        since_s = time.monotonic()
        due_s = since_s + START_S
        while (status := child.poll()) is None:
            words = self._ears.hear(min(0.5, due_s - time.monotonic()))
            now_s = time.monotonic()
            if words:
                since_s = now_s
                due_s = now_s + (KEPT_S if "STOPPING=1" in words else self._watchdog_s)
                if "RELOADING=1" in words:
                    due_s = now_s + START_S
            elif now_s > due_s:
                _log.error("edge-mm run has not said for %g s that it makes progress: it is ended", due_s - since_s)
                child.send_signal(signal.SIGABRT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(2.0)
                child.kill()
                return child.wait()
        return status

    def _sleep(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._ending and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.2))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end both; SIGHUP is the daemon's to answer."""

        def passed_on(number: int, _frame: FrameType | None) -> None:
            self._ending = self._ending or number != signal.SIGHUP
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(number)

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = [signal.signal(number, passed_on) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
            if self._child is not None and self._child.poll() is None:
                self._child.kill()
                self._child.wait()
