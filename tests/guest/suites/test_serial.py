"""A sensor on USB: a serial gadget of the same kernel, unplugged in the middle of a line and plugged in again."""

import pytest
from gadget import OURS, Gadget
from kernel import driver, repeated, until

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import SerialPort, serial_ports

HEADER = "#edge-mm kind=ecg rate_hz=250 unit=mV\n"


@pytest.fixture
def gadget():
    with driver("dummy_hcd"), driver("cdc-acm"):
        sensor = Gadget()
        sensor.plug()
        yield sensor
        sensor.unplug()


@pytest.fixture
def port(gadget):
    opened = SerialPort(str(OURS), kind="ecg", rate_hz=250.0, unit="mV")
    yield opened
    opened.close()


def values(port, count):
    got = []
    while len(got) < count:
        got += port.read().data.tolist()
    return got


def counted(first, count):
    return "".join(f"{number}\n" for number in range(first, first + count))


def test_a_usb_sensor_is_listed_with_its_port_and_its_product_name(gadget):
    (found,) = serial_ports()
    assert found.id == str(OURS)
    assert "Gadget Serial" in found.label


def test_every_line_becomes_a_value_in_order(gadget, port):
    gadget.switch_on()
    assert port.open().unit == "mV"
    gadget.says("torn\n" + counted(0, 500))
    assert values(port, 500) == [float(number) for number in range(500)]
    assert port.bad_lines == 0


def test_kind_and_rate_come_from_the_sensors_own_header(gadget):
    port = SerialPort(str(OURS), header_s=10.0)
    gadget.switch_on()
    gadget.says("torn\n" + HEADER)
    with pytest.raises(SourceError, match="no header"):
        SerialPort(str(OURS), header_s=0.2).open()  # what was sent before the port was open is not believed
    with repeated(lambda: gadget.says("torn\n" + HEADER)):
        spec = port.open()
    assert (spec.kind, spec.rate_hz, spec.unit) == ("ecg", 250.0, "mV")
    port.close()


def test_a_sensor_unplugged_in_the_middle_of_a_line_is_lost_without_a_wrong_value(gadget, port):
    gadget.switch_on()
    port.open()
    gadget.says("torn\n" + counted(100, 20) + "12")  # of 1234
    got = values(port, 20)
    gadget.unplug()
    with pytest.raises(SourceLost, match="unplugged"):
        while True:
            got += port.read().data.tolist()
    assert got == [float(number) for number in range(100, 120)]
    port.close()
    until(lambda: not OURS.exists(), "the port's end")
    assert serial_ports() == []
    with pytest.raises(SourceError, match="it is not there"):
        port.open()

    gadget.plug()
    gadget.switch_on()
    port.open()
    gadget.says("34\n" + counted(200, 50))  # the rest of a line whose beginning nobody heard
    assert values(port, 50) == [float(number) for number in range(200, 250)]
    assert port.bad_lines == 0


def test_a_port_that_is_held_is_refused_to_a_second_reader(port):
    port.open()
    with pytest.raises(SourceError, match="another program uses it"):
        SerialPort(str(OURS), kind="ecg", rate_hz=250.0, unit="mV").open()
