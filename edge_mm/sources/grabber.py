"""Take frames from a camera, in the process that calls: a read may block for ever.

In: a V4L2 index, a ``/dev/video*`` or ``/dev/v4l/by-id/...`` path, an RTSP/HTTP URL, ``gst:PIPELINE`` (an OpenCV with
GStreamer, as on a Jetson), ``picamera2:N`` (Raspberry Pi). Out: (height, width, 3) uint8 BGR frames, stamped with the
monotonic clock when they are grabbed, before they are decoded. Not here: the process around it (``camera_child``),
files (``video_file``).
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.address import GSTREAMER, NO_PATH, PICAMERA, is_url, without_password
from edge_mm.sources.opencv import load_cv2

USUAL_FPS = 30.0
BGR = npt.NDArray[np.uint8]


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a camera."""

    device: int | str
    """As in the module's first line."""
    width: int = 640
    """Pixels, asked of a local camera; a URL or a pipeline is taken as it comes."""
    height: int = 480
    """As ``width``."""
    fps: float | None = None
    """Asked of a local camera, and the nominal rate of a URL (OpenCV reports 25 whatever the truth)."""
    open_timeout_s: float = 8.0
    """A URL that does not answer in this time cannot be opened (OpenCV's default is 30 s)."""
    read_timeout_s: float = 2.0
    """A camera that gives no frame in this time is lost (OpenCV's default is 30 s; 10 s for V4L2)."""

    @property
    def label(self) -> str:
        """Its name in messages, without a password."""
        return f"camera {self.device if isinstance(self.device, int) else without_password(self.device)}"

    @property
    def path(self) -> Path | None:
        """The device node of a V4L2 camera, else None."""
        if isinstance(self.device, int):
            return Path(f"/dev/video{self.device}")
        other = is_url(self.device) or self.device.startswith(NO_PATH)
        return None if other else Path(self.device)


class Frame(NamedTuple):
    """One picture."""

    t_ns: int
    """When it was grabbed."""
    picture: BGR
    """(height, width, 3)."""


class Grabber(Protocol):
    """An open camera."""

    fps: float

    def grab(self) -> Frame:
        """Wait for the next frame.

        Raises:
            SourceLost: the camera is gone or stalled.
        """
        ...

    def release(self) -> None:
        """Let go of it."""
        ...


def prepare(settings: CameraSettings) -> None:
    """Load what opening it needs: the part that takes long on a slow card, and cannot hang in a driver."""
    if not str(settings.device).startswith(PICAMERA):
        load_cv2()


def open_grabber(settings: CameraSettings) -> Grabber:
    """Open a camera.

    Raises:
        SourceError: there is none, it is busy, or it does not answer.
    """
    device = settings.device
    if isinstance(device, str) and device.startswith(PICAMERA):
        return _PiCamera(settings)
    return _OpenCv(settings)


class _OpenCv:
    """V4L2, FFmpeg and GStreamer through OpenCV."""

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        cv2 = load_cv2()
        device = settings.device
        if isinstance(device, str) and device.startswith(GSTREAMER):
            self._capture = self._pipeline(cv2, device.removeprefix(GSTREAMER).strip())
        else:
            self._capture = self._url(cv2) if is_url(device) else self._v4l2(cv2)
        reported = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = settings.fps or (reported if 1.0 <= reported <= 240.0 else USUAL_FPS)

    def grab(self) -> Frame:
        label, limit_s = self._settings.label, self._settings.read_timeout_s
        asked_ns = time.monotonic_ns()
        grabbed = self._capture.grab()
        t_ns = time.monotonic_ns()
        # OpenCV's V4L2 answers a time-out with success and the old frame (opencv issue 24393): trust the clock.
        if (t_ns - asked_ns) >= limit_s * 1e9:
            raise SourceLost(f"{label} gave no frame for {limit_s:g} s; check cable and network.")
        ok, frame = self._capture.retrieve() if grabbed else (False, None)
        if not ok or frame is None:
            raise SourceLost(f"{label} stopped giving frames; check that it is plugged in and switched on.")
        return Frame(t_ns, frame)

    def release(self) -> None:
        """A stalled RTSP stream may need two more read time-outs for its good-bye."""
        self._capture.release()

    def _url(self, cv2: Any) -> Any:
        settings = self._settings
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(settings.open_timeout_s * 1000)]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(settings.read_timeout_s * 1000)]
        capture = cv2.VideoCapture(str(settings.device), cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            raise SourceError(
                f"{settings.label} does not answer as a video stream; check address, user, password and network "
                f"(waited at most {settings.open_timeout_s:g} s)."
            )
        return capture

    def _v4l2(self, cv2: Any) -> Any:
        settings = self._settings
        path = missing(settings)
        # By path: an index would be resolved by OpenCV itself, and a by-id link survives re-plugging.
        capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise SourceError(
                f"{settings.label}: {path} cannot be opened as a camera; another program may hold it, "
                "it may be no capture device, or this user is not in the group 'video'."
            )
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        if settings.fps:
            capture.set(cv2.CAP_PROP_FPS, settings.fps)
        return capture

    def _pipeline(self, cv2: Any, text: str) -> Any:
        if "GStreamer:                   YES" not in cv2.getBuildInformation():
            raise SourceError(
                f"{self._settings.label}: this OpenCV ({cv2.__version__}) was built without GStreamer, as all wheels "
                "are; use the system's (apt install python3-opencv), or an RTSP server beside the camera."
            )
        capture = cv2.VideoCapture(text, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            raise SourceError(
                f"{self._settings.label}: GStreamer cannot start this pipeline; try it with gst-launch-1.0."
            )
        return capture


class _PiCamera:
    """A Raspberry Pi's ribbon-cable camera through libcamera. Never ran on the part itself yet."""

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        number = str(settings.device).removeprefix(PICAMERA) or "0"
        need_library(settings)
        from picamera2 import Picamera2

        try:
            self._camera: Any = Picamera2(int(number))
            # libcamera calls BGR in memory RGB888.
            main = {"size": (settings.width, settings.height), "format": "RGB888"}
            self._camera.configure(self._camera.create_video_configuration(main=main))
            if settings.fps:
                self._camera.set_controls({"FrameRate": settings.fps})
            self._camera.start()
        except (RuntimeError, IndexError, ValueError, OSError) as error:
            raise SourceError(f"{settings.label} cannot be started: {error}; check the ribbon cable.") from None
        self.fps = settings.fps or USUAL_FPS

    def grab(self) -> Frame:
        try:
            picture = self._camera.capture_array("main")
        except (RuntimeError, OSError) as error:
            raise SourceLost(f"{self._settings.label} stopped giving frames: {error}.") from None
        return Frame(time.monotonic_ns(), np.ascontiguousarray(picture[:, :, :3]))

    def release(self) -> None:
        self._camera.stop()
        self._camera.close()


def need_library(settings: CameraSettings) -> None:
    """Whether a ribbon camera's library is there; finding that out costs no process.

    Raises:
        SourceError: it is not.
    """
    if str(settings.device).startswith(PICAMERA) and importlib.util.find_spec("picamera2") is None:
        raise SourceError(
            f"{settings.label} needs picamera2: apt install python3-picamera2, and an environment made with "
            "--system-site-packages."
        )


def missing(settings: CameraSettings) -> Path:
    """The device node of a V4L2 camera.

    Raises:
        SourceError: there is none.
    """
    path = settings.path
    assert path is not None  # noqa: S101  # whoever asks has looked what sort of camera it is
    if not path.exists():
        raise SourceError(f"{settings.label}: there is no {path}; plug the camera in or name one of /dev/v4l/by-id/.")
    return path
