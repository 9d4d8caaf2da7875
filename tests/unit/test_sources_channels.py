"""Which column is which signal: taken where there is no doubt, refused with the columns where there is some."""

import numpy as np
import pytest
from recordings import all_of, values_of, write

from edge_mm.errors import SourceError
from edge_mm.sources import CsvSignal, SignalFile
from edge_mm.sources.channels import SignalKind, choose_columns, unit_factor, unit_of


def chosen(names: list[str], kind: SignalKind, units: list[str] | None = None, skip: tuple[int, ...] = ()) -> tuple:
    return choose_columns(names, kind=kind, wanted=(), where="f", skip=skip, units=units or [])


@pytest.mark.parametrize(
    ("names", "units", "kind"),
    [
        (["ABP"], [], "ecg"),
        (["ABP"], ["mmHg"], "ecg"),
        (["heart_rate"], [], "ecg"),
        (["hr"], [], "ppg"),
        (["HR", "PULSE", "SpO2"], ["bpm", "bpm", "%"], "ppg"),
        (["HR", "PULSE", "SpO2"], [], "acc"),
        (["ecg"], ["mmHg"], "ecg"),
        (["value"], ["mmHg"], "ecg"),
        (["ch1", "ch2"], [], "ecg"),
        (["accel_max", "accel_y", "accel_z"], [], "acc"),
    ],
)
def test_what_may_be_something_else_is_never_taken_even_where_it_is_the_only_column(names, units, kind):
    with pytest.raises(SourceError, match=r"^f: "):
        chosen(names, kind, units)


@pytest.mark.parametrize("name", ["value", "Signal", "ch1", "Channel 2", "data", "col_3", "arr_0", "0", "", "ADC"])
def test_the_only_column_is_taken_where_its_name_says_nothing(name):
    assert chosen(["time", name], "ecg", skip=(0,)) == (1,)
    assert chosen(["time", name, "ABP"], "ppg", skip=(0,)) == (1,)


def test_of_two_columns_named_alike_the_one_in_a_unit_of_the_kind_is_taken():
    assert chosen(["ECG HR", "ECG II"], "ecg", ["bpm", "mV"]) == (1,)
    assert chosen(["pulse", "pleth"], "ppg", ["bpm", "NU"]) == (1,)
    assert chosen(["ABP", "chest strap"], "ecg", ["mmHg", "uV"]) == (1,)


@pytest.mark.parametrize(
    "names",
    [
        *(["acc_x", "acc_y", "acc_z"], ["AccX", "AccY", "AccZ"], ["x", "y", "z"], ["ax", "ay", "az"]),
        *(["accelerometer x", "accelerometer y", "accelerometer z"], ["value0", "value1", "value2"]),
    ],
    ids="-".join,
)
def test_three_axes_are_found_in_the_usual_spellings(names):
    assert chosen([*names], "acc") == (0, 1, 2)


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [
        *(("mV", "ecg", 1), ("uV", "ecg", 1e-3), ("µV", "ecg", 1e-3), ("V", "ecg", 1e3), ("nV", "ecg", 1e-6)),
        *(("uS", "eda", 1), ("µS", "eda", 1), ("S", "eda", 1e6), ("mS", "eda", 1e3), ("nS", "eda", 1e-3)),
        *(("g", "acc", 1), ("mg", "acc", 1e-3), ("degC", "temp", 1), ("°C", "temp", 1), ("C", "temp", 1)),
        *((unit, "acc", 1 / 9.80665) for unit in ("m/s2", "m/s^2", "m/s²", "m s-2", "m s^-2", "m·s-2", "m/s/s")),
        *(("", "ecg", 1), ("NU", "ecg", 1), ("a.u.", "eda", 1), ("adu", "ppg", 1), ("mV", "ppg", 1)),
    ],
)
def test_a_unit_is_brought_to_that_of_the_kind(unit, kind, factor):
    assert unit_factor(unit, kind) == factor


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        *(("degF", "temp"), ("K", "temp"), ("mmHg", "ecg"), ("adu", "ecg"), ("kOhm", "eda"), ("kΩ", "eda")),
        *(("bpm", "ppg"), ("ft/s2", "acc"), ("dps", "acc")),
    ],
)
def test_a_unit_that_is_none_of_the_kind_is_named_and_never_counted_as_ours(unit, kind):
    with pytest.raises(SourceError, match=f"^f: '{unit}' is no unit of {kind} that is known"):
        unit_factor(unit, kind, where="f")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("ECG [uV]", "uv"), ("x (m s-2)", "m s-2"), ("Temp_F", "f"), ("acc_x [ft/s^2]", "ft/s^2"), ("hr_bpm", "bpm")),
        *(("ECG (lead II)", ""), ("ECG (chest)", ""), ("PPG (green)", ""), ("ecg", ""), ("Temp [degF]", "degf")),
    ],
)
def test_a_note_in_brackets_is_told_from_a_unit(name, unit):
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("header", "kind", "said"),
    [
        ("time,Temp [degF]", "temp", r"column 'Temp \[degF\]': 'degf' is no unit of temp that is known \(degC\)"),
        ("time,ecg (counts)", "ecg", r"column 'ecg \(counts\)': 'counts' is no unit of ecg that is known \(V, mV"),
    ],
)
def test_a_file_in_another_unit_is_refused(tmp_path, header, kind, said):
    path = write(tmp_path / "e.csv", header + "\n" + "".join(f"{k / 100},98\n" for k in range(100)))
    with pytest.raises(SourceError, match=said):
        CsvSignal(path, kind=kind).open()


def test_each_axis_has_its_own_unit(tmp_path):
    path = write(
        tmp_path / "a.csv", "time,x (m s-2),y [mg],z\n" + "".join(f"{k / 50},9.80665,500,2\n" for k in range(50))
    )
    np.testing.assert_allclose(values_of(all_of(CsvSignal(path, kind="acc"))[1])[0], [1, 0.5, 2], rtol=1e-6)


def test_an_archive_with_one_array_is_read_where_its_name_says_nothing_else(tmp_path):
    np.savez(tmp_path / "a.npz", np.ones(500))
    assert len(values_of(all_of(SignalFile(tmp_path / "a.npz", kind="ecg", rate_hz=250))[1])) == 500
    np.savez(tmp_path / "b.npz", ABP=np.ones(500))
    with pytest.raises(SourceError, match="no column looks like ecg; it has 'ABP'"):
        SignalFile(tmp_path / "b.npz", kind="ecg", rate_hz=250).open()
