"""A board that speaks the binary protocol, played by the other end of a pseudo terminal."""

import pytest
from serial_sensor import given
from wire_packets import description, samples

from edge_mm.errors import SourceError
from edge_mm.sources import SerialPort, board_source
from edge_mm.sources.serial_port import SerialBoard
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices


def test_packets_of_the_binary_protocol_become_samples_of_several_streams(sensor):
    channels = [("ecg", 3, 250, 0.001, 0.0), ("acc", 2, 250, 1 / 4096, 0.0), ("speed", 2, 0, 0.1, 0.0)]
    board = board_source(
        sensor.path, [Wanted("heart", "ecg"), Wanted("hand", "acc"), Wanted("car", "speed")], protocol="binary"
    )
    with sensor.repeating(description(channels)):
        board.open()
    assert [(spec.kind, spec.rate_hz, spec.unit) for spec in board.specs] == [
        ("ecg", 250, "mV"),
        ("acc", 250, "g"),
        ("speed", 1, "km/h"),
    ]
    frames = [[(-1000 * k, 3), (4096, 2), (-8192, 2), (0, 2)] for k in range(3)]
    sensor.says(samples(frames, sequence=5, first=0, mask=0b011) + samples([[(500, 2)]], sequence=6, first=0, mask=4))
    got = given(board, {"heart": 3, "hand": 3, "car": 1})
    assert got["heart"] == pytest.approx([0, -1, -2])
    assert got["hand"] == [[1, -2, 0]] * 3
    assert got["car"] == [50]
    board.close()


def test_one_stream_of_a_binary_sensor_may_be_read_without_saying_its_kind(sensor):
    port = SerialPort(sensor.path, protocol="binary")
    with sensor.repeating(description([("eda", 2, 10, 0.5, 1.0)])):
        spec = port.open()
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("physio", "eda", 10, "uS")
    port.close()


def test_a_binary_sensor_that_speaks_lines_is_told_from_one_that_is_silent(sensor):
    board = SerialBoard(sensor.path, [Wanted("e", "ecg")], protocol="binary", header_s=0.3)
    with sensor.repeating("1\n2\n"), pytest.raises(SourceError, match=r"no description packet within 0\.3 s.*lines"):
        board.open()
