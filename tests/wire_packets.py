"""The binary protocol as a sensor speaks it, written from its page and not from our reader."""

from __future__ import annotations

import struct

KINDS = {"ecg": 1, "ppg": 2, "eda": 3, "temp": 4, "acc": 5, "gyro": 6, "spo2": 18, "blood_pressure": 19, "speed": 21}
FORMATS = {2: 0, 3: 1, 4: 2}


def crc16(data):
    """CRC-16/CCITT-FALSE, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def packet(kind, sequence, body):
    covered = struct.pack("<BBH", kind, len(body), sequence & 0xFFFF) + body
    return b"\xed\x4d" + covered + struct.pack("<H", crc16(covered))


def description(channels, *, sequence=0, number=1):
    """Channels are (kind, bytes a number, rate in Hz, scale, offset)."""
    body = struct.pack("<BB", number, len(channels))
    for kind, size, rate_hz, scale, offset in channels:
        body += struct.pack("<BBIff", KINDS[kind], FORMATS[size], round(rate_hz * 1000), scale, offset)
    return packet(0x10, sequence, body)


def samples(frames, *, sequence, first, number=1, mask=1):
    """Frames are lists of (count, bytes)."""
    body = struct.pack("<BHH", number, mask, first & 0xFFFF)
    for frame in frames:
        for count, size in frame:
            body += count.to_bytes(size, "little", signed=True)
    return packet(0x11, sequence, body)
