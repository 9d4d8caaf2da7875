"""Frames from one process to another through shared memory, the newest ones only.

In: frames of one size. Out: the same frames, copied once, with no wait on either side: the writer goes round through a
few slots, the reader takes the newest it has heard of and sees by its number whether the writer has come round
meanwhile. Not here: telling each other about frames (``camera``, ``camera_child``).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct

import numpy as np
import numpy.typing as npt

SLOTS = 4
_HEAD = 64  # bytes before each frame: its number; a cache line, so that frames stay aligned
_NUMBER = struct.Struct("<Q")
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
LARGEST = 64 << 20
"""Bytes of a frame at most (4K is 25 MB)."""


class FrameSlots:
    """Memory of one stream of frames.

    Args:
        shape: (height, width, channels) or (height, width), uint8.
        fd: a memory file descriptor made by ``create``; it is closed here.

    Raises:
        ValueError: the shape is absurd.
    """

    def __init__(self, shape: tuple[int, ...], fd: int) -> None:
        try:
            size = _checked(shape)
            self.shape = shape
            self._stride = _HEAD + -(-size // _HEAD) * _HEAD
            if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
                raise ValueError("the shared memory could be cut off while it is read")
            if os.fstat(fd).st_size < SLOTS * self._stride:
                raise ValueError(f"the shared memory is too small for frames of {shape}")
            self._memory = mmap.mmap(fd, SLOTS * self._stride)
        finally:
            os.close(fd)
        self._frames = [
            np.frombuffer(self._memory, np.uint8, size, slot * self._stride + _HEAD).reshape(shape)
            for slot in range(SLOTS)
        ]

    def write(self, number: int, frame: npt.NDArray[np.uint8]) -> int:
        """Put a frame into the next slot; its number counts up from 1. Returns the slot."""
        slot = number % SLOTS
        _NUMBER.pack_into(self._memory, slot * self._stride, 0)
        self._frames[slot][...] = frame
        _NUMBER.pack_into(self._memory, slot * self._stride, number)
        return slot

    def same_as(self, number: int, frame: npt.NDArray[np.uint8]) -> bool:
        """Whether the frame equals the one of this number, byte for byte; ends at the first that differs."""
        before = self._frames[number % SLOTS]
        if not frame.flags.c_contiguous:
            return bool(np.array_equal(before, frame))
        return memoryview(before.data).cast("B") == memoryview(frame.data).cast("B")

    def read(self, number: int) -> npt.NDArray[np.uint8] | None:
        """A copy of the frame of this number; None when the writer has come round meanwhile."""
        slot = number % SLOTS
        frame = self._frames[slot].copy()
        (found,) = _NUMBER.unpack_from(self._memory, slot * self._stride)
        return frame if found == number else None


def create(shape: tuple[int, ...]) -> int:
    """Memory for frames of this shape; its file descriptor.

    Raises:
        ValueError: the shape is absurd.
    """
    size = _checked(shape)
    fd = os.memfd_create("edge-mm-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(fd, SLOTS * (_HEAD + -(-size // _HEAD) * _HEAD))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def _checked(shape: tuple[int, ...]) -> int:
    size = int(np.prod(shape, dtype=np.int64)) if shape and all(n > 0 for n in shape) else 0
    if not (len(shape) in (2, 3) and 0 < size <= LARGEST):
        raise ValueError(f"frames of shape {shape} are no pictures")
    return size
