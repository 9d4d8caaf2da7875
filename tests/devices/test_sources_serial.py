"""A sensor on a serial port, played by the other end of a pseudo terminal: its lines, and what goes wrong."""

import time

import numpy as np
import pytest
from serial_sensor import values

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.sources import SerialPort, signal_source

pytestmark = pytest.mark.devices


def test_lines_become_samples_and_the_torn_first_line_is_dropped(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    spec = port.open()
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("ecg", "ecg", 250, "mV")
    sensor.says("12\n0.25\n-1.5\r\n 3e-1 \n")
    assert values(port, 3) == pytest.approx([0.25, -1.5, 0.3])
    assert port.bad_lines == 0
    port.close()


def test_a_line_that_is_torn_by_opening_again_is_dropped(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    sensor.says("\n1\n12")
    assert values(port, 1) == [1]
    port.open()
    sensor.says("34\n5\n")
    assert values(port, 1) == [5]
    assert port.bad_lines == 0
    port.close()


def test_garbage_is_counted_and_skipped_and_reading_goes_on(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    sensor.says(b"\n1\nhello\n\xff\xfe\x00\n2\n1,\n,\ninf\n1_0\n1e300\n-3.5e38\n3\n")
    assert values(port, 4) == [1, 2, 1, 3]
    assert port.bad_lines == 7
    port.close()


def test_an_endless_line_is_one_bad_line_and_what_follows_is_read(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV", stall_s=0.4)
    port.open()
    sensor.says("\n1\n")
    assert values(port, 1) == [1]
    with sensor.repeating(b"7" * 300), pytest.raises(SourceLost, match=r"\(1 unreadable lines"):
        port.read()
    sensor.says("9\n4\n5\n")
    assert values(port, 2) == [4, 5]
    assert port.bad_lines == 1
    port.close()


def test_a_long_line_that_comes_at_once_is_bad_too(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    sensor.says("\n" + "0" * 300 + "1\n5\n")
    assert values(port, 1) == [5]
    assert port.bad_lines == 1
    port.close()


def test_check_sums_are_verified_where_they_are_sent(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    right = f"{ord('1') ^ ord('.') ^ ord('5'):02X}"
    other = "".join(f"{digit}*{form}\n" for digit, form in (("5", "0x35"), ("7", "+37"), ("6", " 36"), ("7", "037")))
    sensor.says(f"\n1.5*{right}\n1.6*{right}\n1.5*{right.lower()}\n1.5*ZZ\n1.5*\n{other}2\n")
    assert values(port, 3) == [1.5, 1.5, 2.0]
    assert port.bad_lines == 7
    port.close()


def test_one_of_several_values_and_three_for_acceleration(sensor):
    port = SerialPort(sensor.path, kind="ppg", rate_hz=100, column=1)
    port.open()
    sensor.says("\n1,2,3\n4\n5,6\nnan,nan\n")
    assert values(port, 3) == pytest.approx([2, 6, np.nan], nan_ok=True)
    assert port.bad_lines == 1
    port.close()
    port = SerialPort(sensor.path, kind="acc", rate_hz=100, unit="g")
    port.open()
    sensor.says("\n0.1,0.2,0.3\n1,2,3\n")
    assert values(port, 2)[1] == [1, 2, 3]
    port.close()


def test_the_column_of_a_port_is_chosen_and_counted_from_0(sensor):
    port = signal_source(sensor.path, kind="ecg", rate_hz=250, column=1)
    port.open()
    sensor.says("\n1,2\n")
    assert values(port, 1) == [2.0]
    port.close()
    for column in (-1, -2):
        with pytest.raises(ConfigError, match=f"counted from 0; there is no {column}"):
            signal_source(sensor.path, kind="ecg", rate_hz=250, column=column)


class Clock:
    """A clock that stands still, and says a line once when it is asked."""

    def __init__(self, sensor):
        self.s, self.sensor, self.then = 100.0, sensor, ""

    def monotonic(self):
        return self.s

    def monotonic_ns(self):
        line, self.then = self.then, ""
        self.sensor.says(line)
        return round(self.s * 1e9)


def test_silence_is_counted_from_the_last_sample_and_not_from_the_opening(sensor, monkeypatch):
    clock = Clock(sensor)
    monkeypatch.setattr("edge_mm.sources.serial_port.time", clock)
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV", stall_s=2.0)
    port.open()
    for value in (1, 2, 3):
        clock.s += 1.5
        sensor.says("\nno sample\n")
        clock.then = f"{value}\n"  # after the port has looked once
        assert values(port, 1) == [value]
    clock.s += 2.1
    with pytest.raises(SourceLost, match="no sample for 2 s"):
        port.read()
    port.close()


def test_a_block_is_stamped_with_its_arrival_minus_its_length(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=100, unit="mV")
    port.open()
    sensor.says("\n" + "1\n" * 50)
    before = time.monotonic_ns()
    sample = port.read()
    after = time.monotonic_ns()
    length_ns = len(sample.data) * 10_000_000
    assert before - length_ns <= sample.t_ns <= after - length_ns
    port.close()


def test_pulling_the_plug_is_a_lost_source(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    sensor.says("\n1\n")
    port.read()
    sensor.unplug()
    with pytest.raises(SourceLost, match="unplugged"):
        port.read()
    port.close()
    port.close()


def test_a_sensor_that_falls_silent_or_sends_only_garbage_is_lost(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV", stall_s=0.3)
    port.open()
    with pytest.raises(SourceLost, match=r"no sample for 0\.3 s"):
        port.read()
    with sensor.repeating(b"\xf0\x0d\n"), pytest.raises(SourceLost, match="unreadable lines"):
        port.read()
    port.close()


def test_a_port_is_not_shared_and_one_that_is_not_there_is_named(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV")
    port.open()
    with pytest.raises(SourceError, match=sensor.path):
        SerialPort(sensor.path, kind="ecg", rate_hz=250, unit="mV").open()
    port.close()
    with pytest.raises(SourceError, match="/dev/ttyNOTHERE cannot be opened"):
        SerialPort("/dev/ttyNOTHERE", kind="ecg", rate_hz=250, unit="mV").open()
