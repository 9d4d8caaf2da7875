"""CSV as devices and people write it: rate and gaps from the time column, the right column, NaN for what is missing."""

import gzip
import zlib

import numpy as np
import pytest
from recordings import all_of, rows, values_of, write

from edge_mm.errors import SourceError
from edge_mm.sources import CsvSignal

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
    np.testing.assert_allclose(values_of(samples), WAVE[:1000], atol=1e-4)
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(20)]


@pytest.mark.parametrize(
    ("kind", "expected"), [("ecg", 5), ("ppg", 2), ("eda", 3), ("temp", 4)], ids=["ecg", "ppg", "eda", "temp"]
)
def test_each_kind_finds_its_own_column(tmp_path, kind, expected):
    lines = "".join(f"{k / 100},1,2,3,4,5\n" for k in range(100))
    path = write(tmp_path / "all.csv", "Time [s], RESP, PLETH, GSR, Temperature [degC], II\n" + lines)
    assert set(values_of(all_of(CsvSignal(path, kind=kind))[1])) == {expected}


def test_a_column_can_be_asked_for_by_name_in_any_case_or_by_index(tmp_path):
    path = write(tmp_path / "all.csv", "time,II,V5 [uV]\n" + "".join(f"{k / 100},1,2000\n" for k in range(100)))
    assert set(values_of(all_of(CsvSignal(path, kind="ecg", column="v5"))[1])) == {2.0}
    assert set(values_of(all_of(CsvSignal(path, kind="ecg", column="V5 [UV]"))[1])) == {2.0}
    assert set(values_of(all_of(CsvSignal(path, kind="ecg", column=1))[1])) == {1.0}
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
    got = values_of(samples)
    assert np.flatnonzero(np.isnan(got)).tolist() == [100, 101, 102, 103]
    np.testing.assert_allclose(np.delete(got, range(100, 104)), np.delete(WAVE[:500], range(100, 104)), atol=1e-4)


def test_decimal_commas_are_understood_between_semicolons(tmp_path):
    text = "time;ecg\n" + rows(100, 1, "{t:.3f};{v:.4f}").replace(".", ",")
    spec, samples = all_of(CsvSignal(write(tmp_path / "e.csv", text), kind="ecg"))
    assert spec.rate_hz == 100
    np.testing.assert_allclose(values_of(samples), WAVE[:100], atol=1e-4)


def test_gzip_is_read_as_it_is(tmp_path):
    path = tmp_path / "e.csv.gz"
    path.write_bytes(gzip.compress(("time,ecg\n" + rows(250, 3)).encode()))
    assert len(values_of(all_of(CsvSignal(path, kind="ecg"))[1])) == 750


def given_before_it_breaks(path):
    """The values of all samples before the error."""
    source = CsvSignal(path, kind="ecg")
    source.open()
    samples = []
    with pytest.raises(SourceError, match="cannot be read further"):
        for _ in range(1000):
            samples.append(source.read())
    with pytest.raises(SourceError, match="cannot be read further"):  # it never ends as if it were whole
        source.read()
    return values_of(samples)


@pytest.mark.parametrize("count", [400, 40_000])
def test_a_truncated_gzip_gives_every_whole_line_and_then_a_sentence(tmp_path, count):
    noise = np.random.default_rng(0).normal(size=count).astype(np.float32)
    packed = gzip.compress(("time,ecg\n" + table(noise)).encode())
    kept = packed[: len(packed) * 9 // 10]
    (tmp_path / "e.csv.gz").write_bytes(kept)
    whole = zlib.decompressobj(31).decompress(kept).count(b"\n") - 1
    got = given_before_it_breaks(tmp_path / "e.csv.gz")
    assert len(got) == whole
    np.testing.assert_allclose(got, noise[:whole], atol=1e-5)


def test_a_gzip_with_a_hole_gives_what_lies_before_it(tmp_path):
    noise = np.random.default_rng(0).normal(size=40_000).astype(np.float32)
    packed = gzip.compress(("time,ecg\n" + table(noise)).encode())
    half = len(packed) // 2
    (tmp_path / "e.csv.gz").write_bytes(packed[:half] + b"\xff" * 64 + packed[half + 64 :])
    got = given_before_it_breaks(tmp_path / "e.csv.gz")
    assert len(got) > 15_000
    np.testing.assert_allclose(got, noise[: len(got)], atol=1e-5)


def table(values):
    return "".join(f"{k / 250:.3f},{v:.6f}\n" for k, v in enumerate(values))


def test_a_gzip_of_which_nothing_can_be_read_is_refused_at_once(tmp_path):
    packed = gzip.compress(("time,ecg\n" + rows(250, 3)).encode())
    for content in (packed[:12], packed[:12] + b"\xff" * 64 + packed[76:]):
        (tmp_path / "e.csv.gz").write_bytes(content)
        with pytest.raises(SourceError, match=r"e\.csv\.gz: cannot be read"):
            CsvSignal(tmp_path / "e.csv.gz", kind="ecg").open()


def test_a_file_can_be_opened_again_and_begins_anew(tmp_path):
    source = CsvSignal(write(tmp_path / "e.csv", "time,ecg\n" + rows(250, 4)), kind="ecg")
    source.open()
    for _ in range(3):
        source.read()
    source.close()
    assert source.read() is None
    for _ in range(2):  # after a part of it, and after all of it
        np.testing.assert_allclose(values_of(all_of(source)[1]), WAVE[:1000], atol=1e-4)


def test_empatica_files_say_their_rate_in_the_second_line(tmp_path):
    bvp = write(tmp_path / "BVP.csv", "1645449146.00\n64.000000\n" + "\n".join(str(k % 50) for k in range(640)))
    spec, samples = all_of(CsvSignal(bvp, kind="ppg"))
    assert (spec.rate_hz, len(values_of(samples))) == (64, 640)
    acc = write(
        tmp_path / "ACC.csv", "1645449146.0, 1645449146.0, 1645449146.0\n32.0, 32.0, 32.0\n" + "64,-64,32\n" * 64
    )
    spec, samples = all_of(CsvSignal(acc, kind="acc"))
    assert values_of(samples)[0].tolist() == [1.0, -1.0, 0.5]


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
    column = "hr" if file.startswith("heartpy") else None  # a PPG by the name of a heart rate: that has to be said
    path = shared_data / "open" / "physio_samples" / file
    spec, samples = all_of(CsvSignal(path, kind=kind, column=column))
    assert spec.rate_hz == pytest.approx(rate_hz, rel=5e-3)
    assert len(values_of(samples)) == count
    assert np.isfinite(values_of(samples)).all()


def test_a_column_that_is_not_known_is_asked_for_in_words_that_can_be_typed(tmp_path):
    path = write(tmp_path / "e.csv", "time,my a,b\n" + "".join(f"{k / 100},1,2\n" for k in range(100)))
    with pytest.raises(SourceError) as refused:
        CsvSignal(path, kind="ecg").open()
    assert 'in edge-mm.toml column = "my a"' in str(refused.value)
    assert "--signals FILE --map 'ecg=my a'" in str(refused.value)
    assert set(values_of(all_of(CsvSignal(path, kind="ecg", column="my a"))[1])) == {1.0}
    with pytest.raises(SourceError, match="--signals FILE --map 'acc_x=my a,acc_y=b,acc_z=NAME'"):
        CsvSignal(path, kind="acc").open()


def test_values_of_an_absurd_scale_are_read_and_infinite_ones_are_missing(tmp_path):
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{k / 100},{k}e12\n" for k in range(100)))
    np.testing.assert_allclose(values_of(all_of(CsvSignal(path, kind="ecg"))[1]), np.arange(100) * 1e12, rtol=1e-6)
    path = write(tmp_path / "e.csv", "time,ecg\n" + "".join(f"{k / 100},inf\n" for k in range(100)))
    with pytest.raises(SourceError, match="holds no numbers"):
        CsvSignal(path, kind="ecg").open()
