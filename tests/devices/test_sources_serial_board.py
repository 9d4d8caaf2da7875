"""A board on a serial port that gives several streams, played by the other end of a pseudo terminal."""

import contextlib
import functools
import operator
import re
from pathlib import Path

import numpy as np
import pytest
from serial_sensor import given

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.protocols import SeveralStreams, Source, Troubled
from edge_mm.sources import SerialPort, board_source, serial_port
from edge_mm.sources.serial_port import SerialBoard
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices

HEADER = "#edge-mm columns=ecg:mV,ppg,eda:nS rate_hz=250\n"
THREE = [Wanted("heart", "ecg"), Wanted("finger", "ppg"), Wanted("skin", "eda")]


def summed(line):
    return f"{line}*{functools.reduce(operator.xor, line.encode()):02X}\n"


def test_one_port_gives_several_streams_whose_columns_the_header_names(sensor):
    board = board_source(sensor.path, THREE)
    with sensor.repeating(HEADER + "0.5,7,2000\n"):
        first = board.open()
        assert isinstance(board, Source)
        assert isinstance(board, SeveralStreams)
        assert isinstance(board, Troubled)
        assert (first, board.name, board.streams) == (board.specs[0], "heart", ("heart", "finger", "skin"))
        assert [(spec.kind, spec.rate_hz, spec.unit) for spec in board.specs] == [
            ("ecg", 250, "mV"),
            ("ppg", 250, "a.u."),
            ("eda", 250, "uS"),
        ]
        got = given(board, {"heart": 3, "finger": 3, "skin": 3})
    assert [set(got[name]) for name in board.streams] == [{0.5}, {7.0}, {2.0}]
    board.close()


def test_configured_columns_need_no_header_and_each_may_have_its_own_unit(sensor):
    wanted = [Wanted("a", "ecg", column=2, rate_hz=250, unit="uV"), Wanted("b", "acc", column=3, unit="mg")]
    board = board_source(sensor.path, wanted)
    board.open()
    sensor.says("\n1,2,3000,4,5,6\n1,2,nan,4,5,6\n")
    got = given(board, {"a": 2, "b": 2})
    assert got["a"] == pytest.approx([3, np.nan], nan_ok=True)
    assert got["b"] == [pytest.approx([0.004, 0.005, 0.006])] * 2
    board.close()


def test_a_column_may_be_named_and_three_may_make_one_stream(sensor):
    wanted = [Wanted("chest", "ecg", column="lead2"), Wanted("wrist", "acc", column=("z", "y", "x"))]
    board = board_source(sensor.path, wanted)
    with sensor.repeating("#edge-mm columns=t,lead1:mV,lead2:uV,x:g,y:g,z:g rate_hz=100\n9,1,2000,3,4,5\n"):
        board.open()
        got = given(board, {"chest": 1, "wrist": 1})
    assert (got["chest"][0], got["wrist"][0]) == (2.0, [5.0, 4.0, 3.0])
    board.close()


def test_three_columns_may_be_numbers_and_need_no_header(sensor):
    board = board_source(sensor.path, [Wanted("wrist", "acc", column=(3, 0, 1), rate_hz=50, unit="g")])
    board.open()
    sensor.says("\n1,2,9,4\n")
    assert given(board, {"wrist": 1})["wrist"] == [[4, 1, 2]]
    board.close()


@pytest.mark.parametrize(("column", "kind", "value"), [(0, "acc", [1, 2, 3]), (3, "eda", 4)])
def test_a_stream_of_no_kind_yet_is_what_its_column_is(sensor, column, kind, value):
    port = SerialPort(sensor.path, column=column)
    with sensor.repeating("#edge-mm columns=acc:g,eda rate_hz=50\n1,2,3,4\n"):
        assert port.open().kind == kind
        assert port.read().data[0].tolist() == value
    port.close()


@pytest.mark.parametrize(
    ("header", "wanted", "said"),
    [
        ("columns=ecg:mV,ppg", Wanted("x", "eda"), r"none of them may be 'x' \(eda\)"),
        ("columns=ecg:mV,ecg:mV", Wanted("x", "ecg"), r"several of them may be 'x' \(ecg\)"),
        ("columns=ecg:mV,ppg", Wanted("x", "ecg", column=1), "column 1 is ppg, not ecg"),
        ("columns=ecg:mV,ppg", Wanted("x", "ecg", column="lead"), "no column 'lead'"),
        ("columns=ecg:kohm,ppg", Wanted("x", "ecg"), "'kohm' is no unit of ecg"),
        ("columns=ax:g,ay:mg,az:g", Wanted("x", "acc", column=("ax", "ay", "az")), "several units"),
        ("columns=speed:furlong", Wanted("x", "speed"), "'furlong' is no unit of speed"),
        ("battery=80", Wanted("x", "ecg"), "no header '#edge-mm kind"),
    ],
)
def test_a_header_that_does_not_fit_the_configuration_is_said_at_once(sensor, header, wanted, said):
    other = Wanted("other", "ppg")
    board = SerialBoard(sensor.path, [wanted, other], header_s=0.3)
    with sensor.repeating(f"#edge-mm {header} rate_hz={250 if 'columns' in header else 0}\n"):
        with pytest.raises(SourceError, match=said) as refused:
            board.open()
        assert sensor.path in str(refused.value)


def test_several_streams_without_columns_are_not_guessed(sensor):
    board = SerialBoard(sensor.path, [Wanted("a", "ecg", rate_hz=250), Wanted("b", "ppg")], header_s=0.3)
    with sensor.repeating("#edge-mm kind=ecg rate_hz=250\n1,2\n"), pytest.raises(SourceError, match="configured for a"):
        board.open()


def test_what_cannot_be_configured_is_refused_before_anything_is_opened():
    def board(*wanted, **words):
        return board_source("/dev/ttyUSB0", wanted, **words)

    for wanted, words, said in (
        ([Wanted("a", "ecg", rate_hz=250), Wanted("b", "ppg", rate_hz=100)], {}, "same rate_hz"),
        ([Wanted("a", "ecg", column=-1)], {}, "counted from 0; there is no -1"),
        ([Wanted("a", "acc", column=(0, -2, 1))], {}, "there is no -2"),
        ([Wanted("a", "ecg", unit="counts")], {}, "no unit of ecg"),
        ([Wanted("a", "spo2", unit="mmHg")], {}, "no unit of spo2"),
        ([Wanted("a", "ecg", rate_hz=1e9)], {}, "cannot be meant"),
        ([Wanted("a", "ecg", column="lead")], {"protocol": "binary"}, "number of a channel"),
        ([Wanted("a", "ecg")], {"protocol": "morse"}, "no protocol 'morse'"),
    ):
        with pytest.raises(ConfigError, match=said):
            board(*wanted, **words)


def test_readings_beside_a_signal_are_passed_on_when_they_change_and_an_empty_cell_says_nothing(sensor):
    wanted = [
        Wanted("ecg", "ecg", column=0, rate_hz=250, unit="mV"),
        Wanted("car", "speed", column=1, unit="m/s"),
        Wanted("beat", "rr", column=2, unit="ms"),
        Wanted("air", "number", column=3, unit="ppm"),
    ]
    board = board_source(sensor.path, wanted)
    board.open()
    assert [(spec.unit, spec.stale_s) for spec in board.specs] == [("mV", 2), ("km/h", 10), ("s", 10), ("ppm", 10)]
    sensor.says("\n1,10,800,400\n2,10,,400\n3,10,800,\n")
    got = given(board, {"ecg": 3, "beat": 2, "car": 1, "air": 1})
    assert got == {"ecg": [1, 2, 3], "car": [36.0], "beat": pytest.approx([0.8, 0.8]), "air": [400.0]}
    sensor.says("4,10,,400\n5,11,,nan\n")
    got = given(board, {"ecg": 2, "car": 1, "air": 1})
    assert (got["car"], got["ecg"], got["beat"]) == (pytest.approx([39.6]), [4, 5], [])
    assert np.isnan(got["air"]).all()
    board.close()


def test_a_reading_is_stamped_when_it_came_and_a_silent_cuff_is_not_lost(sensor, monkeypatch):
    class Clock:
        s = 100.0

        def monotonic(self):
            return self.s

        def monotonic_ns(self):
            self.s += 1.0
            return round(self.s * 1e9)

    clock = Clock()
    monkeypatch.setattr("edge_mm.sources.serial_port.time", clock)
    board = board_source(sensor.path, [Wanted("cuff", "blood_pressure", column=0, unit="kPa", stale_s=5)])
    assert board.open().stale_s == 5
    sensor.says("\n16,10.5,nan\n")
    sample = board.read()
    assert sample.data.shape == (1, 3)
    assert sample.data[0] == pytest.approx([120.01, 78.76, np.nan], abs=0.01, nan_ok=True)
    assert sample.t_ns == round(clock.s * 1e9)
    began = clock.s
    with pytest.raises(SourceLost, match="no sample for 5 s"):
        board.read()
    assert clock.s - began == 6
    board.close()


def test_once_a_check_sum_came_a_line_or_a_header_without_one_is_refused(sensor):
    board = board_source(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250, unit="mV"), Wanted("p", "ppg", 1)])
    board.open()
    sensor.says("\n1,2\n" + summed("3,4") + "0.1234,5\n" + "#edge-mm columns=ppg,ecg:uV\n" + summed("5,6"))
    assert given(board, {"e": 3, "p": 3}) == {"e": [1, 3, 5], "p": [2, 4, 6]}
    assert board.counters == {"bad_lines": 2}
    board.open()  # another sensor may be at the port now
    sensor.says("\n7,8\n")
    assert given(board, {"e": 1, "p": 1}) == {"e": [7], "p": [8]}
    board.close()


def test_a_header_with_a_wrong_check_sum_or_garbage_in_it_changes_nothing(sensor):
    board = board_source(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250), Wanted("p", "ppg", column=1)])
    with sensor.repeating(summed("#edge-mm columns=ecg:mV,ppg") + summed("1,2")):
        board.open()
    sensor.says(b"#edge-mm columns=ecg:V,ppg*1B\n" + b"#edge-mm columns=ecg:\x00V,ppg\n" + b"#edge-mm \xff\n")
    sensor.says(summed("77,2"))
    seen = set()
    while 77 not in seen:
        seen |= set(given(board, {"e": 1})["e"])
    assert seen <= {1, 77}
    board.close()
    assert board.counters["bad_lines"] == 3


def test_two_lines_that_lost_the_end_between_them_are_no_sample_where_that_can_be_told(sensor):
    board = board_source(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250, unit="mV")])
    with sensor.repeating("\n1\n"):
        board.open()
    sensor.says(b"\n0.010.02\n1.21.3\n\x00\x000.5\n0.6\x00\n\xff\xfe0.7\n-1-2\n" + summed("0.1").encode())
    sensor.says(summed("0.12").strip() + summed("0.13") + "0.1234\n" + summed("9"))
    got = given(board, {"e": 2})["e"]
    while 9 not in got:
        got += given(board, {"e": 1})["e"]
    assert [value for value in got if value != 1] == pytest.approx([0.1, 9])
    assert board.counters["bad_lines"] == 8
    board.close()


def test_a_line_that_stopped_half_way_was_torn_and_what_follows_is_not_its_end(sensor):
    board = SerialBoard(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250, unit="mV")], stall_s=0.5)
    board.open()
    sensor.says("\n1\n12")  # the board loses its power, its USB chip does not
    assert given(board, {"e": 1})["e"] == [1]
    with pytest.raises(SourceLost, match="no sample"):
        board.read()
    sensor.says("34\n5\n")
    assert given(board, {"e": 1})["e"] == [5]
    assert board.bad_lines == 1
    board.close()


def test_trouble_is_said_while_more_than_a_tenth_is_unreadable(sensor):
    board = board_source(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250, unit="mV")])
    with sensor.repeating("\n1\n"):
        board.open()
    assert board.trouble == ""
    sensor.says("\n" + "1\n" * 95 + "?\n" * 5)
    given(board, {"e": 95})
    assert board.trouble == ""
    sensor.says("\n" + "1\n" * 50 + "?\n" * 50)
    given(board, {"e": 50})
    assert "of the lines of the last 10 s were unreadable" in board.trouble
    sensor.says("\n" + "1\n" * 1500)
    given(board, {"e": 1500})
    assert board.trouble == ""
    sensor.says("\n" + "1\n" + "?\n" * 1000)
    given(board, {"e": 1})
    while not board.trouble:
        with contextlib.suppress(SourceLost):
            board.read()
        sensor.says("1\n")
    with sensor.repeating("\n1\n"):
        board.open()
    assert board.trouble == ""  # that was before
    board.close()


def test_the_lines_on_the_page_are_read_as_it_says(sensor):
    page = (Path(serial_port.__file__).parent / "pages" / "serial.md").read_text()
    (lines,) = re.findall(r"```\n(#edge-mm .*?)```", page, re.DOTALL)
    board = board_source(sensor.path, THREE)
    with sensor.repeating(lines):
        board.open()
        got = given(board, {"heart": 6, "finger": 6})
    assert {value for value in got["heart"] if not np.isnan(value)} == {np.float32(0.012), np.float32(0.013)}
    assert set(got["finger"]) == {512, 513}
    assert np.isnan(got["heart"]).any()
    assert board.counters == {"bad_lines": 0}
    board.close()


def test_that_no_real_board_was_read_yet_is_said_once(sensor, caplog):
    caplog.set_level("INFO", "edge_mm.source")
    board = board_source(sensor.path, [Wanted("e", "ecg", column=0, rate_hz=250, unit="mV")])
    for _ in range(2):
        with sensor.repeating("1\n"):
            board.open()
    board.close()
    assert [record.message for record in caplog.records if "never yet on a real sensor" in record.message] == [
        f"serial port {sensor.path}: this kind of source ran so far on pseudo terminals and emulated USB only, never "
        "yet on a real sensor"
    ]
