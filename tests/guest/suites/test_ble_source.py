"""Our own source and a belt behind the kernel's Bluetooth, BlueZ and D-Bus: found, read, lost and found again."""

import itertools
import time

import pytest
from belt import ADDRESS, HEART_RATE_MEASUREMENT, HEART_RATE_SERVICE, NAME, Belt, bluetooth, measurement, power
from bumble.profiles.heart_rate_service import HeartRateService
from kernel import soon, until

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import BleDevice, discover_ble
from edge_mm.sources.gatt import CHARACTERISTICS, heart_rate
from edge_mm.sources.wanted import Wanted

BACK_S = 15.0
"""A belt that is back must give values within this."""


@pytest.fixture(scope="module")
def bus():
    with bluetooth():
        yield


@pytest.fixture(scope="module")
def worn(bus):
    """One for all: Linux 6.1 stumbles now and then over an adapter in software that is pulled out."""
    one = Belt()
    one.start()
    yield one
    one.kill()


@pytest.fixture
def belt(worn):
    worn.switch_on()
    yield worn
    worn.switch_off()


@pytest.fixture
def source(belt):
    device = BleDevice(NAME[3:].lower(), [Wanted("heart", "heart_rate"), Wanted("beats", "rr")], scan_s=10.0)
    yield device
    device.close()


def read_until_lost(source):
    with pytest.raises(SourceLost):
        while True:
            source.read()
    source.close()  # as the daemon's reader does


def opened_again(source):
    """As the daemon's reader does: again and again."""

    def opens():
        try:
            source.open()
        except SourceError:
            return False
        return True

    until(opens, "the belt is open again", limit_s=60.0)


def test_the_belt_is_listed_with_its_address_name_and_service(belt):
    (found,) = discover_ble(8.0)
    assert found.id == f"ble:{ADDRESS}"
    assert found.label.startswith(f"{NAME}: Heart Rate")


def test_values_are_those_that_the_belt_sent_each_once_and_in_order(belt, source):
    opened_again(source)
    spec = source.specs[0]
    assert (spec.kind, spec.unit, source.streams) == ("heart_rate", "bpm", ("heart", "beats"))
    belt.says(measurement(71))
    belt.says(measurement(72, 0.75, 0.5))
    belt.says(b"\x01")  # a packet that is cut off
    belt.says(measurement(73))
    got = [source.read() for _ in range(4)]
    assert [(one.stream, one.data.tolist()) for one in got] == [
        ("heart", [71.0]), ("heart", [72.0]), ("beats", [0.75, 0.5]), ("heart", [73.0])
    ]  # fmt: skip
    assert source.counters["bad_packets"] == 1


def test_a_belt_that_dies_is_lost_and_gives_values_within_15_s_of_its_return_each_once(belt, source):
    opened_again(source)
    belt.says(measurement(71))
    assert source.read().data.tolist() == [71.0]
    with soon(belt.switch_off):
        read_until_lost(source)
    belt.switch_on()
    back = time.monotonic()
    opened_again(source)
    for bpm in (72, 73):
        belt.says(measurement(bpm))
    assert [source.read().data.tolist() for _ in range(2)] == [[72.0], [73.0]]
    assert time.monotonic() - back < BACK_S


def test_a_belt_that_hangs_up_is_lost_and_found_again(belt, source):
    opened_again(source)
    with soon(belt.hang_up):
        read_until_lost(source)
    opened_again(source)
    belt.says(measurement(74))
    assert source.read().data.tolist() == [74.0]


def test_an_adapter_that_is_off_is_said_and_the_belt_is_read_again_when_it_is_on(belt, source):
    opened_again(source)
    with soon(lambda: power(False)):
        read_until_lost(source)
    until(lambda: "power on" in refusal(source), "that the adapter is off")
    until(lambda: power(True), "the adapter's power")
    opened_again(source)
    belt.says(measurement(75))
    assert source.read().data.tolist() == [75.0]


def test_a_belt_that_a_killed_program_left_connected_is_found_though_it_does_not_advertise(belt, source):
    left = BleDevice(ADDRESS, [Wanted("heart", "heart_rate")])
    opened_again(left)
    source.open()
    belt.says(measurement(76))
    assert source.read().data.tolist() == [76.0]
    left.close()


def refusal(source):
    with pytest.raises(SourceError) as refused:
        source.open()
    return str(refused.value)


def test_packets_of_another_implementation_are_read_as_they_were_meant():
    choices = (0, 72, 255, 256, 300), (None, True, False), (None, 1234), (None, [1.0, 0.5, 3 / 1024])
    for bpm, contact, energy, intervals in itertools.product(*choices):
        rows = heart_rate(bytes(HeartRateService.HeartRateMeasurement(bpm, contact, energy, intervals))).rows
        worn = contact is not False
        assert str(rows["heart_rate"]) == str([(float(bpm) if worn else float("nan"),)])
        assert rows.get("rr") == ([(seconds,) for seconds in intervals] if intervals and worn else None)


def test_the_belts_numbers_are_those_that_we_listen_to():
    one = CHARACTERISTICS[0]
    assert (one.service, one.uuid) == (HEART_RATE_SERVICE, HEART_RATE_MEASUREMENT)


def test_an_adapter_that_is_pulled_out_is_said_and_the_belt_is_read_with_a_new_one(belt, source):
    opened_again(source)
    with soon(belt.kill):
        read_until_lost(source)
    until(lambda: "no Bluetooth adapter" in refusal(source), "that there is no adapter", limit_s=60.0)
    belt.start()
    opened_again(source)
    belt.says(measurement(77))
    assert source.read().data.tolist() == [77.0]
