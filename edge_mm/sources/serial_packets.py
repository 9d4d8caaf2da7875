"""The packets of the binary protocol, byte by byte as ``pages/serial.md`` defines them.

In: bytes. Out: whole packets, descriptions, numbers. Not here: which of them are wanted, gaps (``serial_binary``).

::

    0  0xED 0x4D   sync
    2  type        0x10 description, 0x11 samples (high nibble: version 1)
    3  n           length of the body, 0 to 248
    4  sequence    uint16, counts all packets
    6  body        n bytes
    6+n  CRC       uint16, CRC-16/CCITT-FALSE over bytes 2 to 6+n-1

All numbers are little-endian.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mm.kinds import READINGS, TRIPLES, StreamKind
from edge_mm.sources.files import HIGHEST_HZ, LOWEST_HZ
from edge_mm.sources.serial_channels import LARGEST

SYNC: Final = b"\xed\x4d"
DESCRIPTION: Final = 0x10
SAMPLES: Final = 0x11
KIND_OF: Final[Mapping[int, StreamKind]] = {
    1: "ecg", 2: "ppg", 3: "eda", 4: "temp", 5: "acc", 6: "gyro",
    16: "heart_rate", 17: "rr", 18: "spo2", 19: "blood_pressure", 20: "body_temp", 21: "speed", 22: "number",
    23: "respiration_rate",
}  # fmt: skip
"""Code of a channel -> what it measures."""
SAMPLES_HEAD: Final = 5
"""Bytes of a samples packet's body before its frames."""
_HEAD, _CRC = 6, 2
_LONGEST_BODY = 248
_MOST_CHANNELS = 16
_BYTES_OF: Final = {0: 2, 1: 3, 2: 4}  # int16, int24, int32
_CHANNEL = struct.Struct("<BBIff")

Raw = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Described:
    """One channel of a sensor."""

    kind: StreamKind
    """What it measures."""
    bytes: int
    """2, 3 or 4 bytes a number, signed."""
    rate_hz: float
    """Frames per second; 0 of a reading."""
    scale: float
    """Stream's unit per count."""
    offset: float
    """Stream's unit at count 0."""

    @property
    def width(self) -> int:
        """Numbers per frame."""
        return 3 if self.kind in TRIPLES else 1

    @property
    def size(self) -> int:
        """Bytes per frame."""
        return self.width * self.bytes


class Framer:
    """Finds whole packets in what a port gives, after any garbage.

    A sync may stand in garbage or inside a packet by chance. What follows one is believed only with the right CRC, and
    where it is wrong, the search goes on one byte later: nothing that came whole is lost.
    """

    def __init__(self) -> None:
        self.bad = 0
        """Syncs after which no packet stood."""
        self._left = b""

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Take bytes; gives (type, sequence, body) of the packets that are whole now."""
        held = self._left + data
        packets: list[tuple[int, int, bytes]] = []
        at = 0
        while True:
            found = held.find(SYNC, at)
            if found < 0:
                at = len(held) - 1 if held.endswith(SYNC[:1]) else len(held)
                break
            at = found
            if len(held) - at < _HEAD:
                break
            kind, length = held[at + 2], held[at + 3]
            if kind not in (DESCRIPTION, SAMPLES) or length > _LONGEST_BODY:
                self.bad += 1
                at += 1
                continue
            end = at + _HEAD + length
            if len(held) < end + _CRC:
                break
            if crc_hqx(held[at + 2 : end], 0xFFFF) != int.from_bytes(held[end : end + _CRC], "little"):
                self.bad += 1
                at += 1
                continue
            packets.append((kind, int.from_bytes(held[at + 4 : at + _HEAD], "little"), held[at + _HEAD : end]))
            at = end + _CRC
        self._left = held[at:]
        return packets


def description_of(body: bytes) -> tuple[int, tuple[Described, ...]] | None:
    """What a sensor is: its description's number and its channels; None where that cannot be.

    ``id`` uint8, count uint8, then per channel: kind uint8, format uint8 (0 int16, 1 int24, 2 int32), rate uint32 in
    millihertz, scale float32, offset float32.
    """
    if len(body) < 2 or not 1 <= body[1] <= _MOST_CHANNELS or len(body) != 2 + body[1] * _CHANNEL.size:
        return None
    channels = []
    for code, form, millihertz, scale, offset in _CHANNEL.iter_unpack(body[2:]):
        kind, size = KIND_OF.get(code), _BYTES_OF.get(form)
        if kind is None or size is None:
            return None
        rate_hz = millihertz / 1000
        good_rate = rate_hz == 0.0 if kind in READINGS else LOWEST_HZ <= rate_hz <= HIGHEST_HZ
        if not good_rate or not abs(scale) * 2.0 ** (8 * size - 1) + abs(offset) <= LARGEST:  # NaN fails as well
            return None
        channels.append(Described(kind, size, rate_hz, scale, offset))
    return body[0], tuple(channels)


def numbers_of(frames: Raw, at: int, channel: Described) -> npt.NDArray[np.float64]:
    """One channel of some frames, NaN where it says: missing (the most negative number).

    Args:
        frames: (n, bytes of a frame).
        at: the channel's first byte in a frame.
        channel: how it is written.

    Returns:
        (n, width) in the stream's unit.
    """
    own = np.ascontiguousarray(frames[:, at : at + channel.size])
    if channel.bytes == 3:  # into the upper three bytes of an int32, then down with its sign
        wide = np.zeros((len(own), channel.width, 4), np.uint8)
        wide[:, :, 1:] = own.reshape(len(own), channel.width, 3)
        counts = wide.view("<i4")[:, :, 0] >> 8
    else:
        counts = own.view(f"<i{channel.bytes}")
    values = counts.astype(np.float64) * channel.scale + channel.offset
    values[counts == -(1 << (8 * channel.bytes - 1))] = np.nan
    return values
