"""A camera: V4L2 device or network stream -> one Sample per frame.

In: a V4L2 index, a ``/dev/video*`` or ``/dev/v4l/by-id/...`` path, or an RTSP/HTTP URL. Out: (height, width, 3)
uint8 BGR frames, stamped with the monotonic clock when the frame is grabbed, before it is decoded. Not here: video
files (``video_file``), reconnecting (the daemon).
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.opencv import load_cv2
from edge_mm.types import Sample, StreamSpec

_CREDENTIALS = re.compile(r"(?<=://).*@")  # to the last @: a password may hold a slash, or an @ itself
_ARGUMENTS = re.compile(r"[?#=].*")  # cameras take ?user=...&pwd=... and /user=..._password=..., by any name
_USUAL_FPS = 30.0


def without_password(url: str) -> str:
    """An address with everything that may be a user or a password replaced by ``***``, fit for logs and messages."""
    if "://" not in url:
        return url
    return _ARGUMENTS.sub(lambda found: found[0][0] + "***", _CREDENTIALS.sub("***@", url))


class Camera:
    """A live camera. Frames come as the device gives them; the daemon keeps the newest.

    Args:
        device: V4L2 index, device path, or RTSP/HTTP URL.
        name: Stream name.
        width: Asked of a V4L2 device, pixels; a URL is delivered as it comes.
        height: As ``width``.
        fps: Asked of a V4L2 device, and the nominal rate of a URL (OpenCV reports 25 whatever the truth); None keeps
            what the device says.
        open_timeout_s: A URL that does not answer in this time cannot be opened (OpenCV's default is 30 s).
        read_timeout_s: A stream that gives no frame in this time is lost (OpenCV's default is 30 s; 10 s for V4L2).
    """

    live = True

    def __init__(
        self,
        device: int | str,
        *,
        name: str = "vision",
        width: int = 640,
        height: int = 480,
        fps: float | None = None,
        open_timeout_s: float = 3.0,
        read_timeout_s: float = 2.0,
    ) -> None:
        self.name = name
        self._device = device
        self._size = (width, height)
        self._fps = fps
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._capture: Any = None
        self._rate_hz = fps or _USUAL_FPS
        self._label = f"camera {device}" if isinstance(device, int) else f"camera {without_password(device)}"

    def open(self) -> StreamSpec:
        """Open the camera.

        Raises:
            SourceError: there is no such device, it is busy, or the URL does not answer.
        """
        self.close()
        cv2 = load_cv2()
        self._capture = self._open_url(cv2) if _is_url(self._device) else self._open_v4l2(cv2)
        reported = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._rate_hz = self._fps or (reported if 1.0 <= reported <= 240.0 else _USUAL_FPS)
        return StreamSpec(name=self.name, kind="video", rate_hz=self._rate_hz, unit="bgr8")

    def read(self) -> Sample | None:
        """Block until the next frame.

        Raises:
            SourceLost: the device is gone, the stream ended, or no frame came in ``read_timeout_s``.
        """
        if self._capture is None:
            raise SourceLost(f"{self._label} is not open; call open() first.")
        asked_ns = time.monotonic_ns()
        grabbed = self._capture.grab()
        t_ns = time.monotonic_ns()
        # OpenCV's V4L2 answers a time-out with success and the old frame (opencv issue 24393): trust the clock.
        if (t_ns - asked_ns) >= self._read_timeout_s * 1e9:
            raise SourceLost(f"{self._label} gave no frame for {self._read_timeout_s:g} s; check cable and network.")
        ok, frame = self._capture.retrieve() if grabbed else (False, None)
        if not ok or frame is None:
            raise SourceLost(f"{self._label} stopped giving frames; check that it is plugged in and switched on.")
        return Sample(stream=self.name, t_ns=t_ns, data=frame, rate_hz=self._rate_hz)

    def close(self) -> None:
        """Release the device; a stalled RTSP stream may need two more read time-outs for its good-bye."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _open_url(self, cv2: Any) -> Any:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self._open_timeout_s * 1000)]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(self._read_timeout_s * 1000)]
        capture = cv2.VideoCapture(str(self._device), cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            raise SourceError(
                f"{self._label} does not answer as a video stream; check address, user, password and network "
                f"(waited at most {self._open_timeout_s:g} s)."
            )
        return capture

    def _open_v4l2(self, cv2: Any) -> Any:
        path = Path(f"/dev/video{self._device}") if isinstance(self._device, int) else Path(self._device)
        if not path.exists():
            raise SourceError(f"{self._label}: there is no {path}; plug the camera in or name one of /dev/v4l/by-id/.")
        # By path: an index would be resolved by OpenCV itself, and a by-id link survives re-plugging.
        capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise SourceError(
                f"{self._label}: {path} cannot be opened as a camera; another program may hold it, "
                "it may be no capture device, or this user is not in the group 'video'."
            )
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if self._fps:
            capture.set(cv2.CAP_PROP_FPS, self._fps)
        return capture


def _is_url(device: int | str) -> bool:
    return isinstance(device, str) and "://" in device
