"""A sensor on a serial port, played by the other end of a pseudo terminal."""

import os
import threading
import time
import tty
from contextlib import contextmanager

import numpy as np
import pytest

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import SerialPort

pytestmark = pytest.mark.devices


class Sensor:
    """The far end: what it writes arrives at ``path``."""

    def __init__(self):
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)
        self._plugged = True

    def says(self, text):
        os.write(self._far, text if isinstance(text, bytes) else text.encode())

    def unplug(self):
        if self._plugged:
            os.close(self._near)
            os.close(self._far)
        self._plugged = False

    @contextmanager
    def repeating(self, text):
        """Say it again and again until the block ends."""
        stop = threading.Event()

        def talk():
            while not stop.wait(0.02):
                self.says(text)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def sensor():
    far_end = Sensor()
    yield far_end
    far_end.unplug()


def values(port, count):
    got = []
    while len(got) < count:
        got += port.read().data.tolist()
    return got


def test_lines_become_samples_and_the_torn_first_line_is_dropped(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    spec = port.open()
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("ecg", "ecg", 250, "mV")
    sensor.says("12\n0.25\n-1.5\r\n 3e-1 \n")
    assert values(port, 3) == pytest.approx([0.25, -1.5, 0.3])
    assert port.bad_lines == 0
    port.close()


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


def test_without_header_and_rate_the_open_says_what_to_do(sensor):
    with pytest.raises(SourceError, match="set kind and rate_hz in the configuration"):
        SerialPort(sensor.path, header_s=0.3).open()


def test_garbage_is_counted_and_skipped_and_reading_goes_on(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    port.open()
    sensor.says(b"\n1\nhello\n\xff\xfe\x00\n2\n1,\n,\ninf\n3\n")
    assert values(port, 4) == [1, 2, 1, 3]
    assert port.bad_lines == 4
    port.close()


def test_an_endless_line_is_one_bad_line_and_what_follows_is_read(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, stall_s=0.4)
    port.open()
    sensor.says("\n1\n")
    assert values(port, 1) == [1]
    with sensor.repeating(b"7" * 300), pytest.raises(SourceLost, match=r"\(1 unreadable lines"):
        port.read()
    sensor.says("9\n4\n5\n")
    assert values(port, 2) == [4, 5]
    assert port.bad_lines == 1
    port.close()


def test_check_sums_are_verified_where_they_are_sent(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    port.open()
    right = f"{ord('1') ^ ord('.') ^ ord('5'):02X}"
    sensor.says(f"\n1.5*{right}\n1.6*{right}\n1.5*{right.lower()}\n1.5*ZZ\n2\n")
    assert values(port, 3) == [1.5, 1.5, 2.0]
    assert port.bad_lines == 2
    port.close()


def test_one_of_several_values_and_three_for_acceleration(sensor):
    port = SerialPort(sensor.path, kind="ppg", rate_hz=100, column=1)
    port.open()
    sensor.says("\n1,2,3\n4\n5,6\nnan,nan\n")
    assert values(port, 3) == pytest.approx([2, 6, np.nan], nan_ok=True)
    assert port.bad_lines == 1
    port.close()
    port = SerialPort(sensor.path, kind="acc", rate_hz=100)
    port.open()
    sensor.says("\n0.1,0.2,0.3\n1,2,3\n")
    assert values(port, 2)[1] == [1, 2, 3]
    port.close()


def test_a_block_is_stamped_with_its_arrival_minus_its_length(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=100)
    port.open()
    sensor.says("\n" + "1\n" * 50)
    before = time.monotonic_ns()
    sample = port.read()
    after = time.monotonic_ns()
    length_ns = len(sample.data) * 10_000_000
    assert before - length_ns <= sample.t_ns <= after - length_ns
    port.close()


def test_pulling_the_plug_is_a_lost_source(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    port.open()
    sensor.says("\n1\n")
    port.read()
    sensor.unplug()
    with pytest.raises(SourceLost, match="unplugged"):
        port.read()
    port.close()
    port.close()


def test_a_sensor_that_falls_silent_or_sends_only_garbage_is_lost(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, stall_s=0.3)
    port.open()
    with pytest.raises(SourceLost, match=r"no sample for 0\.3 s"):
        port.read()
    with sensor.repeating(b"\xf0\x0d\n"), pytest.raises(SourceLost, match="unreadable lines"):
        port.read()
    port.close()


def test_a_port_is_not_shared_and_one_that_is_not_there_is_named(sensor):
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250)
    port.open()
    with pytest.raises(SourceError, match=sensor.path):
        SerialPort(sensor.path, kind="ecg", rate_hz=250).open()
    port.close()
    with pytest.raises(SourceError, match="/dev/ttyNOTHERE cannot be opened"):
        SerialPort("/dev/ttyNOTHERE", kind="ecg", rate_hz=250).open()
