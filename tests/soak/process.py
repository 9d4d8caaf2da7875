"""The daemon under test as a process: what it says, what it holds, and what can be done to it from outside.

In: a folder, a broker's port, a speed. Out: ``Reading`` s of its memory, threads, descriptors and children; the lines
of its stdout (as dictionaries) and stderr, with their times. Not here: what it runs (``daemon``).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_UNLIMITED = resource.RLIM_INFINITY


@dataclass(frozen=True)
class Reading:
    """What a process holds at a moment."""

    at_s: float
    """Seconds since the beginning."""
    rss_mib: float
    anon_mib: float
    """Of it, what is no file's: not libraries, whose pages come as they are used."""
    threads: int
    descriptors: int
    children: int
    graphs_rss_mib: float
    """Of the process that runs its graphs; it is another one after each of its faults."""


class DaemonProcess:
    """Runs from the moment it is made; ``ready`` is set when it watches."""

    def __init__(self, folder: Path, *, port: int, speed: float) -> None:
        self.said: list[dict[str, object]] = []
        self.lines: list[tuple[float, str]] = []
        self.ready = threading.Event()
        self._child_pids: set[int] = set()
        words = ["--folder", str(folder), "--port", str(port), "--speed", str(speed)]
        paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "soak.daemon", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._hear, self._read_log)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        return self._process.poll()

    def tell(self, number: int, kind: str, streams: Sequence[str], seconds: float) -> None:
        """Let a fault of a device begin; with no kind, only ask when these streams are read again."""
        assert self._process.stdin is not None
        words = {"number": number, "kind": kind, "streams": list(streams), "seconds": seconds}
        try:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it has ended; who asks for its status learns of it
            pass

    def signal_children(self, number: signal.Signals) -> None:
        """Send a signal to the processes that it has started."""
        for pid in self._children():
            os.kill(pid, number)

    def fill_disk(self, full: bool) -> None:
        """No file of it may be written any more, or every one again; its own log is a pipe."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0 if full else _UNLIMITED, _UNLIMITED))

    def read(self, at_s: float) -> Reading:
        """What it holds now; zeros where it has ended."""
        try:
            children = self._children()
            return Reading(
                at_s,
                _mib(self.pid, "VmRSS"),
                _mib(self.pid, "RssAnon"),
                len(list(Path(f"/proc/{self.pid}/task").iterdir())),
                len(list(Path(f"/proc/{self.pid}/fd").iterdir())),
                len(children),
                sum(_mib(pid, "VmRSS") for pid in children),
            )
        except OSError:
            return Reading(at_s, 0.0, 0.0, 0, 0, 0, 0.0)

    def end(self) -> int:
        """SIGTERM; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        for thread in self._threads:
            thread.join(10)
        return status

    def kill(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def left(self) -> list[int]:
        """Processes that it had started and that still run, after its end."""
        time.sleep(0.5)
        return sorted(pid for pid in self._child_pids if _is_ours(pid))

    def _children(self) -> list[int]:
        found: set[int] = set()
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                found |= set(map(int, path.read_text().split()))
            except OSError:  # a thread that has just ended
                continue
        self._child_pids |= found
        return sorted(found)

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = json.loads(line)
            self.said.append(words)
            if "ready" in words:
                self.ready.set()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))


def _mib(pid: int, key: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith(f"{key}:")), 0.0)


def _is_ours(pid: int) -> bool:
    try:
        return b"edge_mm" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
