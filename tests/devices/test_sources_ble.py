"""Bluetooth devices through bleak and a D-Bus of our own, on which BlueZ is missing, or is a stand-in that obeys."""

import contextlib
import struct
import time
from concurrent import futures

import pytest
from bluez_bus import bus_in, stand_in

from edge_mm.daemon.config import load_config
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.sources import BleDevice, discover_ble
from edge_mm.sources.gatt import uuid_of
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices
HEART, RATE = uuid_of(0x180D), uuid_of(0x2A37)
CUFF, PRESSURE = uuid_of(0x1810), uuid_of(0x2A35)
OXIMETER, CONTINUOUS = uuid_of(0x1822), uuid_of(0x2A5F)
BELT = ("Polar H10 7C3A", {HEART: [RATE]})


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """The address of a bus on which nobody is."""
    with bus_in(tmp_path) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address


@pytest.fixture
def bluez(bus):
    """BlueZ without an adapter."""
    with stand_in(bus) as world:
        yield world


@pytest.fixture
def world(bluez):
    bluez.plug()
    return bluez


def belt(name="polar", *kinds, **more):
    wanted = [Wanted(kind, kind) for kind in kinds or ("heart_rate", "rr")]
    return BleDevice(name, wanted, scan_s=more.pop("scan_s", 1.0), **more)


@pytest.fixture
def worn(world):
    """A belt that is worn and open."""
    world.wear(*BELT)
    source = belt()
    source.open()
    yield source
    source.close()


def refused(source):
    with pytest.raises(SourceError) as error:
        source.open()
    return str(error.value)


def test_without_a_d_bus_it_says_what_to_install(bus, tmp_path, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    assert "apt install dbus bluez" in refused(belt())
    with pytest.raises(SourceError, match="no D-Bus"):
        discover_ble(0.1)


def test_without_bluez_it_says_how_to_start_it(bus):
    assert "systemctl start bluetooth" in refused(belt())


def test_without_an_adapter_it_says_so_and_sees_one_that_is_plugged_in(bluez):
    source = belt()
    assert "no Bluetooth adapter" in refused(source)
    bluez.plug()
    bluez.wear(*BELT)
    source.open()
    assert bluez.is_connected()
    source.close()


def test_an_adapter_that_is_off_is_said_and_works_when_it_is_on_again(world):
    world.wear(*BELT)
    world.power(False)
    source = belt()
    assert "bluetoothctl power on" in refused(source)
    world.power(True)
    source.open()
    source.close()


def test_a_device_that_is_not_there_is_told_from_bluetooth_that_does_not_work(world):
    world.wear("Somebody else's belt", {HEART: [RATE]})
    assert "not in range" in refused(belt(scan_s=0.3))


def test_a_busy_adapter_and_a_device_that_wants_pairing_are_said(world):
    world.wear(*BELT)
    world.pairing(True)
    assert "bluetoothctl pair" in refused(belt())
    world.busy(True)
    assert "busy with another scan" in refused(belt())


def test_a_device_without_the_wanted_service_says_what_it_gives_and_is_let_go(world):
    world.wear(*BELT)
    assert "gives no spo2 (heart_rate, rr)" in refused(belt("polar", "spo2"))
    assert not world.is_connected()


@pytest.mark.parametrize("word", ["polar", "H10", "c0:11:22:33:44:55"])
def test_a_belt_is_found_by_a_part_of_its_name_or_its_address(world, word):
    world.wear(*BELT)
    source = belt(word)
    spec = source.open()
    assert (spec.kind, spec.unit, spec.stale_s) == ("heart_rate", "bpm", 5.0)
    assert [one.unit for one in source.specs] == ["bpm", "s"]
    source.close()
    assert not world.is_connected()


def test_rate_and_intervals_of_one_packet_come_as_two_streams_and_wrong_packets_are_counted(world, worn):
    world.says(RATE, "")
    world.says(RATE, (bytes([0x10, 72]) + struct.pack("<2H", 1024, 512)).hex())
    first, second = worn.read(), worn.read()
    assert (first.stream, first.data.tolist()) == ("heart_rate", [72.0])
    assert (second.stream, second.data.tolist()) == ("rr", [1.0, 0.5])
    assert first.t_ns == second.t_ns
    assert worn.counters == {"bad_packets": 1, "old_packets": 0, "dropped": 0}


def test_packets_that_nobody_took_in_time_are_dropped_the_oldest_first(world):
    world.wear(*BELT)
    source = belt(kept=4)
    source.open()
    for bpm in range(60, 72):
        world.says(RATE, bytes([0x00, bpm]).hex())
    world.hang_up()
    got = []
    with pytest.raises(SourceLost):
        while True:
            got.append(int(source.read().data[0]))
    assert got[-1] == 71
    assert source.counters["dropped"] == 12 - len(got) > 0
    source.close()


def test_packets_of_which_a_third_cannot_be_read_are_trouble(world, worn):
    for packet in ("01", "0048", "01", "0048", "01"):
        world.says(RATE, packet)
    assert worn.read().data.tolist() == [72.0]
    assert worn.trouble == ""  # too few to say so
    world.says(RATE, "0048")
    assert [worn.read().data[0] for _ in range(2)] == [72.0, 72.0]
    assert "cannot be read" in worn.trouble
    assert worn.counters["bad_packets"] == 3


def test_a_belt_that_is_taken_off_is_lost_and_its_values_come_again_when_it_is_back(world, worn):
    world.says(RATE, "0048")
    assert worn.read().data.tolist() == [72.0]
    world.take_off()
    with pytest.raises(SourceLost, match="ended the connection"):
        worn.read()
    worn.close()
    assert "not in range" in refused(worn)
    world.wear(*BELT)
    worn.open()
    world.says(RATE, "0049")
    assert worn.read().data.tolist() == [73.0]


def test_a_belt_whose_adapter_is_switched_off_is_lost(world, worn):
    world.power(False)
    with pytest.raises(SourceLost):
        worn.read()


def test_bluez_that_dies_is_lost(bus):
    with stand_in(bus) as world:
        world.plug()
        world.wear(*BELT)
        source = belt(stall_s=3.0)
        source.open()
        world.process.kill()
        world.process.wait()
        with pytest.raises(SourceLost):
            source.read()
        source.close()
    assert "systemctl start bluetooth" in refused(source)


def test_a_connected_belt_that_falls_silent_is_lost(world):
    world.wear(*BELT)
    source = belt(stall_s=0.7)
    source.open()
    with pytest.raises(SourceLost, match=r"said nothing for 0\.7 s"):
        source.read()
    source.close()


def test_a_belt_that_a_killed_process_left_connected_is_found_though_it_does_not_advertise(world):
    world.wear(*BELT)
    left = belt()
    left.open()  # and never closed
    source = belt()
    source.open()
    world.says(RATE, "0048")
    assert source.read().data.tolist() == [72.0]
    source.close()


def measured_again(world):
    """The cuff is back, and speaks as soon as somebody listens."""
    deadline = time.monotonic() + 20.0
    while not world.is_heard(PRESSURE):
        assert time.monotonic() < deadline, "nobody has subscribed to the cuff again"
    world.says(PRESSURE, pressure(125, minute=45))
    world.hang_up()


@contextlib.contextmanager
def soon(action):
    """In a thread while the block runs; what went wrong is raised at the end."""
    with futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(action)
        yield
        done.result()


def pressure(systolic, *, minute):
    return (struct.pack("<B3H", 0x02, systolic, 80, 93) + struct.pack("<H5B", 2026, 3, 1, 8, minute, 0)).hex()


def test_of_measurements_that_a_cuff_has_kept_only_the_newest_counts_and_it_may_hang_up_in_between(world):
    world.wear("BM-57", {CUFF: [PRESSURE]})
    source = belt("bm-57", "blood_pressure")
    spec = source.open()
    assert spec.stale_s == 3600.0
    for systolic, minute in ((150, 10), (118, 31), (140, 20)):
        world.says(PRESSURE, pressure(systolic, minute=minute))
    world.hang_up()
    assert source.read().data.tolist() == [[118.0, 80.0, 93.0]]
    assert source.counters["old_packets"] == 2
    with soon(lambda: measured_again(world)):
        assert source.read().data.tolist() == [[125.0, 80.0, 93.0]]
    source.close()


def test_an_oximeter_gives_saturation_and_pulse(world):
    world.wear("Nonin3230", {OXIMETER: [CONTINUOUS]})
    source = belt("nonin", "spo2", "heart_rate")
    source.open()
    world.says(CONTINUOUS, struct.pack("<B2H", 0, 97, 64).hex())
    assert [source.read().data.tolist() for _ in range(2)] == [[97.0], [64.0]]
    source.close()


def test_a_scan_lists_devices_with_a_service_that_is_read_and_no_others(world):
    world.wear(*BELT)
    (found,) = discover_ble(1.0)
    assert found.id == "ble:C0:11:22:33:44:55"
    assert found.label.startswith("Polar H10 7C3A: Heart Rate")
    world.take_off()
    world.wear("A lamp", {uuid_of(0x1815): [uuid_of(0x2A56)]})
    assert discover_ble(1.0) == []


@pytest.mark.parametrize(
    ("address", "wanted", "why"),
    [
        ("", Wanted("h", "heart_rate"), "name or an address"),
        ("x", Wanted("e", "ecg"), "gives no ecg"),
        ("x", Wanted("h", "heart_rate", column=1), "column means nothing"),
        ("x", Wanted("h", "body_temp", unit="degF"), "unit means nothing"),
    ],
)
def test_what_no_such_device_gives_is_refused_when_the_source_is_made(address, wanted, why):
    with pytest.raises(ConfigError, match=why):
        BleDevice(address, [wanted])


def test_sources_of_one_belt_in_a_configuration_share_its_connection(tmp_path):
    (tmp_path / "edge-mm.toml").write_text(
        'version = 1\ndevice_id = "d"\n'
        '[[source]]\nname = "hr"\nkind = "heart_rate"\ndevice = "ble:Polar"\n'
        '[[source]]\nname = "beats"\nkind = "rr"\ndevice = "ble:Polar"\nstale_s = 9.0\n'
    )
    (planned,) = plan_sources(load_config(tmp_path / "edge-mm.toml"))
    assert isinstance(planned.source, BleDevice)
    assert planned.source.streams == ("hr", "beats")
