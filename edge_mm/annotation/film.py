"""A video file that is written whole or not at all.

In: a path, then frames. Out: the file. It grows under a hidden name beside its place and is moved there when it is
whole; an interrupted replay leaves nothing. Not here: what is in the frames.

Codec: MPEG-4 part 2 (``mp4v``), which OpenCV's wheels can write everywhere and VLC, mpv, QuickTime and FFmpeg play;
they have no H.264 (``avc1``) encoder. Browsers do not play it: for those ``.webm`` (VP8).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_mm.annotation.ink import U8
from edge_mm.errors import EdgeMmError, UsageError
from edge_mm.sources.files import said
from edge_mm.sources.opencv import load_cv2

CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "mp4v", ".webm": "VP80"}
"""Suffix -> codec."""
_COUNTED = {".mp4", ".m4v", ".mov", ".avi"}
"""Files that say how many frames they hold."""


class Film:
    """A video file in the making; leaving its ``with`` block without ``finish`` leaves no file.

    Args:
        path: the file to write.
        force: replace a file that is there already.
        inputs: files that are being read and must not be replaced.

    Raises:
        UsageError: there is such a file, no such folder, or no codec for such a suffix.
        EdgeMmError: it cannot be written there, or OpenCV has not the codec.
    """

    def __init__(self, path: str | Path, *, force: bool = False, inputs: Iterable[str | Path] = ()) -> None:
        self.path = _place(path, force=force, inputs=inputs)
        self._partial = self.path.with_name(f".{self.path.stem[:80]}.{os.getpid()}.part{self.path.suffix}")
        self._code = load_cv2().VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
        self._writer: Any = None
        self._size = (0, 0)
        self.frames = 0
        try:
            self._partial.open("xb").close()
        except OSError as error:
            raise EdgeMmError(f"{path}: cannot be written: {said(error)}") from error
        self._open(25.0, (64, 64))  # what cannot be written is said now, not after an hour

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def begin(self, rate_hz: float, width: int, height: int) -> None:
        """Set frame rate (one that ``writable_rate`` gave) and size, before the first frame."""
        self._open(rate_hz, (width, height))

    def write(self, picture: U8) -> None:
        """Append a (height, width, 3) uint8 BGR frame."""
        self._writer.write(picture)
        self.frames += 1

    def finish(self) -> None:
        """Make the file what it is called, if it holds a frame.

        Raises:
            EdgeMmError: not all of it could be written (a full disk).
        """
        self._release()
        if not self.frames:
            return
        if not self._whole():
            raise EdgeMmError(f"{self.path}: could not be written whole; is the disk full?")
        try:
            self._partial.replace(self.path)
        except OSError as error:
            raise EdgeMmError(f"{self.path}: cannot be written: {said(error)}") from error

    def _open(self, rate_hz: float, size: tuple[int, int]) -> None:
        self._release()
        cv2 = load_cv2()
        self._writer, self._size = cv2.VideoWriter(str(self._partial), cv2.CAP_FFMPEG, self._code, rate_hz, size), size
        if not self._writer.isOpened():
            self.__exit__(None, None, None)
            raise EdgeMmError(
                f"{self.path}: OpenCV {cv2.__version__} cannot write {CODECS[self.path.suffix.lower()]} video of "
                f"{size[0]}x{size[1]}; try another suffix: {', '.join(CODECS)}"
            )

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _whole(self) -> bool:
        """OpenCV does not say that a write failed, so the file is asked."""
        cv2 = load_cv2()
        capture = cv2.VideoCapture(str(self._partial), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                return False
            counted = self.path.suffix.lower() not in _COUNTED
            return counted or int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == self.frames
        finally:
            capture.release()


def writable_rate(rate_hz: float) -> float:
    """The frame rate that a file will have when ``rate_hz`` (1 or more) is asked for.

    OpenCV writes a rate as a fraction of a power of ten that is within 0.001 of it (29.97003 as 2997/100). Frames are
    placed by that one, else they would be 0.1 s late after an hour.
    """
    base = 1
    while math.fabs(int(rate_hz * base + 0.5) / base - rate_hz) > 0.001:
        base *= 10
    return int(rate_hz * base + 0.5) / base


def _place(path: str | Path, *, force: bool, inputs: Iterable[str | Path]) -> Path:
    try:
        where = Path(path).expanduser()
        if where.suffix.lower() not in CODECS:
            raise UsageError(f"{path}: the suffix says how a video is written; give one of {', '.join(CODECS)}")
        if not where.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {where.parent}; make it, or name another file")
        if where.exists():
            if any(where.samefile(one) for one in map(Path, inputs) if one.exists()):
                raise UsageError(f"{path}: this is the recording itself; name another file")
            if not where.is_file():
                raise UsageError(f"{path}: this is not a regular file; name another one")
            if not force:
                raise UsageError(f"{path}: exists already; --force replaces it, or name another file")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{str(path)[:200]}: {said(error)}; name another file") from error
    return where
