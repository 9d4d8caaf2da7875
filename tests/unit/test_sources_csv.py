"""CSV as devices and people write it: rate and gaps from the time column, the right column, NaN for what is missing."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.errors import SourceError
from edge_mm.sources import CsvSignal
from edge_mm.sources.blocks import BlockCutter, timing_of


def all_of(source):
    spec = source.open()
    samples = []
    while (sample := source.read()) is not None:
        samples.append(sample)
    source.close()
    return spec, samples


def signal(samples):
    return np.concatenate([sample.data for sample in samples])


def write(path, text):
    path.write_text(text)
    return path


def rows(rate_hz, seconds, line="{t:.6f},{v:.4f}", start=0.0):
    count = round(rate_hz * seconds)
    return "\n".join(line.format(t=start + k / rate_hz, v=np.sin(k / 7)) for k in range(count)) + "\n"


WAVE = np.sin(np.arange(2000) / 7).astype(np.float32)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("time,ecg\n", "{t:.6f},{v:.4f}"),
        ("Time [s], MLII\n", "{t:.6f}, {v:.4f}"),
        ("timestamp;II\n", "{t:.6f};{v:.4f}"),
        ("elapsed\tsample\tECG_mV\n", "{t:.6f}\t7\t{v:.4f}"),
        ("'seconds','V5'\n", "{t:.6f},{v:.4f}"),
        ("", "{t:.6f},{v:.4f}"),
        ("time ecg\n", "{t:.6f}   {v:.4f}"),
        ("# a comment\n\nt,value\n", "{t:.6f},{v:.4f}"),
        ("\ufefftime,ecg\r\n", "{t:.6f},{v:.4f}\r"),
        ('"time","note","ecg"\n', '{t:.6f},"quiet","{v:.4f}"'),
    ],
)
def test_the_usual_ways_to_write_a_table_are_understood(tmp_path, header, line):
    path = tmp_path / "ecg.csv"
    path.write_bytes((header + rows(250, 4, line)).encode())
    spec, samples = all_of(CsvSignal(path, kind="ecg"))
    assert (spec.name, spec.kind, spec.unit, spec.rate_hz) == ("ecg", "ecg", "mV", 250)
    np.testing.assert_allclose(signal(samples), WAVE[:1000], atol=1e-4)
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(20)]


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
    "stamp", ["2024-05-01 23:59:58.{:06d}", "23:59:58.{:06d}", "[23:59:58.{:06d}]", "1714607998.{:06d}"]
)
def test_dates_clock_times_and_epochs_count_from_the_first_row(tmp_path, stamp):
    lines = "".join(f"{stamp.format(k * 4000)},{np.sin(k / 7):.4f}\n" for k in range(250))
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "datetime,ecg\n" + lines), kind="ecg", start_ns=42))
    assert spec.rate_hz == 250
    assert [sample.t_ns for sample in samples] == [42 + k * 200_000_000 for k in range(5)]
    np.testing.assert_allclose(signal(samples), WAVE[:250], atol=1e-4)


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


@pytest.mark.parametrize(
    ("kind", "expected"), [("ecg", 5), ("ppg", 2), ("eda", 3), ("temp", 4)], ids=["ecg", "ppg", "eda", "temp"]
)
def test_each_kind_finds_its_own_column(tmp_path, kind, expected):
    lines = "".join(f"{k / 100},1,2,3,4,5\n" for k in range(100))
    path = write(tmp_path / "all.csv", "Time [s], RESP, PLETH, GSR, Temperature [degC], II\n" + lines)
    assert set(signal(all_of(CsvSignal(path, kind=kind))[1])) == {expected}


def test_a_column_can_be_asked_for_by_name_in_any_case_or_by_index(tmp_path):
    path = write(tmp_path / "all.csv", "time,II,V5 [uV]\n" + "".join(f"{k / 100},1,2000\n" for k in range(100)))
    assert set(signal(all_of(CsvSignal(path, kind="ecg", column="v5"))[1])) == {2.0}
    assert set(signal(all_of(CsvSignal(path, kind="ecg", column="V5 [UV]"))[1])) == {2.0}
    assert set(signal(all_of(CsvSignal(path, kind="ecg", column=1))[1])) == {1.0}
    with pytest.raises(SourceError, match=r"no column 'V6'; it has 'time', 'II', 'V5 \[uV\]'"):
        CsvSignal(path, kind="ecg", column="V6").open()


def test_a_blood_pressure_is_not_taken_for_an_ecg(tmp_path):
    path = write(tmp_path / "all.csv", "time,ABP,RESP\n" + "".join(f"{k / 100},1,2\n" for k in range(100)))
    with pytest.raises(SourceError, match="no column looks like ecg; it has 'time', 'ABP', 'RESP'"):
        CsvSignal(path, kind="ecg").open()


def test_acceleration_is_three_columns(tmp_path):
    path = write(tmp_path / "acc.csv", "time,acc_z,acc_x,acc_y\n" + "".join(f"{k / 50},3,1,2\n" for k in range(100)))
    spec, samples = all_of(CsvSignal(path, kind="acc"))
    assert (spec.unit, samples[0].data.shape) == ("g", (10, 3))
    assert samples[0].data[0].tolist() == [1, 2, 3]


def test_what_is_no_number_becomes_nan_and_nothing_shifts(tmp_path):
    lines = rows(250, 2).splitlines()
    lines[100] = "0.400000,-"
    lines[101] = "0.404000,"
    lines[102] = "0.408000"
    lines[103] = "0.412000,inf"
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + "\n".join(lines)), kind="ecg"))
    got = signal(samples)
    assert np.flatnonzero(np.isnan(got)).tolist() == [100, 101, 102, 103]
    np.testing.assert_allclose(np.delete(got, range(100, 104)), np.delete(WAVE[:500], range(100, 104)), atol=1e-4)


def test_a_time_that_is_no_number_is_filled_in(tmp_path):
    lines = rows(250, 2).splitlines()
    lines[100] = "?,0.5"
    _, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + "\n".join(lines)), kind="ecg"))
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(10)]


def test_decimal_commas_are_understood_between_semicolons(tmp_path):
    text = "time;ecg\n" + rows(100, 1, "{t:.3f};{v:.4f}").replace(".", ",")
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", text), kind="ecg"))
    assert spec.rate_hz == 100
    np.testing.assert_allclose(signal(samples), WAVE[:100], atol=1e-4)


def test_gzip_is_read_as_it_is(tmp_path):
    path = tmp_path / "e.csv.gz"
    path.write_bytes(gzip.compress(("time,ecg\n" + rows(250, 3)).encode()))
    assert len(signal(all_of(CsvSignal(path, kind="ecg"))[1])) == 750


def test_a_truncated_gzip_gives_what_is_whole_and_then_a_sentence(tmp_path):
    path = tmp_path / "e.csv.gz"
    noise = "".join(f"{k / 250:.3f},{v:.6f}\n" for k, v in enumerate(np.random.default_rng(0).normal(size=40_000)))
    path.write_bytes(gzip.compress(("time,ecg\n" + noise).encode())[:-20_000])
    source = CsvSignal(path, kind="ecg")
    source.open()
    with pytest.raises(SourceError, match="cannot be read further"):
        for _ in range(1000):
            source.read()


@pytest.mark.parametrize(
    "comment", ["# Sampling Rate (Hz):= 1000.00", "#edge-mm kind=ecg rate_hz=1000 unit=mV", "# fs=1000"]
)
def test_a_comment_can_say_the_rate(tmp_path, comment):
    path = write(tmp_path / "e.txt", f"# Simple Text Format\n{comment}\n" + "\n".join(map(str, range(2000))))
    spec, samples = all_of(CsvSignal(path, kind="ecg"))
    assert spec.rate_hz == 1000
    assert signal(samples).tolist() == list(range(2000))


def test_a_given_rate_wins_over_the_time_column(tmp_path):
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + rows(250, 2)), kind="ecg", rate_hz=125))
    assert spec.rate_hz == 125
    assert samples[-1].t_ns == 3_800_000_000


def test_empatica_files_say_their_rate_in_the_second_line(tmp_path):
    bvp = write(tmp_path / "BVP.csv", "1645449146.00\n64.000000\n" + "\n".join(str(k % 50) for k in range(640)))
    spec, samples = all_of(CsvSignal(bvp, kind="ppg"))
    assert (spec.rate_hz, len(signal(samples))) == (64, 640)
    acc = write(
        tmp_path / "ACC.csv", "1645449146.0, 1645449146.0, 1645449146.0\n32.0, 32.0, 32.0\n" + "64,-64,32\n" * 64
    )
    spec, samples = all_of(CsvSignal(acc, kind="acc"))
    assert signal(samples)[0].tolist() == [1.0, -1.0, 0.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("", "no data"),
        ("# only a comment\n", "no data"),
        ("time,ecg\n", "no numbers"),
        ("time,ecg\n0,a\n1,b\n", "no numbers"),
        ("1\n2\n3\n", r"give --rate \(rate_hz\)"),
        ("ecg\n1\n2\n", r"give --rate \(rate_hz\)"),
        ("a\0b\0c", "not a text file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence_that_names_it(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SourceError, match=said) as refused:
        CsvSignal(path, kind="ecg").open()
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


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


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "kind", "rate_hz", "count"),
    [
        ("bidmc/bidmc_01_Signals.csv", "ecg", 125, 60_001),
        ("bidmc/bidmc_01_Signals.csv", "ppg", 125, 60_001),
        ("biosppy/ecg.txt", "ecg", 1000, 15_000),
        ("heartpy/data2.csv", "ppg", 117, 15_000),
        ("heartpy/data3.csv", "ppg", 100.4, 68_476),
        ("e2epyppg/201902020222_Data.csv", "ppg", 19.6, 14_401),
    ],
)
def test_real_recordings_are_read_whole_at_their_rate(shared_data, file, kind, rate_hz, count):
    spec, samples = all_of(CsvSignal(shared_data / "open" / "physio_samples" / file, kind=kind))
    assert spec.rate_hz == pytest.approx(rate_hz, rel=5e-3)
    assert len(signal(samples)) == count
    assert np.isfinite(signal(samples)).all()


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([5, 4, 3, 2, 1], "does not ascend: its first rows go from 5 to 1"),
        ([5, 4, 3, 4, 2, 1], "does not ascend: its first rows go from 5 to 1"),
        ([7, 7, 7, 7], "does not ascend: its first 4 rows all say 7"),
        ([7], "only one row"),
        (["?", "?"], "hold no times"),
    ],
)
def test_a_time_column_that_says_no_rate_is_named_with_the_reason(tmp_path, times, said):
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{time},1\n" for time in times))
    with pytest.raises(SourceError, match=f"column 'time' is the time, but .*{said}") as refused:
        CsvSignal(path, kind="ecg").open()
    assert "give --rate" in str(refused.value)
    assert len(signal(all_of(CsvSignal(path, kind="ecg", rate_hz=100))[1])) == len(times)


def test_a_column_that_is_not_known_is_asked_for_in_words_that_can_be_typed(tmp_path):
    path = write(tmp_path / "e.csv", "time,my a,b\n" + "".join(f"{k / 100},1,2\n" for k in range(100)))
    with pytest.raises(SourceError) as refused:
        CsvSignal(path, kind="ecg").open()
    assert 'in edge-mm.toml column = "my a"' in str(refused.value)
    assert "--signals FILE --map 'ecg=my a'" in str(refused.value)
    assert set(signal(all_of(CsvSignal(path, kind="ecg", column="my a"))[1])) == {1.0}
    with pytest.raises(SourceError, match="--signals FILE --map 'acc_x=my a,acc_y=b,acc_z=NAME'"):
        CsvSignal(path, kind="acc").open()


def test_values_of_an_absurd_scale_are_read_and_infinite_ones_are_missing(tmp_path):
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{k / 100},{k}e12\n" for k in range(100)))
    np.testing.assert_allclose(signal(all_of(CsvSignal(path, kind="ecg"))[1]), np.arange(100) * 1e12, rtol=1e-6)
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{k / 100},inf\n" for k in range(100)))
    with pytest.raises(SourceError, match="holds no numbers"):
        CsvSignal(path, kind="ecg").open()
