"""What is said between the process that watches and the one that runs graphs.

In and out: length-prefixed msgpack on a socket; arrays as bytes with shape and dtype. Not here: either process
(``graph_process``, ``graph_child``).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

_LENGTH = struct.Struct("<I")
LARGEST = 256 << 20
"""Bytes of a message at most: a graph of a user's own, or its inputs."""
_DTYPES = frozenset(("float32", "int8", "uint8", "int16", "int32", "int64", "bool", "float64"))


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """One array."""

    dtype: str
    """Of numpy."""
    shape: tuple[int, ...]
    """As numpy's."""
    data: bytes
    """In C order."""


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Make a graph ready."""

    name: str
    """What it is called from now on."""
    content: bytes
    """The ``.tflite``."""
    stateful: bool
    """Whether its variables are reset before each run."""
    delegate: str
    """Library of a delegate; empty: the CPU."""


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Run a graph once."""

    name: str
    """As loaded."""
    number: int
    """Comes back with the answer."""
    inputs: dict[str, Packed]
    """Name -> array."""


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """A graph is ready."""

    name: str
    """As asked."""
    inputs: dict[str, tuple[int, ...]]
    """Name -> shape."""
    outputs: dict[str, tuple[int, ...]]
    """Name -> shape."""


class Ran(msgspec.Struct, frozen=True, tag="ran"):
    """A graph has run."""

    number: int
    """Of the request."""
    outputs: dict[str, Packed]
    """Name -> array."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It cannot be done; the process is well."""

    text: str
    """One sentence."""
    ran: bool = False
    """It was the graph itself that failed, with inputs that fit."""


Request = Load | Run
Reply = Loaded | Ran | Refused
_ENCODER = msgspec.msgpack.Encoder()


def packed(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Packed]:
    """Arrays as they are sent."""
    return {key: Packed(str(one.dtype), one.shape, np.ascontiguousarray(one).tobytes()) for key, one in arrays.items()}


def unpacked(arrays: Mapping[str, Packed]) -> dict[str, npt.NDArray[Any]]:
    """Arrays as they were.

    Raises:
        ValueError: dtype, shape and bytes do not fit together.
    """
    if strange := {one.dtype for one in arrays.values()} - _DTYPES:
        raise ValueError(f"arrays of {', '.join(sorted(strange))}")
    return {key: np.frombuffer(one.data, one.dtype).reshape(one.shape) for key, one in arrays.items()}


def send(link: socket.socket, message: Request | Reply) -> None:
    """Send one message."""
    body = _ENCODER.encode(message)
    link.sendall(_LENGTH.pack(len(body)) + body)


class Receiver:
    """Puts messages together from what has come.

    Args:
        link: a stream socket.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = bytearray()

    def whole(self) -> bytes | None:
        """The next whole message of what has come, else None.

        Raises:
            ValueError: its length is absurd.
        """
        if len(self._buffer) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._buffer)
        if size > LARGEST:
            raise ValueError(f"a message of {size} bytes")
        if len(self._buffer) < _LENGTH.size + size:
            return None
        body = bytes(self._buffer[_LENGTH.size : _LENGTH.size + size])
        del self._buffer[: _LENGTH.size + size]
        return body

    def fill(self) -> bool:
        """Wait for more bytes; False at the end."""
        data = self._link.recv(1 << 20)
        self._buffer += data
        return bool(data)
