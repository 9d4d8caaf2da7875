"""The files of the recordings: which one is written, when it ends, which ones go.

In: what the monitor was given, in order, with a ``State`` where a file may begin. Out: MCAP files in a folder, numbered
in the order in which they were written (a wall clock may be wrong), never more than they may be together. Where the
disk has no room it records nothing until there is some again. Belongs to the recorder's thread. Not here: the thread
and the queue before it (``daemon.recorder``), bytes (``recording``).
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_mm.daemon.before_alert import BeforeAlert
from edge_mm.daemon.config_record import RecordConfig
from edge_mm.delivery import clock
from edge_mm.kinds import SourceState
from edge_mm.recording import Encoder, End, Head, Message, Recorded, RecordingWriter, Said
from edge_mm.sources.files import said
from edge_mm.types import NS_PER_S, Sample

FLUSH_S = 5.0
"""How often what was recorded is given to the kernel."""
SYNC_S = 30.0
"""How often it is given to the card, which more often would wear faster: what is lost with the power."""
RETRY_S = 10.0
"""How soon after a failure it is tried again."""
LEAST_FREE_MIB = 64
"""Room that is left to the outbox and the system."""
MOST_SEGMENTS = 3
"""Times the wanted size at which a file ends in any case."""
_FILE = re.compile(r"edge-mm-(\d{8})(?:-\d{8}T\d{6}Z)?\.mcap", re.ASCII)
_log = logging.getLogger("edge_mm.record")


def recording_files(folder: Path) -> list[Path]:
    """The recordings of a folder, the oldest first; other files are not ours.

    Raises:
        OSError: it cannot be listed.
    """
    found = [(match[1], path) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def free_mib_of(folder: Path) -> int:
    """Room on the disk under a folder, MiB.

    Raises:
        OSError: it cannot be asked.
    """
    return shutil.disk_usage(folder).free >> 20


class _NoRoomError(OSError):
    """The disk is nearly full; what is open can still be ended."""


class Shelf:
    """Takes what is recorded.

    Args:
        config: how much is kept.
        head: of the first file.
        tell: hears how it goes: ``live``, or ``degraded`` and why.
        free_mib: room on the disk under a folder.
        clock_s: the present in seconds, for flushing and trying again.

    Attributes:
        wants_state: a ``State`` is asked for, so that a new file can begin.
        lost: events that no file took because the disk had no room.
        trouble: why nothing is recorded, as a sentence; empty while it is.
    """

    def __init__(
        self,
        config: RecordConfig,
        head: Head,
        *,
        tell: Callable[[SourceState, str], None],
        free_mib: Callable[[Path], int] = free_mib_of,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._head, self._tell = config, head, tell
        self._free_mib, self._clock_s = free_mib, clock_s
        self._folder = Path(config.folder)
        self._encoder = Encoder(jpeg_quality=config.jpeg_quality)
        self._segment_bytes = (config.max_mib << 20) // 8
        self._before = BeforeAlert(round(config.pre_s * NS_PER_S)) if config.keep == "alerts" else None
        self._writer: RecordingWriter | None = None
        self._parts = self._dropped = 0
        self._begin_ns = self._until_ns = 0
        self._retry_s = self._flush_s = self._sync_s = 0.0
        self._mib = 0.0
        self.wants_state = False
        self.lost = 0
        self.trouble = ""

    @property
    def file(self) -> str | None:
        """Name of the file that is written."""
        return None if self._writer is None else self._writer.path.name

    @property
    def mib(self) -> float:
        """All files together, MiB; as of the last flush."""
        return round(self._mib, 1)

    def begin(self) -> None:
        """Look whether it can be done, before anything has happened."""
        try:
            self._make_room()
            self._tell("live", "")
        except OSError as error:
            self._stop(error)

    def take(self, item: Recorded, *, dropped: int) -> None:
        """The next event.

        Args:
            item: the event.
            dropped: events of the session that never came here.
        """
        if self.trouble and self._before is None and isinstance(item, Sample):
            self.lost += 1  # no picture is encoded for nothing
            return
        message = self._encoder.encode(item)
        if message is None:
            return
        try:
            if self._before is None:
                self._always(message, dropped)
            else:
                self._around(self._before, item, message, dropped)
        except OSError as error:
            self._stop(error)

    def turn(self) -> None:
        """Do what is due: give it to the card, make room, try again."""
        now_s = self._clock_s()
        try:
            if self.trouble and now_s >= self._retry_s:
                self._retry_s = now_s + RETRY_S
                self._make_room()
                self.trouble, self.wants_state = "", True
                _log.warning("there is room again: the recording goes on")
                self._tell("live", "")
            elif self._writer is not None:
                self.wants_state |= self._before is None and self._writer.size >= self._segment_bytes
                if now_s >= self._flush_s:
                    self._flush_s = now_s + FLUSH_S
                    self._save(self._writer, now_s)
                    self._make_room()
        except OSError as error:
            self._stop(error)

    def close(self, *, dropped: int) -> None:
        """The run has ended."""
        try:
            self._end(dropped, ended=True)
        except OSError as error:
            self._stop(error)

    def _always(self, message: Message, dropped: int) -> None:
        if message.schema == "state" and not self.trouble:
            self._roll(message, dropped)
        elif self._writer is None:
            self.lost += message.schema not in ("state", "said")
        else:
            self._write(self._writer, message, dropped)

    def _around(self, before: BeforeAlert, item: Recorded, message: Message, dropped: int) -> None:
        self.wants_state |= not before.add(message)
        if self._writer is not None:
            if message.schema == "state" and self._full(self._writer, message.t_ns):
                self._roll(message, dropped)
            else:
                self._write(self._writer, message, dropped)
                if message.t_ns > self._until_ns and message.schema != "said":
                    self._end(dropped, ended=False)
        if isinstance(item, Said) and item.physiological and item.state == "raised":
            self._until_ns = max(self._until_ns, item.t_ns + round(self._config.post_s * NS_PER_S))
            waiting = list(before)
            if self.trouble:
                self.lost += len(waiting)
            elif self._writer is None and waiting:
                writer = self._roll(waiting[0], dropped)
                for one in waiting[1:]:
                    writer.write(one)

    def _save(self, writer: RecordingWriter, now_s: float) -> None:
        if now_s >= self._sync_s:
            self._sync_s = now_s + SYNC_S
            writer.sync()
        else:
            writer.flush()

    def _write(self, writer: RecordingWriter, message: Message, dropped: int) -> None:
        writer.write(message)
        if writer.size >= MOST_SEGMENTS * self._segment_bytes:  # faster than anybody could ask for a State
            self._end(dropped, ended=False)
            self.wants_state = True

    def _full(self, writer: RecordingWriter, t_ns: int) -> bool:
        return t_ns - self._begin_ns >= self._config.segment_s * NS_PER_S or writer.size >= self._segment_bytes

    def _roll(self, first: Message, dropped: int) -> RecordingWriter:
        """Begin the next file."""
        joined, self._dropped = self._writer is not None and dropped == self._dropped, dropped
        self._end(dropped, ended=False)
        self._make_room()
        self._parts += 1
        anchor = clock.now()
        head = msgspec.structs.replace(
            self._head, part=self._parts, joined=joined, wall_ns=anchor.wall_ns, mono_ns=anchor.mono_ns,
            clock_synced=anchor.synced,
        )  # fmt: skip
        files = recording_files(self._folder)
        number = int(files[-1].name[8:16]) + 1 if files else 1
        day = datetime.fromtimestamp(anchor.wall_ns / NS_PER_S, UTC).strftime("-%Y%m%dT%H%M%SZ")
        name = f"edge-mm-{number:08d}{'' if clock.absurd(anchor.wall_ns) else day}.mcap"
        self._writer = RecordingWriter(self._folder / name, head)
        self._begin_ns, self.wants_state = first.t_ns, False
        self._writer.write(first)
        return self._writer

    def _end(self, dropped: int, *, ended: bool) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(End(ended=ended, dropped=dropped + self.lost))

    def _make_room(self) -> None:
        """The folder is there, the files are not too many, the disk is not full.

        Raises:
            OSError: it cannot be so.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        sizes = [(path, path.stat().st_size) for path in recording_files(self._folder)]
        total = sum(size for _, size in sizes)
        room = (self._config.max_mib << 20) - (self._segment_bytes if self._writer is None else 0)
        for path, size in sizes:
            if total <= room or path.name == self.file:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._mib = total / 2**20
        free = self._free_mib(self._folder)
        if free < LEAST_FREE_MIB:
            raise _NoRoomError(f"{free} MiB are free, {LEAST_FREE_MIB} are left to the rest of the system")

    def _stop(self, error: OSError) -> None:
        """Nothing is recorded until there is room again."""
        writer, self._writer = self._writer, None
        if writer is not None and isinstance(error, _NoRoomError):
            with suppress(OSError):
                writer.close(End(ended=False, dropped=self._dropped + self.lost))
        elif writer is not None:
            writer.abandon()
        self._retry_s = self._clock_s() + RETRY_S
        before, self.trouble = (
            self.trouble,
            f"{self._folder}: {said(error)}; nothing is recorded until that has changed",
        )
        if not before:
            _log.error("%s", self.trouble)
            self._tell("degraded", self.trouble)
