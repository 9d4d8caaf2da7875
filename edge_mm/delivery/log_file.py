"""A durable sink: alert events as lines of JSON in a file.

In: events. Out: ``alerts.jsonl``, and ``alerts.jsonl.1`` ... once it has grown. A line is on the disk when ``deliver``
returns. A crash may leave a torn last line, which is cut off, and events that are in the file and not yet confirmed,
which are known by their id and not written again. Not here: the log of the daemon (``daemon.logs``).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_mm.delivery.bridge_payloads import encode
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.errors import DeliveryError

MOST = 100
"""Events that share one flush."""
_REMEMBERED = 10 * MOST
"""Ids that are kept of a file of which nothing is kept."""


class _Id(msgspec.Struct):
    id: str


class LogFile:
    """Writes one file.

    Args:
        path: the newest file; it is made for its owner alone.
        name: of the sink.
        max_bytes: a file that would grow beyond this is put aside.
        keep: files put aside that are kept.
    """

    def __init__(self, path: str | Path, *, name: str = "log", max_bytes: int = 10 << 20, keep: int = 5) -> None:
        self.name = name
        self._path, self._max_bytes, self._keep = Path(path), max_bytes, keep
        self._file = -1
        self._ids: dict[str, None] = {}  # in order

    def deliver(self, events: Sequence[AlertEvent]) -> None:
        """Write and flush these.

        Raises:
            DeliveryError: none was written.
        """
        try:
            self._open()
            new = [event for event in events if event.id not in self._ids]
            lines = b"".join(encode(event) + b"\n" for event in new)
            if not lines:
                return
            size = os.fstat(self._file).st_size
            if size and size + len(lines) > self._max_bytes:
                self._put_aside()
                size = 0
            self._append(lines, size)
        except OSError as error:
            self.close()
            raise DeliveryError(f"{self._path}: cannot be written: {error.strerror or error}") from error
        self._ids.update(dict.fromkeys(event.id for event in new))

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.close(file)

    def _append(self, lines: bytes, size: int) -> None:
        """All of it, or the file as it was."""
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    def _open(self) -> None:
        """The file that stands under this name now: somebody may have moved it."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return
            self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not hold us up
        self._file = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise OSError(0, "not a regular file")
        _flush_folder(self._path.parent)
        ids = _ids(self._dropped) | _ids(self._aside(1)) | _ids(self._path)
        end = _whole(self._path)
        if end < os.fstat(self._file).st_size:
            os.ftruncate(self._file, end)
        self._ids = ids

    def _put_aside(self) -> None:
        """Oldest first, each by one rename: a crash leaves a gap in the numbers and loses nothing."""
        self.close()
        if self._keep == 0:
            self._drop()
        for number in range(self._keep, 0, -1):
            place = self._path if number == 1 else self._aside(number - 1)
            with contextlib.suppress(FileNotFoundError):
                place.replace(self._aside(number))
        self._open()

    def _drop(self) -> None:
        """Delete it; what it had last is remembered by id: some of that may not be confirmed when we are killed."""
        made = self._dropped.with_name(f"{self._dropped.name}-new")
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.writelines(msgspec.json.encode(_Id(one)) + b"\n" for one in list(self._ids)[-_REMEMBERED:])
            file.flush()
            os.fsync(file.fileno())
        made.replace(self._dropped)
        self._path.unlink()

    @property
    def _dropped(self) -> Path:
        return self._path.with_name(f"{self._path.name}.ids")

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _whole(path: Path) -> int:
    """How many bytes its whole lines have."""
    with path.open("rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))


def _ids(path: Path) -> dict[str, None]:
    """Of the whole lines that are events, in order."""
    found: dict[str, None] = {}
    decode = msgspec.json.Decoder(_Id).decode
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                if line.endswith(b"\n"):
                    found[decode(line).id] = None
    return found


def _flush_folder(folder: Path) -> None:
    """That the file is there is durable too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
