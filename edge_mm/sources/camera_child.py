"""The process that holds a camera: a read that hangs in a driver is ended from outside, by ending this process.

In: ``Open`` on a socket that is inherited. Out: ``Ready``, ``Opened`` with shared memory, ``Written`` for each frame
that is there, ``Failed`` when the camera cannot be opened or is lost. Not here: who starts it and reads them
(``camera``).

A live camera that gives the same picture, byte for byte, for ``FROZEN_S`` has frozen: the noise of a sensor never
repeats. A picture all of one colour is no proof of that - a covered lens can be black to the last byte - and is told as
trouble.
"""

from __future__ import annotations

import socket
import sys
from collections import deque

import msgspec
import numpy as np

from edge_mm.child import as_child
from edge_mm.errors import EdgeMmError, SourceError, SourceLost
from edge_mm.sources.frame_slots import FrameSlots, create
from edge_mm.sources.grabber import BGR, CameraSettings, Frame, Grabber, open_grabber, prepare

FROZEN_S = 2.0
COVERED_RANGE = 8
"""Grey levels between the darkest and the brightest byte of a picture that shows nothing."""
SLOW = 0.4
"""A camera that gives less than this share of the frames that it was asked for works badly."""
_RATE_S = 3.0
_LOOK_EVERY = 8
LARGEST_MESSAGE = 65_536


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Open the camera."""

    settings: CameraSettings
    frozen: bool = False
    """It had frozen: open it only if its picture changes."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The process has started and loaded what it needs: from here on it waits for the camera."""


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """It is open; the message carries the memory's descriptor."""

    fps: float
    """Frames per second, nominal."""
    shape: tuple[int, ...]
    """Of each frame."""


class Written(msgspec.Struct, frozen=True, tag="frame"):
    """A frame has been written."""

    number: int
    """Counts from 1 since the camera was opened."""
    t_ns: int
    """When it was grabbed."""
    trouble: str = ""
    """Why the camera works badly now."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The camera could not be opened, or is lost."""

    text: str
    """One sentence."""
    opened: bool
    """Whether it had been open."""
    frozen: bool = False
    """It repeats one picture."""


Answer = Ready | Opened | Written | Failed


class _FrozenError(SourceLost):
    pass


class _Watched:
    """Frames of an open camera, looked at: does the picture change, does it show anything, do enough come?"""

    def __init__(self, settings: CameraSettings, grabber: Grabber) -> None:
        self._settings, self._grabber = settings, grabber
        self._same_since_ns: int | None = None
        self._blank = False
        self._times_ns: deque[int] = deque(maxlen=1000)

    def next(self, slots: FrameSlots, number: int) -> Frame:
        """The next frame.

        Args:
            slots: where the one before was written.
            number: of the one before.

        Raises:
            SourceLost: the camera is gone, stalled or frozen, or its pictures changed their size.
        """
        frame = self._grabber.grab()
        if frame.picture.shape != slots.shape:
            raise SourceLost(f"{self._settings.label} changed the size of its pictures to {frame.picture.shape}.")
        same = slots.same_as(number, frame.picture)
        if same or number % _LOOK_EVERY == 0:
            self._blank = shows_nothing(frame.picture)
        if not same or self._blank:
            self._same_since_ns = None
        elif self._same_since_ns is None:
            self._same_since_ns = frame.t_ns
        elif frame.t_ns - self._same_since_ns >= FROZEN_S * 1e9:
            raise _FrozenError(f"{self._settings.label} repeats one picture; unplug it and plug it in again.")
        self._times_ns.append(frame.t_ns)
        while frame.t_ns - self._times_ns[0] > _RATE_S * 1e9:
            self._times_ns.popleft()
        return frame

    @property
    def trouble(self) -> str:
        """Why the camera works badly now."""
        if self._blank:
            return "its picture is all of one colour: is the lens covered?"
        times, wanted = self._times_ns, self._settings.fps
        passed_s = (times[-1] - times[0]) / 1e9 if times else 0.0
        if wanted and passed_s > 0.8 * _RATE_S and (given := (len(times) - 1) / passed_s) < SLOW * wanted:
            return f"gives {given:.1f} of {wanted:g} frames per second"
        return ""


def shows_nothing(picture: BGR) -> bool:
    """Whether a picture is all of one colour; every sixth pixel is looked at, a lens is covered as a whole."""
    sparse = picture[::6, ::6]
    return bool(int(sparse.max()) - int(sparse.min()) < COVERED_RANGE)


def _serve(link: socket.socket) -> None:
    request = link.recv(LARGEST_MESSAGE)
    if not request:
        return
    wanted = msgspec.json.decode(request, type=Open)
    settings, opened = wanted.settings, False
    grabber: Grabber | None = None
    try:
        prepare(settings)
        _say(link, Ready())
        grabber = open_grabber(settings)
        first = _changing(settings, grabber) if wanted.frozen else grabber.grab()
        opened = True
        _stream(link, settings, grabber, first)
    except EdgeMmError as error:
        _say(link, Failed(str(error), opened, isinstance(error, _FrozenError)))
    except (BrokenPipeError, ConnectionResetError):  # nobody listens any more
        raise
    except Exception as error:  # of OpenCV, of a driver, for want of memory: told, not printed
        _say(link, Failed(f"{settings.label}: {' '.join(str(error).split())[:300]}", opened))
    finally:
        if grabber is not None:
            grabber.release()


def _changing(settings: CameraSettings, grabber: Grabber) -> Frame:
    """A frame of a camera that had frozen, once its picture changes."""
    first = grabber.grab()
    while True:
        frame = grabber.grab()
        if not np.array_equal(first.picture, frame.picture):
            return frame
        if frame.t_ns - first.t_ns > FROZEN_S * 1e9:
            raise SourceError(f"{settings.label} still repeats one picture; unplug it and plug it in again.")


def _stream(link: socket.socket, settings: CameraSettings, grabber: Grabber, first: Frame) -> None:
    shape = tuple(first.picture.shape)
    memory = create(shape)
    link.sendmsg(
        [msgspec.json.encode(Opened(grabber.fps, shape))],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, memory.to_bytes(4, sys.byteorder))],
    )
    slots, watched, number, frame = FrameSlots(shape, memory), _Watched(settings, grabber), 0, first
    while True:
        number += 1
        slots.write(number, frame.picture)
        _say(link, Written(number, frame.t_ns, watched.trouble), droppable=True)
        frame = watched.next(slots, number)


def _say(link: socket.socket, answer: Answer, *, droppable: bool = False) -> None:
    """Tell the other side; word of a frame is dropped where it does not listen, the next one is newer."""
    try:
        link.send(msgspec.json.encode(answer), socket.MSG_DONTWAIT if droppable else 0)
    except BlockingIOError:
        return


def main() -> None:
    """Open one camera and give its frames as long as the other side lives."""
    with as_child() as link:
        _serve(link)


if __name__ == "__main__":
    main()
