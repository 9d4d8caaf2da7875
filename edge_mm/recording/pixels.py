"""Arrays as bytes, and back: exact but for pictures that are written as JPEG.

In: the array of a Sample and its kind. Out: a coding, and bytes; or the same array again. Sound whose values are those
of 16-bit samples is written as such, half as long and exact. What a file says of itself is believed only after it was
checked: types, shapes, lengths, the size of a picture before it is decoded. Not here: messages
(``recording.messages``).
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import numpy.typing as npt

from edge_mm.kinds import MAX_NOTE_BYTES, TRIPLES
from edge_mm.recording.form import MOST_PIXELS, MOST_RECORD_BYTES

Array = npt.NDArray[np.generic]
_FLOATS = ("<f4", "<f8", "<f2")
_FULL_SCALE = np.float32(32768)
_FRAME_HEADS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that say how large the picture is (ITU-T T.81, table B.1)."""


def fits(kind: str, data: object) -> bool:
    """Whether an array is what a stream of this kind gives (``types.Sample.data``); the monitor takes no other."""
    if not isinstance(data, np.ndarray):  # a source of a user's own may give anything
        return False
    if kind == "video":
        good = data.dtype == np.uint8 and (data.ndim == 2 or (data.ndim == 3 and data.shape[2] == 3))
        return good and 0 < data.size <= 3 * MOST_PIXELS and data.shape[0] * data.shape[1] <= MOST_PIXELS
    if kind == "note":
        return data.dtype == np.uint8 and data.ndim == 1 and data.size <= MAX_NOTE_BYTES
    shaped = data.ndim == 2 and data.shape[1] == 3 if kind in TRIPLES else data.ndim == 1
    return shaped and data.dtype.newbyteorder("<").str in _FLOATS and data.nbytes <= MOST_RECORD_BYTES // 2


def coded(kind: str, data: Array, *, jpeg_quality: int) -> tuple[str, bytes]:
    """Coding and bytes of an array that fits.

    Args:
        kind: of its stream.
        data: the array.
        jpeg_quality: of pictures, 1 to 100; 0: every pixel as it is.
    """
    if kind == "video" and jpeg_quality:
        import cv2

        done, buffer = cv2.imencode(".jpg", data, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
        if done:
            return "jpeg", buffer.tobytes()
    if kind == "audio" and data.dtype == np.float32:
        whole = _as_int16(cast("npt.NDArray[np.float32]", data))
        if whole is not None:
            return "int16", whole
    return "raw", data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()


def decoded(kind: str, coding: str, dtype: str, shape: tuple[int, ...], data: bytes) -> Array:
    """The array again, its own and writable.

    Args:
        kind: of the stream.
        coding: ``raw``, ``int16`` or ``jpeg``.
        dtype: as numpy writes it.
        shape: of the array.
        data: the bytes.

    Raises:
        ValueError: they do not fit together, or are no array of this kind.
    """
    if dtype not in (*_FLOATS, "|u1"):
        raise ValueError(f"an array of type {dtype[:20]!r}")
    if coding == "jpeg":
        array = _picture(shape, data)
    elif coding == "int16":
        array = (_flat("<i2", shape, data).astype(np.float32) / _FULL_SCALE).reshape(shape)
    elif coding == "raw":
        array = _flat(dtype, shape, data).reshape(shape).copy()
    else:
        raise ValueError(f"an array coded as {coding[:20]!r}")
    if array.dtype.str != dtype or not fits(kind, array):
        raise ValueError(f"{array.shape} {array.dtype} is no {kind}")
    return array


def _as_int16(data: npt.NDArray[np.float32]) -> bytes | None:
    """The sound as 16-bit samples, where that is exact to the last bit."""
    with np.errstate(over="ignore"):
        scaled = data * _FULL_SCALE
    if not np.all(np.abs(scaled) <= _FULL_SCALE):  # also where one is no number
        return None
    whole = np.clip(np.rint(scaled), -32768, 32767).astype("<i2")
    again = whole.astype(np.float32) / _FULL_SCALE
    return whole.tobytes() if again.tobytes() == data.tobytes() else None  # the bytes: -0.0 is not 0.0


def _flat(dtype: str, shape: tuple[int, ...], data: bytes) -> Array:
    size = np.dtype(dtype).itemsize
    if math.prod(shape) * size != len(data):
        raise ValueError(f"{len(data)} bytes for an array of {shape} {dtype}")
    return np.frombuffer(data, dtype=dtype)


def _picture(shape: tuple[int, ...], data: bytes) -> Array:
    size = _jpeg_size(data)
    if size is None or len(shape) < 2 or size != shape[:2] or size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"a JPEG of {size} for a picture of {shape}")
    import cv2

    flag = cv2.IMREAD_GRAYSCALE if len(shape) == 2 else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise ValueError(f"a JPEG that cannot be decoded ({error.code})") from error
    if picture is None or picture.shape != shape:
        raise ValueError("a JPEG that cannot be decoded")
    return cast(Array, picture)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width, from the first frame header; None where this is no JPEG. Nothing else reaches the decoder."""
    at = 2 if data.startswith(b"\xff\xd8\xff") else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _FRAME_HEADS:
            return int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
