"""What a serial sensor says of itself: kind, rate and unit; and what the configuration says instead."""

import numpy as np
import pytest
from serial_sensor import values

from edge_mm.errors import ConfigError, SourceError
from edge_mm.sources import SerialPort

pytestmark = pytest.mark.devices


def test_kind_rate_and_unit_come_from_the_header(sensor):
    port = SerialPort(sensor.path)
    with sensor.repeating("#edge-mm kind=ecg rate_hz=125 unit=uV\n1000\n"):
        spec = port.open()
        sample = port.read()
    assert (spec.kind, spec.rate_hz, spec.unit) == ("ecg", 125, "mV")
    assert (sample.data.dtype, sample.data[0], sample.rate_hz) == (np.float32, 1.0, 125)
    port.close()


def test_the_configuration_wins_over_the_header(sensor):
    port = SerialPort(sensor.path, kind="ppg", rate_hz=50, name="finger")
    with sensor.repeating("#edge-mm kind=ecg rate_hz=125\n1\n"):
        spec = port.open()
        port.read()
    assert (spec.name, spec.kind, spec.rate_hz) == ("finger", "ppg", 50)
    port.close()


def test_a_header_in_the_middle_changes_what_follows_it_and_one_without_a_unit_changes_nothing(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, header_s=0)
    port.open()
    sensor.says("\n1\n#edge-mm kind=ecg unit=uV\n1000\n#edge-mm battery=80\n2000\n#edge-mm unit=\n3000\n")
    assert values(port, 4) == pytest.approx([1, 1, 2, 3])
    port.close()


def test_with_kind_and_rate_configured_a_header_is_still_heard_for_its_unit(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    with sensor.repeating("1000\n1000\n1000\n#edge-mm kind=ecg rate_hz=250 unit=uV\n"):
        port.open()
        assert set(values(port, 20)) == {1.0}
    port.close()


def test_a_configured_unit_wins_over_the_header(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="uV")
    port.open()
    sensor.says("\n1000\n#edge-mm kind=ecg unit=V\n2000\n")
    assert values(port, 2) == pytest.approx([1, 2])
    port.close()


def test_a_unit_that_is_none_of_the_kind_is_refused_and_not_counted_as_ours(sensor):
    with pytest.raises(ConfigError, match=r"'counts' is no unit of ecg; .* unit=mV"):
        SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="counts")
    with pytest.raises(ConfigError, match="give both or neither"):
        SerialPort(sensor.path, unit="mV")
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, header_s=0)
    port.open()
    sensor.says("\n#edge-mm kind=ecg unit=counts\n2048\n")
    with pytest.raises(SourceError, match=f"{sensor.path}: 'counts' is no unit of ecg"):
        port.read()
    port.close()
    with (
        sensor.repeating("#edge-mm kind=eda rate_hz=4 unit=kohm\n"),
        pytest.raises(SourceError, match="no unit of eda"),
    ):
        SerialPort(sensor.path).open()


def test_a_port_that_is_opened_again_begins_anew(sensor):
    port = SerialPort(sensor.path)
    with sensor.repeating("#edge-mm kind=ecg rate_hz=125 unit=uV\n"):
        assert port.open().rate_hz == 125
    sensor.says("1000\n10")
    assert values(port, 1) == [1.0]
    with sensor.repeating("2\n#edge-mm kind=ppg rate_hz=50\n"):
        spec = port.open()
        assert set(values(port, 5)) == {2.0}
    assert (spec.kind, spec.rate_hz) == ("ppg", 50)
    port.close()


def test_a_rate_that_nobody_means_is_no_header(sensor):
    with sensor.repeating("#edge-mm kind=ecg rate_hz=1e9\n"), pytest.raises(SourceError, match="no header"):
        SerialPort(sensor.path, header_s=0.3).open()


def test_without_header_and_rate_the_open_says_what_to_do(sensor):
    with pytest.raises(SourceError, match="set kind and rate_hz in the configuration"):
        SerialPort(sensor.path, header_s=0.3).open()
