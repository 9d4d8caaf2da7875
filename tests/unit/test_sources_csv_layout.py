"""What a table without names, with a row of units or with a rate in a comment is read as, and what is refused."""

import numpy as np
import pytest
from recordings import all_of, values_of, write

from edge_mm.errors import SourceError
from edge_mm.sources import CsvSignal

WAVE = np.sin(np.arange(2000) / 7).astype(np.float32)


def table(*columns: object, separator: str = ",") -> str:
    """Rows of cells."""
    return "\n".join(separator.join(f"{cell}" for cell in row) for row in zip(*columns, strict=True)) + "\n"


@pytest.mark.parametrize(
    ("comment", "rate_hz"),
    [
        ("# Sampling rate: 1 kHz", 1000),
        ("# Sampling rate: 0.5 kHz", 500),
        ("# sample rate (kHz) = 1", 1000),
        ("# sampling rate: 1,000 Hz", 1000),
        ("# sampling rate: 1,234.5 Hz", 1234.5),
        ("# sampling rate ... 100 Hz", 100),
        ("# Fs = 250.", 250),
        ("# fs=250, 12 bit", 250),
        ("# fs=2.5e2", 250),
        ("#edge-mm rate_hz=250 unit=mV", 250),
    ],
)
def test_a_rate_in_a_comment_is_read_with_its_unit_and_its_commas(tmp_path, comment, rate_hz):
    path = write(tmp_path / "e.csv", f"{comment}\n" + table(WAVE))
    assert CsvSignal(path, kind="ecg").open().rate_hz == rate_hz


@pytest.mark.parametrize(
    "comment", ["# refs 1.2.3", "# offs 3", "# note: tuffs. 100", "# fs 1.2.3", "# fs = 250,12", "# fs = 0", "# fs ..."]
)
def test_what_is_no_rate_in_a_comment_is_none(tmp_path, comment):
    path = write(tmp_path / "e.csv", f"{comment}\n" + table(WAVE))
    with pytest.raises(SourceError, match="nothing in it says how fast"):
        CsvSignal(path, kind="ecg").open()


@pytest.mark.parametrize("rate_hz", [None, 250])
def test_a_gap_in_the_first_rows_does_not_make_the_time_a_signal(tmp_path, rate_hz):
    times = [f"{k * 0.004 + (0.1 if k >= 5 else 0):.3f}" for k in range(2000)]
    path = write(tmp_path / "e.csv", table(times, WAVE))
    spec, samples = all_of(CsvSignal(path, kind="ecg", rate_hz=rate_hz))
    assert spec.rate_hz == 250
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)


def test_unnamed_dates_and_clock_times_are_the_time(tmp_path):
    for stamp in ("2024-05-01 10:00:{:06.3f}", "0:{:06.3f}"):
        path = write(tmp_path / "e.csv", table([stamp.format(k / 50) for k in range(2000)], WAVE))
        spec, samples = all_of(CsvSignal(path, kind="ecg"))
        assert spec.rate_hz == 50
        np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)


def test_row_numbers_are_neither_a_time_nor_a_signal(tmp_path):
    path = write(tmp_path / "e.csv", table(range(2000), WAVE))
    with pytest.raises(SourceError, match="nothing in it says how fast"):
        CsvSignal(path, kind="ecg").open()
    with pytest.raises(SourceError, match="nothing in it says how fast"):
        CsvSignal(path, kind="temp").open()
    np.testing.assert_allclose(values_of(all_of(CsvSignal(path, kind="ecg", rate_hz=250))[1]), WAVE, atol=1e-4)
    path = write(tmp_path / "n.csv", table(range(2000), np.arange(2000) / 250, WAVE))
    spec, samples = all_of(CsvSignal(path, kind="ecg"))
    assert spec.rate_hz == 250
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)


def test_steps_of_1_in_a_named_time_are_never_guessed_to_be_milliseconds(tmp_path):
    path = write(tmp_path / "e.csv", "time,ecg\n" + table(range(2000), WAVE))
    with pytest.raises(SourceError, match="goes in steps of 1, as row numbers do; give --rate"):
        CsvSignal(path, kind="ecg").open()
    for start, name in ((0, "time_ms"), (1_714_607_998_000, "timestamp")):  # the unit is said, or the epoch is known
        path = write(tmp_path / "e.csv", f"{name},ecg\n" + table(range(start, start + 2000), WAVE))
        assert CsvSignal(path, kind="ecg").open().rate_hz == 1000
    assert CsvSignal(write(tmp_path / "t.csv", "time,temp\n" + table(range(20), WAVE[:20])), kind="temp").open()


def test_several_unnamed_columns_of_which_none_is_surely_the_time_are_refused(tmp_path):
    uneven = np.cumsum(np.arange(2000) % 9 + 1) / 1000  # rises, but in no equal steps
    path = write(tmp_path / "e.csv", table(uneven, WAVE))
    for rate_hz in (None, 250):
        with pytest.raises(SourceError, match="no column looks like ecg"):
            CsvSignal(path, kind="ecg", rate_hz=rate_hz).open()
    got = values_of(all_of(CsvSignal(path, kind="ecg", rate_hz=250, column=1))[1])
    np.testing.assert_allclose(got, WAVE, atol=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "stamp"),
    [
        ("'Elapsed time'", "'hh:mm:ss.mmm'", "'0:00:{:06.3f}'"),
        ("'Elapsed time'", "'mm:ss.mmm'", "'0:{:06.3f}'"),
        ("'Elapsed time'", "'seconds'", "{:.3f}"),
        ("time", "ms", "{:.3f}e3"),
    ],
)
def test_units_in_a_second_header_row_are_read(tmp_path, first, second, stamp):
    times = [stamp.format(k / 50) for k in range(2000)]
    text = f"{first},'MLII','ABP'\n{second},'uV','mmHg'\n" + table(times, WAVE * 1000, WAVE)
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", text), kind="ecg"))
    assert spec.rate_hz == 50
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)


def test_a_first_row_of_missing_values_is_a_row_and_no_units(tmp_path):
    path = write(tmp_path / "e.csv", "ecg,note\n-,-\n" + table(WAVE[:100], ["x"] * 100))
    got = values_of(all_of(CsvSignal(path, kind="ecg", rate_hz=250))[1])
    assert len(got) == 101
    assert np.isnan(got[0])


@pytest.mark.parametrize("whole", [10, 500])
def test_decimal_commas_are_seen_wherever_they_stand(tmp_path, whole):
    """A signal often begins with whole numbers, and any row may end in one."""
    cells = ["0" if k < whole or k % 11 == 0 else f"{WAVE[k]:.4f}".replace(".", ",") for k in range(800)]
    path = write(tmp_path / "e.csv", "time_ms;ecg\n" + table(range(0, 3200, 4), cells, separator=";"))
    got = values_of(all_of(CsvSignal(path, kind="ecg"))[1])
    expected = np.where((np.arange(800) < whole) | (np.arange(800) % 11 == 0), 0, WAVE[:800])
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_second_line_that_is_no_possible_rate_does_not_make_an_empatica_file(tmp_path):
    path = write(tmp_path / "e.csv", "1645449146.00\n5000.0\n" + table(WAVE))
    with pytest.raises(SourceError, match="nothing in it says how fast"):
        CsvSignal(path, kind="ppg").open()
    path = write(tmp_path / "e.csv", "1645449146.00\n4096.0\n" + table(WAVE))
    assert CsvSignal(path, kind="ppg").open().rate_hz == 4096
