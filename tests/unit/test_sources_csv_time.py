"""The time column of a CSV file: its unit, its rate, its gaps, and what is said when it tells none."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import all_of, rows, values_of, write

from edge_mm.errors import SourceError
from edge_mm.sources import CsvSignal
from edge_mm.sources.blocks import BlockCutter, timing_of

WAVE = np.sin(np.arange(2000) / 7).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "scale"),
    [("time_ms", 1e3), ("t [ms]", 1e3), ("Time (us)", 1e6), ("timestamp", 1e3), ("time [min]", 1 / 60)],
)
def test_the_unit_of_the_time_column_is_read_or_found_out(tmp_path, name, scale):
    lines = "".join(f"{k / 360 * scale:.6f},{np.sin(k / 7):.4f}\n" for k in range(720))
    spec, samples = all_of(CsvSignal(write(tmp_path / "ecg.csv", f"{name},ecg\n{lines}"), kind="ecg"))
    assert spec.rate_hz == pytest.approx(360, rel=1e-3)
    assert samples[-1].t_ns == pytest.approx(1.8e9, rel=1e-3)


def test_times_rounded_to_milliseconds_still_give_the_true_rate_and_even_blocks(tmp_path):
    lines = "".join(f"{k / 360:.3f},{k}\n" for k in range(3600))
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + lines), kind="ecg"))
    assert spec.rate_hz == 360
    assert {b.t_ns - a.t_ns for a, b in pairwise(samples)} == {200_000_000}


@pytest.mark.parametrize(
    "stamp",
    [
        *("2024-05-01 23:59:58.{:06d}", "2024-05-01T23:59:58.{:06d}+01:00", "23:59:58.{:06d}", "[23:59:58.{:06d}]"),
        *("1714607998.{:06d}", "1:00:00.{:06d}", "0:00:00.{:06d}", "0:00.{:06d}", "26:00:00.{:06d}"),
    ],
)
def test_dates_clock_times_and_epochs_count_from_the_first_row(tmp_path, stamp):
    lines = "".join(f"{stamp.format(k * 4000)},{np.sin(k / 7):.4f}\n" for k in range(250))
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "datetime,ecg\n" + lines), kind="ecg", start_ns=42))
    assert spec.rate_hz == 250
    assert [sample.t_ns for sample in samples] == [42 + k * 200_000_000 for k in range(5)]
    np.testing.assert_allclose(values_of(samples), WAVE[:250], atol=1e-4)


def test_clock_times_without_a_fraction_are_hours_and_minutes(tmp_path):
    lines = "".join(f"{9 + k // 60}:{k % 60:02d},36.5\n" for k in range(120))
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,temp\n" + lines), kind="temp"))
    assert spec.rate_hz == pytest.approx(1 / 60)
    assert samples[-1].t_ns == pytest.approx(119 * 60e9)


def test_midnight_does_not_turn_time_back(tmp_path):
    seconds = [86_399 + k / 100 for k in range(200)]
    lines = "".join(
        f"{int(s // 3600) % 24:02d}:{int(s // 60) % 60:02d}:{s % 60:06.3f},{k}\n" for k, s in enumerate(seconds)
    )
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ppg\n" + lines), kind="ppg"))
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(10)]


def test_a_gap_starts_a_new_block_at_its_own_time(tmp_path):
    text = "time,ecg\n" + rows(250, 1.1) + rows(250, 1, start=5.0)
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", text), kind="ecg"))
    assert [sample.t_ns // 1_000_000 for sample in samples] == [
        0,
        200,
        400,
        600,
        800,
        1000,
        5000,
        5200,
        5400,
        5600,
        5800,
    ]
    assert [len(sample.data) for sample in samples] == [50] * 5 + [25] + [50] * 5


def test_one_lost_row_is_a_gap(tmp_path):
    lines = rows(100, 2).splitlines(keepends=True)
    del lines[50]
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + "".join(lines)), kind="ecg"))
    assert 510_000_000 in [sample.t_ns for sample in samples]
    ends = [sample.t_ns + len(sample.data) * 10_000_000 for sample in samples]
    assert ends[-1] == 2_000_000_000


def test_a_time_that_is_no_number_is_filled_in(tmp_path):
    lines = rows(250, 2).splitlines()
    lines[100] = "?,0.5"
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + "\n".join(lines)), kind="ecg"))
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(10)]


@pytest.mark.parametrize(
    "comment", ["# Sampling Rate (Hz):= 1000.00", "#edge-mm kind=ecg rate_hz=1000 unit=mV", "# fs=1000"]
)
def test_a_comment_can_say_the_rate(tmp_path, comment):
    path = write(tmp_path / "e.txt", f"# Simple Text Format\n{comment}\n" + "\n".join(map(str, range(2000))))
    spec, samples = all_of(CsvSignal(path, kind="ecg"))
    assert spec.rate_hz == 1000
    assert values_of(samples).tolist() == list(range(2000))


def test_a_given_rate_wins_over_the_time_column(tmp_path):
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + rows(250, 2)), kind="ecg", rate_hz=125))
    assert spec.rate_hz == 125
    assert samples[-1].t_ns == 3_800_000_000


@settings(deadline=None, max_examples=80)
@given(
    rate=st.sampled_from([4, 64, 100, 117.3, 250, 360]),
    pieces=st.lists(st.integers(1, 700), min_size=1, max_size=6),
    gaps=st.lists(st.floats(0.5, 100), min_size=6, max_size=6),
    chunks=st.lists(st.integers(1, 900), min_size=1, max_size=8),
)
def test_any_gaps_and_any_chunks_give_every_value_once_within_half_a_period_of_its_time(rate, pieces, gaps, chunks):
    times, now = [], 0.0
    for count, gap in zip(pieces, gaps, strict=False):
        times += [now + k / rate for k in range(count)]
        now = times[-1] + 2 / rate + gap
    times = np.array(times)
    values = np.arange(len(times), dtype=np.float32)
    timing = timing_of(np.arange(100) / rate)
    cutter = BlockCutter(stream="s", rate_hz=rate, start_ns=0, timing=timing)
    samples, at = [], 0
    for size in [*chunks, len(times)]:
        samples += cutter.push(values[at : at + size], times[at : at + size])
        at += size
    samples += cutter.push(values[:0], times[:0], last=True)
    assert np.concatenate([sample.data for sample in samples]).tolist() == values.tolist()
    for sample in samples:
        element_s = sample.t_ns / 1e9 + np.arange(len(sample.data)) / rate
        assert np.abs(element_s - times[sample.data.astype(int)]).max() <= 0.51 / rate + 1e-6
    assert all(a.t_ns < b.t_ns for a, b in pairwise(samples))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([5, 4, 3, 2, 1], "does not ascend: its first rows go from 5 to 1"),
        ([5, 4, 3, 4, 2, 1], "does not ascend: its first rows go from 5 to 1"),
        ([7, 7, 7, 7], "does not ascend: its first 4 rows all say 7"),
        ([7], "only one row"),
        ([k // 100 for k in range(500)], "clock is coarser than the samples"),
        ([k * 5e-324 for k in range(20)], "coarser|does not ascend"),
        ([k * 1e308 for k in (-1, 1, 1.5, 1.7)], "hold no times"),
        (["?", "?"], "hold no times"),
    ],
)
def test_a_time_column_that_says_no_rate_is_named_with_the_reason(tmp_path, times, said):
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{time},1\n" for time in times))
    with pytest.raises(SourceError, match=f"column 'time' is the time, but .*{said}") as refused:
        CsvSignal(path, kind="ecg").open()
    assert "give --rate" in str(refused.value)
    assert len(values_of(all_of(CsvSignal(path, kind="ecg", rate_hz=100))[1])) == len(times)
