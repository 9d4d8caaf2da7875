"""A camera: V4L2 device, network stream, pipeline -> one Sample per frame, always the newest.

In: what ``grabber`` opens. Out: (height, width, 3) uint8 BGR frames, stamped with the monotonic clock when they were
grabbed. The blocking reads live in a child process (``camera_child``), so a driver that hangs is ended after a deadline
and the camera is lost, not the daemon. Not here: video files (``video_file``), reconnecting (the daemon).
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import time
from collections.abc import Mapping
from subprocess import Popen

import msgspec

from edge_mm.child import GRACE_S, end_child, start_child
from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.address import host_and_port, is_url
from edge_mm.sources.camera_child import LARGEST_MESSAGE, Answer, Failed, Open, Opened, Ready, Written
from edge_mm.sources.frame_slots import FrameSlots
from edge_mm.sources.grabber import USUAL_FPS, CameraSettings, missing, need_library
from edge_mm.sources.unproven import Unproven
from edge_mm.types import Sample, StreamSpec

_START_S = 60.0
"""Until the child process is ready, which says nothing of the camera: 0.3 s on a PC; 20 s were seen on a slow machine
that read everything from its disk for the first time."""
_V4L2_OPEN_S = 5.0
_SLOW_S = 5.0
"""What opening may take a slow board beside the camera's own time-outs."""
_CONNECT_S = 3.0
"""Longest wait for a host. Whether it then gives pictures, which takes an RTSP camera seconds, the child waits for."""
_LATE_S = 0.5
_ANSWERS: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_UNPROVEN = {
    "url": "network cameras ran so far as servers on the same machine only, never yet as a real camera",
    "path": "V4L2 ran so far on the kernel's emulated camera only, never yet on a real one",
    "board": "this kind of camera never ran yet, neither emulated nor real",
}
_log = logging.getLogger("edge_mm.source")


class Camera:
    """A live camera. Frames that come faster than they are read are skipped: the newest is what matters.

    Args:
        device: V4L2 index, device path, RTSP/HTTP URL, ``gst:PIPELINE`` or ``picamera2:N``.
        name: Stream name.
        width: Asked of a local camera, pixels; a URL is delivered as it comes.
        height: As ``width``.
        fps: Asked of a local camera, and the nominal rate of a URL (OpenCV reports 25 whatever the truth); None keeps
            what the device says.
        open_timeout_s: A URL that does not answer in this time cannot be opened.
        read_timeout_s: A camera that gives no frame in this time is lost.

    Attributes:
        skipped: frames that were not read because newer ones were there.
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
        open_timeout_s: float = 8.0,
        read_timeout_s: float = 2.0,
    ) -> None:
        self.name = name
        self.skipped = 0
        self._settings = CameraSettings(
            device=device, width=width, height=height, fps=fps, open_timeout_s=open_timeout_s,
            read_timeout_s=read_timeout_s,
        )  # fmt: skip
        self._label = self._settings.label
        self._child: Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._slots: FrameSlots | None = None
        self._rate_hz = USUAL_FPS
        self._number = 0
        self._frozen = False
        self._trouble = ""
        self._ended = 0
        self._unproven = Unproven(_UNPROVEN["url" if is_url(device) else "path" if self._settings.path else "board"])

    @property
    def trouble(self) -> str:
        """Why it works badly now: too few frames, a covered lens."""
        return self._trouble

    @property
    def counters(self) -> Mapping[str, int]:
        """``skipped`` frames, and how often the process that holds the camera had to be ended."""
        return {"skipped": self.skipped, "children_ended": self._ended}

    def open(self) -> StreamSpec:
        """Open the camera.

        Raises:
            SourceError: there is no such device, it is busy, the URL does not answer, or it still repeats one picture.
        """
        settings = self._settings
        self.close()
        self._trouble = ""
        self._look_first()
        self._unproven.say(self.name)
        link = self._started()
        with contextlib.suppress(OSError):  # it has ended already: that is told below
            link.send(msgspec.json.encode(Open(settings, self._frozen)))
        patience_s = settings.open_timeout_s if is_url(settings.device) else _V4L2_OPEN_S
        limit_s, overdue = _START_S, f"cannot be opened: the process that reads it did not start within {_START_S:g} s"
        while not isinstance(answer := self._answer(time.monotonic() + limit_s, overdue), Opened):
            if isinstance(answer, Failed):
                raise SourceError(answer.text)
            if isinstance(answer, Ready):
                limit_s = patience_s + settings.read_timeout_s + _SLOW_S
                overdue = "cannot be opened: its driver does not answer"
        self._frozen, self._number = False, 0
        self._rate_hz = answer.fps
        return StreamSpec(name=self.name, kind="video", rate_hz=self._rate_hz, unit="bgr8")

    def read(self) -> Sample | None:
        """Block until the next frame; the newest there is.

        Raises:
            SourceLost: the device is gone, the stream ended, no frame came in ``read_timeout_s``, or it repeats one
                picture.
        """
        if self._link is None or self._slots is None:
            raise SourceLost(f"{self._label} is not open; call open() first.")
        limit_s = self._settings.read_timeout_s
        deadline = time.monotonic() + limit_s + _LATE_S
        while True:
            newest = self._newest(deadline, f"gave no frame for {limit_s:g} s; check cable and network")
            picture = self._slots.read(newest.number)
            if picture is None:  # we were slow, and the next one is on its way
                continue
            self.skipped += newest.number - self._number - 1
            self._number, self._trouble = newest.number, newest.trouble
            return Sample(stream=self.name, t_ns=newest.t_ns, data=picture, rate_hz=self._rate_hz)

    def close(self) -> None:
        """Release the device; a driver that does not let go is left to the process that is ended."""
        self._part(grace_s=GRACE_S)

    def _part(self, *, grace_s: float) -> None:
        link, self._link = self._link, None
        child, self._child = self._child, None
        self._slots = None
        if link is not None:
            link.close()
        if child is not None:
            end_child(child, grace_s=grace_s)

    def _look_first(self) -> None:
        """What costs no process: a camera that is not plugged in, a host that refuses.

        Raises:
            SourceError: it is not there.
        """
        settings = self._settings
        if settings.path is not None:
            missing(settings)
            return
        need_library(settings)
        place = host_and_port(str(settings.device)) if is_url(settings.device) else None
        if place is None:
            return
        try:
            socket.create_connection(place, min(_CONNECT_S, settings.open_timeout_s)).close()
        except OSError as error:
            raise SourceError(
                f"{self._label} does not answer as a video stream: {error.strerror or error}; check address "
                "and network."
            ) from None

    def _started(self) -> socket.socket:
        """The link to a new child."""
        try:
            self._child, self._link = start_child("edge_mm.sources.camera_child")
        except OSError as error:
            raise SourceError(f"{self._label}: its process cannot be started: {error}.") from None
        return self._link

    def _newest(self, deadline: float, overdue: str) -> Written:
        """The newest frame that was told of, at least one; messages before it are passed over."""
        answer = self._answer(deadline, overdue)
        while isinstance(answer, Written) and self._readable(0.0):
            answer = self._answer(deadline, overdue)
        if isinstance(answer, Failed):
            self._frozen = answer.frozen
            raise SourceLost(answer.text)
        assert isinstance(answer, Written)  # noqa: S101  # nothing else follows Opened
        return answer

    def _answer(self, deadline: float, overdue: str) -> Answer:
        """The child's next message.

        Raises:
            SourceLost: it came too late, and the child is ended; or the child has ended.
        """
        assert self._link is not None  # noqa: S101  # both callers have looked
        if not self._readable(max(0.0, deadline - time.monotonic())):
            self._end()
            raise SourceLost(f"{self._label} {overdue}.")
        try:
            data, fds, _flags, _address = socket.recv_fds(self._link, LARGEST_MESSAGE, 1)
        except OSError:
            data, fds = b"", []
        if not data:
            self._end()
            raise SourceLost(f"{self._label}: the process that reads it has ended; its driver may have crashed.")
        try:
            answer = _ANSWERS.decode(data)
            if isinstance(answer, Opened):
                self._slots = FrameSlots(answer.shape, fds[0])
        except (msgspec.DecodeError, ValueError, IndexError, OSError) as error:
            self._end()
            raise SourceLost(f"{self._label}: what its process says makes no sense ({error}).") from None
        return answer

    def _readable(self, timeout_s: float) -> bool:
        assert self._link is not None  # noqa: S101  # asked only while it is open
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def _end(self) -> None:
        """The child hangs, or has ended: a new one takes its place at the next ``open``."""
        self._ended += 1
        self._part(grace_s=0.0)
        _log.debug("%s: the process that held it was ended", self._label)
