"""Packets of the Bluetooth SIG's health services: every field, every unit, and bytes that are none."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.sources.gatt import (
    CHARACTERISTICS,
    MalformedPacket,
    blood_pressure,
    float32,
    heart_rate,
    pulse_oximeter_continuous,
    pulse_oximeter_spot_check,
    sfloat,
    thermometer,
)

STAMP = struct.pack("<H5B", 2026, 3, 1, 8, 30, 0)


def sf(value: int, exponent: int = 0) -> bytes:
    return struct.pack("<H", (exponent & 0xF) << 12 | value & 0xFFF)


def test_a_rate_of_8_or_16_bits_is_read():
    assert heart_rate(bytes([0x00, 72])).rows == {"heart_rate": [(72.0,)]}
    assert heart_rate(bytes([0x01, 0x2C, 0x01])).rows == {"heart_rate": [(300.0,)]}


def test_intervals_are_seconds_also_after_the_energy_expended():
    plain = heart_rate(bytes([0x10, 60]) + struct.pack("<2H", 1024, 512))
    assert plain.rows["rr"] == [(1.0,), (0.5,)]
    behind_energy = heart_rate(bytes([0x18, 60]) + struct.pack("<3H", 1234, 1024, 512))
    assert behind_energy.rows == plain.rows


@pytest.mark.parametrize(("flags", "worn"), [(0x00, True), (0x02, True), (0x06, True), (0x04, False)])
def test_without_skin_contact_there_is_no_rate_and_no_interval_where_the_belt_can_tell(flags, worn):
    rows = heart_rate(bytes([flags | 0x10, 60]) + struct.pack("<H", 1024)).rows
    assert math.isnan(rows["heart_rate"][0][0]) is not worn
    assert ("rr" in rows) is worn


def test_a_short_float_has_a_signed_mantissa_and_a_signed_exponent():
    assert sfloat(struct.unpack("<H", sf(365, -1))[0]) == pytest.approx(36.5)
    assert sfloat(struct.unpack("<H", sf(-12, 2))[0]) == -1200.0
    assert float32(0xFF000173) == pytest.approx(37.1)


@pytest.mark.parametrize("raw", [0x07FE, 0x07FF, 0x0800, 0x0801, 0x0802])
def test_what_a_short_float_cannot_say_is_no_number(raw):
    assert math.isnan(sfloat(raw))


@pytest.mark.parametrize("raw", [0x007FFFFE, 0x007FFFFF, 0x00800000, 0x00800001, 0x00800002])
def test_what_a_float_cannot_say_is_no_number(raw):
    assert math.isnan(float32(raw))


def test_an_oximeter_says_saturation_and_pulse_whatever_else_it_says():
    bare = pulse_oximeter_continuous(bytes([0x00]) + sf(97) + sf(64))
    assert bare.rows == {"spo2": [(97.0,)], "heart_rate": [(64.0,)]}
    full = bytes([0x1F]) + sf(97) + sf(64) + sf(90) * 4 + struct.pack("<H", 1 << 5) + bytes(3) + sf(12)
    assert pulse_oximeter_continuous(full) == bare


@pytest.mark.parametrize("bit", [10, 11, 13, 15])
def test_an_oximeters_demonstration_and_its_invalid_values_are_no_persons(bit):
    packet = bytes([0x04]) + sf(97) + sf(64) + struct.pack("<H", 1 << bit)
    rows = pulse_oximeter_continuous(packet).rows
    assert all(math.isnan(values[0][0]) for values in rows.values())


def test_a_value_from_an_oximeters_memory_is_of_another_time():
    assert pulse_oximeter_continuous(bytes([0x04]) + sf(97) + sf(64) + struct.pack("<H", 1 << 9)).rows == {}


def test_a_spot_check_has_its_time_only_where_its_clock_is_set():
    packet = sf(98) + sf(70) + STAMP
    assert pulse_oximeter_spot_check(bytes([0x01]) + packet).stamp == (2026, 3, 1, 8, 30, 0)
    assert pulse_oximeter_spot_check(bytes([0x11]) + packet).stamp is None
    assert pulse_oximeter_spot_check(bytes([0x01]) + packet).rows["spo2"] == [(98.0,)]


def test_a_cuff_in_either_unit_gives_mmhg():
    mmhg = blood_pressure(bytes([0x1E]) + sf(120) + sf(80) + sf(93) + STAMP + sf(61) + bytes(3))
    assert mmhg.rows == {"blood_pressure": [(120.0, 80.0, 93.0)]}
    assert mmhg.stamp == (2026, 3, 1, 8, 30, 0)
    kpa = blood_pressure(bytes([0x01]) + sf(160, -1) + sf(107, -1) + sf(0x7FF)).rows["blood_pressure"][0]
    assert kpa[:2] == pytest.approx((120.0, 80.25), abs=0.02)
    assert math.isnan(kpa[2])


def test_a_thermometer_in_either_unit_gives_celsius():
    assert thermometer(bytes([0x00]) + struct.pack("<I", 0xFF000173)).rows == {"body_temp": [(pytest.approx(37.1),)]}
    fahrenheit = thermometer(bytes([0x07]) + struct.pack("<I", 0xFF0003DA) + STAMP + bytes([2]))
    assert fahrenheit.rows["body_temp"][0][0] == pytest.approx(37.0)
    assert fahrenheit.stamp == (2026, 3, 1, 8, 30, 0)


def test_a_year_that_the_device_does_not_know_is_no_time():
    assert thermometer(bytes([0x02]) + struct.pack("<I", 0xFF000173) + bytes(7)).stamp is None


@given(st.sampled_from(CHARACTERISTICS), st.binary(max_size=40))
def test_any_bytes_give_rows_of_the_right_width_or_are_malformed(characteristic, packet):
    try:
        decoded = characteristic.decode(packet)
    except MalformedPacket:
        return
    assert set(decoded.rows) <= set(characteristic.kinds)
    for kind, rows in decoded.rows.items():
        assert rows
        assert all(len(row) == (3 if kind == "blood_pressure" else 1) for row in rows)
        assert all(math.isnan(value) or abs(value) < 3.4e38 for row in rows for value in row)


@given(st.sampled_from(CHARACTERISTICS), st.binary(min_size=40, max_size=40), st.integers(0, 39))
def test_a_packet_that_is_cut_off_is_malformed_or_says_nothing_else(characteristic, packet, length):
    def said(data):
        try:
            decoded = characteristic.decode(data)
        except MalformedPacket:
            return None
        return {kind: [str(row) for row in rows] for kind, rows in decoded.rows.items() if kind != "rr"}

    assert said(packet[:length]) in (None, said(packet), said(packet + b"\0"))


@pytest.mark.parametrize(
    ("packet", "bpm", "intervals"),
    [("0048", 72.0, None), ("0648", 72.0, None), ("1e488000", None, None),
     ("1648000400020300", 72.0, (1.0, 0.5, 3 / 1024)), ("112c010004", 300.0, (1.0,)), ("1cff39300004", math.nan, None)],
)  # fmt: skip
def test_what_another_implementation_of_the_service_sends_is_read_as_it_was_meant(packet, bpm, intervals):
    """Packets as bumble 0.0.236's HeartRateMeasurement writes them; the guest's suite ``ble`` asks bumble itself."""
    if bpm is None:  # its list of intervals was empty, and its energy cut off by hand
        with pytest.raises(MalformedPacket):
            heart_rate(bytes.fromhex(packet[:-2]))
        return
    rows = heart_rate(bytes.fromhex(packet)).rows
    assert str(rows["heart_rate"]) == str([(bpm,)])
    assert rows.get("rr") == (None if intervals is None else [(seconds,) for seconds in intervals])
