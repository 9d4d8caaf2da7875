"""A video file -> one Sample per frame.

In: any file that FFmpeg decodes (MP4, AVI, MKV, MPEG, GIF ...). Out: (height, width, 3) uint8 BGR frames with
``t_ns = start_ns + position``. Not here: the sound track (``audio_file``), real-time pacing (``pacing``).

Position: the container's own time stamp, rounded to a microsecond and counted from the first frame, so that a file of
variable frame rate (phone, screen recording, GIF) keeps its time. Where the stamps do not advance, or leap by more than
10 s, that step is one nominal frame interval instead. Both depend on the file alone: two runs agree to the nanosecond.
"""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

from edge_mm.errors import SourceError
from edge_mm.sources.files import readable_file
from edge_mm.sources.opencv import load_cv2
from edge_mm.types import NS_PER_S, Sample, StreamSpec

_LONGEST_STEP_NS = 10 * NS_PER_S
_FPS_WITHOUT_ANY_HINT = 25.0


class VideoFile:
    """Frames of a video file, as fast as they are read.

    Args:
        path: The file.
        name: Stream name.
        start_ns: Time of the first frame.
    """

    live = False

    def __init__(self, path: str | Path, *, name: str = "vision", start_ns: int = 0) -> None:
        self.name = name
        self._path = Path(path)
        self._start_ns = start_ns
        self._capture: Any = None
        self._position_property = 0
        self._ahead: deque[tuple[Any, int]] = deque()
        self._rate_hz = _FPS_WITHOUT_ANY_HINT
        self._last_stamp_ns = 0
        self._position_ns: int | None = None

    def open(self) -> StreamSpec:
        """Open the file and decode its first frame.

        Raises:
            SourceError: the file is missing, may not be read, is no video, or has no frame that can be decoded.
        """
        self.close()
        readable_file(self._path, what="video file")
        cv2 = load_cv2()
        # Frame-parallel decoding holds a frame per thread and buys nothing at several times real time.
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        self._position_property = cv2.CAP_PROP_POS_MSEC
        reported = float(self._capture.get(cv2.CAP_PROP_FPS)) if self._capture.isOpened() else math.nan
        first = self._decode()
        if first is None:
            self.close()
            raise SourceError(f"{self._path}: no frame can be decoded; it is empty, damaged or not a video.")
        self._ahead.append(first)
        self._rate_hz = reported if 1.0 <= reported <= 240.0 else self._fps_from_stamps(first)
        return StreamSpec(name=self.name, kind="video", rate_hz=self._rate_hz, unit="bgr8")

    def read(self) -> Sample | None:
        """The next frame, or None at the end of the file."""
        frame = self._ahead.popleft() if self._ahead else self._decode()
        if frame is None:
            return None
        image, stamp_ns = frame
        if self._position_ns is None:
            self._position_ns = 0
        else:
            step = stamp_ns - self._last_stamp_ns
            self._position_ns += step if 0 < step <= _LONGEST_STEP_NS else round(NS_PER_S / self._rate_hz)
        self._last_stamp_ns = stamp_ns
        return Sample(stream=self.name, t_ns=self._start_ns + self._position_ns, data=image, rate_hz=self._rate_hz)

    def close(self) -> None:
        """Release the decoder."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None
        self._ahead.clear()
        self._position_ns = None

    def _decode(self) -> tuple[Any, int] | None:
        """The next frame and its own time stamp in nanoseconds (0 where there is none)."""
        if self._capture is None:
            return None
        ok, image = self._capture.read()
        if not ok or image is None:
            return None
        stamp_ms = float(self._capture.get(self._position_property))
        return image, round(stamp_ms * 1000) * 1000 if math.isfinite(stamp_ms) else 0

    def _fps_from_stamps(self, first: tuple[Any, int]) -> float:
        """Frame rate where the container says 0, NaN or its time base (1000): from its first two frames."""
        second = self._decode()
        if second is None:
            return _FPS_WITHOUT_ANY_HINT
        self._ahead.append(second)
        step_ns = second[1] - first[1]
        return NS_PER_S / step_ns if 4_000_000 <= step_ns <= NS_PER_S else _FPS_WITHOUT_ANY_HINT
