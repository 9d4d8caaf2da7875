"""Whatever is in a file: it gives samples, or an error of ours in one line. Never another exception, never a hang."""

import gzip
import io
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from recordings import all_of

from edge_mm.errors import EdgeMmError
from edge_mm.sources import CsvSignal, SignalFile

WAVE = np.sin(np.arange(600) / 7)
TABLE = "# fs=250\ntime,ecg,x\n" + "".join(f"{k / 250:.3f},{v:.4f},{k}\n" for k, v in enumerate(WAVE))
BARE = "".join(f"{k * 4};{v:.4f}\n".replace(".", ",") for k, v in enumerate(WAVE))
UNITS = "'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n" + "".join(
    f"'0:{k / 250:06.3f}',{v:.4f}\n" for k, v in enumerate(WAVE)
)
HEADER = b"rec 2 250 600\nrec.dat 16 200(0)/mV 16 0 0 0 0 MLII\nrec.dat 16 200/mmHg 16 0 0 0 0 ABP\n"
TEXT = b"0123456789.,;:\t\n\r\"'-+eEnN#% /[]()_\x85\x1c\xff\xc2\0"


def packed(save, *arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, *arrays)
    return file.getvalue()


def edf() -> bytes:
    edfio = pytest.importorskip("edfio")
    file = io.BytesIO()
    edfio.Edf([edfio.EdfSignal(WAVE[:500], 250, label="ECG", physical_dimension="mV")]).write(file)
    return file.getvalue()


@st.composite
def damaged(draw, whole: bytes, alphabet: bytes = bytes(range(256)), near: int = 200) -> bytes:
    """Some bytes replaced, half of them near the beginning, where headers are; sometimes the end is missing."""
    data = bytearray(whole)
    place = st.integers(0, min(near, len(data)) - 1) | st.integers(0, len(data) - 1)
    for at, byte in draw(st.lists(st.tuples(place, st.sampled_from(alphabet)), max_size=20)):
        data[at] = byte
    return bytes(data[: draw(st.just(len(data)) | place)])


def reads_or_refuses(source) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # wfdb's and pandas' own
            all_of(source)
    except EdgeMmError as refused:
        assert "\n" not in str(refused)
    finally:
        source.close()


fuzzed = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("kind", ["ecg", "acc"])
@fuzzed
@given(content=st.one_of(damaged(TABLE.encode(), TEXT), damaged(BARE.encode(), TEXT), damaged(UNITS.encode(), TEXT)))
@example(content=b"\n")
@example(content=b"time\n")
@example(content=b"1,2\n1,2,3\n")
@example(content="time,ecg\n\u0663,\u0661\n\u00b2,1\n".encode())
def test_a_table_of_anything(tmp_path, content, kind):
    (tmp_path / "a.csv").write_bytes(content)
    reads_or_refuses(CsvSignal(tmp_path / "a.csv", kind=kind))
    reads_or_refuses(CsvSignal(tmp_path / "a.csv", kind=kind, rate_hz=100))


@fuzzed
@given(
    cells=st.lists(st.tuples(st.floats() | st.integers() | st.text(TEXT.decode("latin1")), st.floats()), max_size=40)
)
def test_a_table_of_any_times(tmp_path, cells):
    text = "time,ecg\n" + "".join(f"{time},{value}\n" for time, value in cells)
    (tmp_path / "a.csv").write_text(text)
    for kind in ("ecg", "temp"):
        reads_or_refuses(CsvSignal(tmp_path / "a.csv", kind=kind, column="ecg"))


@fuzzed
@given(content=damaged(gzip.compress(TABLE.encode())))
def test_a_gzip_of_anything(tmp_path, content):
    (tmp_path / "a.csv.gz").write_bytes(content)
    reads_or_refuses(CsvSignal(tmp_path / "a.csv.gz", kind="ecg"))


@fuzzed
@given(content=st.one_of(st.binary(max_size=300), damaged(packed(np.save, WAVE)), damaged(packed(np.savez, WAVE))))
def test_an_array_of_anything(tmp_path, content):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(content)
        reads_or_refuses(SignalFile(tmp_path / name, kind="ecg", rate_hz=250))


@fuzzed
@given(data=st.data())
def test_an_edf_of_anything(tmp_path, data):
    (tmp_path / "a.edf").write_bytes(data.draw(damaged(edf(), near=512) | st.binary(max_size=600)))
    reads_or_refuses(SignalFile(tmp_path / "a.edf", kind="ecg"))


@fuzzed
@given(content=damaged(HEADER, TEXT))
@example(content=b"rec 2 250 600\nrec.dat 16\nrec.dat 16\n")
@example(content=b"rec 1 250 600\nrec.dat 16 200 16 0 0 0 0 MLII\n")
def test_a_wfdb_header_of_anything(tmp_path, content):
    pytest.importorskip("wfdb")
    (tmp_path / "rec.hea").write_bytes(content)
    (tmp_path / "rec.dat").write_bytes((np.repeat(WAVE, 2) * 200).astype("<i2").tobytes())
    reads_or_refuses(SignalFile(tmp_path / "rec", kind="ecg"))
