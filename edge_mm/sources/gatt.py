"""What health devices say over Bluetooth Low Energy: packets of four services of the Bluetooth SIG -> readings.

In: the bytes of one notification. Out: ``Decoded``: rows per kind, in the kind's unit, NaN where the device could not
tell; or ``MalformedPacket``. Not here: any radio (``ble``).

Formats: Heart Rate Service 1.0, Pulse Oximeter Service 1.0.1, Blood Pressure Service 1.1.1 and Health Thermometer
Service 1.0 of bluetooth.com/specifications, their fields in the GATT Specification Supplement (org.bluetooth.
characteristic 0x2A37, 0x2A5E, 0x2A5F, 0x2A35, 0x2A1C); SFLOAT and FLOAT of IEEE 11073-20601, annex F.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge_mm.kinds import StreamKind

Stamp = tuple[int, int, int, int, int, int]
"""Year, month, day, hour, minute, second of the device's own clock."""
MMHG_PER_KPA: Final = 7.500617
_RR_PER_S: Final = 1024.0
_SFLOAT_NOT_FINITE: Final = frozenset((0x07FE, 0x07FF, 0x0800, 0x0801, 0x0802))  # +inf, NaN, NRes, reserved, -inf
_FLOAT_NOT_FINITE: Final = frozenset((0x007FFFFE, 0x007FFFFF, 0x00800000, 0x00800001, 0x00800002))
# Pulse oximeter, measurement status: from storage is a value of some other time, the others are no person's.
_STORED: Final = 1 << 9
_NO_PERSON: Final = 1 << 10 | 1 << 11 | 1 << 13 | 1 << 15  # demonstration, testing, unavailable, invalid


class MalformedPacket(ValueError):  # noqa: N818 - it names what it is
    """A packet that is shorter than its own flags say."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one packet says."""

    rows: Mapping[StreamKind, list[tuple[float, ...]]]
    """Kind -> rows of one value, of three for ``blood_pressure``; a kind it says nothing of is absent."""
    stamp: Stamp | None = None
    """When it was measured, by the device's clock; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One characteristic that is listened to."""

    uuid: str
    """Full UUID, lower case."""
    service: str
    """UUID of its service."""
    title: str
    """For a person."""
    kinds: tuple[StreamKind, ...]
    """What it can give."""
    decode: Callable[[bytes], Decoded]
    """Its packets."""
    stale_s: float
    """Longest silence that is normal, seconds."""
    steady: bool
    """Whether it speaks all the time, so that silence is a fault; a cuff speaks when somebody has measured."""


def uuid_of(number: int) -> str:
    """The UUID of a 16-bit number that the Bluetooth SIG has assigned."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


def sfloat(raw: int) -> float:
    """The value of a 16-bit SFLOAT; NaN where it stands for none (NaN, not at this resolution, infinite)."""
    if raw in _SFLOAT_NOT_FINITE:
        return math.nan
    return float(_signed(raw & 0xFFF, 12) * 10.0 ** _signed(raw >> 12, 4))


def float32(raw: int) -> float:
    """As ``sfloat``, of a 32-bit FLOAT."""
    if raw in _FLOAT_NOT_FINITE:
        return math.nan
    value = _signed(raw & 0xFFFFFF, 24) * 10.0 ** _signed(raw >> 24, 8)
    return value if abs(value) < 1e30 else math.nan  # an exponent of 127 is noise, and no float32


def heart_rate(packet: bytes) -> Decoded:
    """0x2A37: heart rate in bpm, RR intervals in s.

    Without skin contact, where the belt can tell, the rate is NaN and its intervals are left out.
    """
    fields = _Fields(packet)
    flags = fields.u8()
    bpm = float(fields.u16() if flags & 0x01 else fields.u8())
    contact = not flags & 0x04 or bool(flags & 0x02)  # bit 2: it can tell; bit 1: it touches the skin
    if flags & 0x08:
        fields.skip(2)  # energy expended, kJ
    rows: dict[StreamKind, list[tuple[float, ...]]] = {"heart_rate": [(bpm if contact else math.nan,)]}
    if flags & 0x10:
        intervals = fields.rest_u16()
        if contact and intervals:
            rows["rr"] = [(raw / _RR_PER_S,) for raw in intervals]
    return Decoded(rows)


def pulse_oximeter_continuous(packet: bytes) -> Decoded:
    """0x2A5F: SpO2 in %, pulse rate in bpm, of its "normal" averaging."""
    fields = _Fields(packet)
    flags = fields.u8()
    values = fields.sfloat(), fields.sfloat()
    fields.skip(4 * bool(flags & 0x01) + 4 * bool(flags & 0x02))  # fast and slow averaging
    status = fields.u16() if flags & 0x04 else 0
    fields.skip(3 * bool(flags & 0x08) + 2 * bool(flags & 0x10))  # device and sensor status, pulse amplitude
    return _oximetry(values, status, None)


def pulse_oximeter_spot_check(packet: bytes) -> Decoded:
    """0x2A5E: as the continuous one, of one measurement, perhaps with the time of it."""
    fields = _Fields(packet)
    flags = fields.u8()
    values = fields.sfloat(), fields.sfloat()
    stamp = fields.stamp() if flags & 0x01 else None
    status = fields.u16() if flags & 0x02 else 0
    fields.skip(3 * bool(flags & 0x04) + 2 * bool(flags & 0x08))
    return _oximetry(values, status, None if flags & 0x10 else stamp)  # bit 4: its clock is not set


def blood_pressure(packet: bytes) -> Decoded:
    """0x2A35: systolic, diastolic and mean arterial pressure in mmHg."""
    fields = _Fields(packet)
    flags = fields.u8()
    factor = MMHG_PER_KPA if flags & 0x01 else 1.0
    values = tuple(fields.sfloat() * factor for _ in range(3))
    stamp = fields.stamp() if flags & 0x02 else None
    fields.skip(2 * bool(flags & 0x04) + bool(flags & 0x08) + 2 * bool(flags & 0x10))  # pulse, user, status
    return Decoded({"blood_pressure": [values]}, stamp)


def thermometer(packet: bytes) -> Decoded:
    """0x2A1C: body temperature in degC."""
    fields = _Fields(packet)
    flags = fields.u8()
    value = float32(fields.u32())
    stamp = fields.stamp() if flags & 0x02 else None
    fields.skip(bool(flags & 0x04))  # where it was measured
    return Decoded({"body_temp": [((value - 32.0) / 1.8 if flags & 0x01 else value,)]}, stamp)


def _oximetry(values: tuple[float, float], status: int, stamp: Stamp | None) -> Decoded:
    if status & _STORED:
        return Decoded({}, stamp)
    spo2, pulse = (math.nan, math.nan) if status & _NO_PERSON else values
    return Decoded({"spo2": [(spo2,)], "heart_rate": [(pulse,)]}, stamp)


_HEART, _OXIMETER, _CUFF, _THERMOMETER = (uuid_of(number) for number in (0x180D, 0x1822, 0x1810, 0x1809))
_HOUR_S: Final = 3600.0
CHARACTERISTICS: Final = (
    Characteristic(uuid_of(0x2A37), _HEART, "Heart Rate", ("heart_rate", "rr"), heart_rate, 5.0, True),
    Characteristic(
        uuid_of(0x2A5F), _OXIMETER, "Pulse Oximeter", ("spo2", "heart_rate"), pulse_oximeter_continuous, 5.0, True
    ),
    Characteristic(
        uuid_of(0x2A5E), _OXIMETER, "Pulse Oximeter", ("spo2", "heart_rate"), pulse_oximeter_spot_check, _HOUR_S, False
    ),
    Characteristic(uuid_of(0x2A35), _CUFF, "Blood Pressure", ("blood_pressure",), blood_pressure, _HOUR_S, False),
    Characteristic(uuid_of(0x2A1C), _THERMOMETER, "Health Thermometer", ("body_temp",), thermometer, _HOUR_S, False),
)
"""In the order in which they are preferred for a kind."""
SERVICES: Final[Mapping[str, str]] = MappingProxyType({one.service: one.title for one in CHARACTERISTICS})
"""Service's UUID -> its name."""
KINDS: Final[tuple[StreamKind, ...]] = tuple(dict.fromkeys(kind for one in CHARACTERISTICS for kind in one.kinds))
"""What can be read of such devices."""


class _Fields:
    """Takes little-endian fields off a packet, one after the other."""

    def __init__(self, packet: bytes) -> None:
        self._packet, self._at = packet, 0

    def u8(self) -> int:
        return self._take("<B", 1)

    def u16(self) -> int:
        return self._take("<H", 2)

    def u32(self) -> int:
        return self._take("<I", 4)

    def sfloat(self) -> float:
        return sfloat(self.u16())

    def stamp(self) -> Stamp | None:
        """A date and time; None where the device does not know the year."""
        year = self.u16()
        month, day, hour, minute, second = (self.u8() for _ in range(5))
        return (year, month, day, hour, minute, second) if year else None

    def skip(self, count: int) -> None:
        self._need(count)
        self._at += count

    def rest_u16(self) -> list[int]:
        left = len(self._packet) - self._at
        if left % 2:
            raise MalformedPacket(f"{left} bytes of intervals are no whole number of them")
        return [self.u16() for _ in range(left // 2)]

    def _take(self, form: str, count: int) -> int:
        self._need(count)
        (value,) = struct.unpack_from(form, self._packet, self._at)
        self._at += count
        return int(value)

    def _need(self, count: int) -> None:
        if self._at + count > len(self._packet):
            raise MalformedPacket(f"{len(self._packet)} bytes are fewer than its flags say")


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >> (bits - 1) else raw
