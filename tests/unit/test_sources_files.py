"""A file that cannot be read is refused with the true reason, and a rate that nobody means is refused at once."""

import os
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from edge_mm.errors import ConfigError, SourceError, UsageError
from edge_mm.sources import (
    AudioFile,
    CsvSignal,
    SerialPort,
    SignalFile,
    VideoFile,
    audio_source,
    existing_file,
    signal_source,
    video_source,
)
from edge_mm.sources.files import said
from edge_mm.sources.wfdb_record import open_wfdb

OPENERS = {
    "a.mp4": VideoFile,
    "a.wav": AudioFile,
    "a.csv": lambda path: CsvSignal(path, kind="ecg"),
    "a.edf": lambda path: SignalFile(path, kind="ecg"),
    "a.hea": lambda path: SignalFile(path, kind="ecg"),
    "a.npy": lambda path: SignalFile(path, kind="ecg", rate_hz=250),
    "a.npz": lambda path: SignalFile(path, kind="ecg", rate_hz=250),
}


@pytest.fixture
def not_owner():
    """A folder that everybody may enter, and a user who owns nothing in it (root may read everything)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        if os.geteuid() != 0:
            yield Path(folder)
            return
        was = os.geteuid()
        os.chown(folder, 65_534, 65_534)
        os.seteuid(65_534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(was)


@pytest.mark.parametrize("name", OPENERS)
def test_a_file_without_permission_says_permission_whatever_its_kind(not_owner, name):
    path = not_owner / name
    path.write_bytes(b"time,ecg\n0,1\n")
    path.chmod(0)
    with pytest.raises(SourceError, match="no permission to read it") as refused:
        OPENERS[name](path).open()
    assert str(path) in str(refused.value)
    assert "damaged" not in str(refused.value)


def test_a_folder_that_may_not_be_entered_says_permission_and_not_missing(not_owner):
    (not_owner / "shut").mkdir()
    (not_owner / "shut").chmod(0)
    inside = not_owner / "shut" / "a"
    for choose in (
        lambda: existing_file(inside),
        lambda: video_source(inside),
        lambda: audio_source(inside),
        lambda: signal_source(inside, kind="ecg"),
        lambda: signal_source(inside.with_suffix(".csv"), kind="ecg"),
    ):
        with pytest.raises(UsageError, match="no permission"):
            choose()
    with pytest.raises(SourceError, match="no permission"):
        SignalFile(inside, kind="ecg").open()


@pytest.mark.parametrize("name", OPENERS)
def test_a_directory_says_that_it_is_one(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(SourceError, match="this is a directory") if name != "a.hea" else pytest.raises(SourceError):
        OPENERS[name](tmp_path / name).open()


def test_what_is_chosen_by_a_word_says_directory_or_device(tmp_path):
    for choose in (video_source, audio_source, lambda path: signal_source(path, kind="ecg"), existing_file):
        with pytest.raises(UsageError, match="this is a directory"):
            choose(tmp_path)
    with pytest.raises(UsageError, match="/dev/null: this is not a regular file"):
        existing_file("/dev/null")
    with pytest.raises(UsageError, match="/dev/null: this is not a regular file"):
        audio_source("/dev/null")


def test_a_pipe_is_refused_without_waiting_for_its_writer_and_a_socket_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.csv")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.csv")
        for name in ("pipe.csv", "socket.csv"):
            with pytest.raises(UsageError, match="not a regular file"):
                signal_source(name, kind="ecg")


def test_what_is_not_there_says_so_and_a_link_says_where_it_leads(tmp_path):
    (tmp_path / "link").symlink_to("gone")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").touch()
    for name, reason in (
        ("gone", "there is no such file"),
        ("file/below", "there is no such file"),
        ("link", "a link to gone"),
        ("circle", "cannot be opened"),
        ("x" * 300, "cannot be opened: File name too long"),
        ("zero\0byte", "cannot be opened"),
    ):
        with pytest.raises(UsageError, match=reason):
            existing_file(tmp_path / name)
    assert existing_file(str(tmp_path / "file")) == tmp_path / "file"


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.wav").touch()
    assert existing_file("~/a.wav") == tmp_path / "a.wav"


def test_a_home_folder_that_nobody_has_is_refused():
    for choose in (existing_file, video_source, audio_source, lambda path: signal_source(path, kind="ecg")):
        with pytest.raises(UsageError, match=r"~nosuchuser/a\.csv: .*home folder"):
            choose("~nosuchuser/a.csv")


@pytest.mark.parametrize("rate_hz", [1e12, 100_001, 0.09, -1.0, float("nan"), float("inf")])
def test_a_rate_that_nobody_means_is_refused_before_anything_is_opened(tmp_path, rate_hz):
    np.save(tmp_path / "a.npy", np.zeros(10))
    for make in (
        lambda: SignalFile(tmp_path / "a.npy", kind="ecg", rate_hz=rate_hz),
        lambda: CsvSignal(tmp_path / "a.csv", kind="ecg", rate_hz=rate_hz),
        lambda: SerialPort("/dev/ttyUSB0", kind="ecg", rate_hz=rate_hz),
        lambda: signal_source(tmp_path / "a.npy", kind="ecg", rate_hz=rate_hz),
        lambda: video_source(0, fps=rate_hz),
    ):
        with pytest.raises(ConfigError, match=r"Hz cannot be meant; give rate_hz \(--rate\) from 0.1 to 100,000"):
            make()


def test_the_limits_of_the_rate_are_still_allowed(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(10))
    for rate_hz in (0.1, 100_000):
        assert SignalFile(tmp_path / "a.npy", kind="temp", rate_hz=rate_hz).open().rate_hz == rate_hz


def test_a_rate_that_a_file_cannot_mean_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("# fs=0.00000001\n1\n2\n3\n")
    (tmp_path / "b.csv").write_text("time_ns,ecg\n" + "".join(f"{k},1\n" for k in range(9)))
    (tmp_path / "c.hea").write_text("c 1 1000000000 10\nc.dat 16 200 16 0 0 0 0 ECG\n")
    for source in (CsvSignal(tmp_path / "a.csv", kind="ecg"), CsvSignal(tmp_path / "b.csv", kind="ecg")):
        with pytest.raises(SourceError, match="which cannot be meant"):
            source.open()
    pytest.importorskip("wfdb")
    with pytest.raises(SourceError, match="which cannot be meant"):
        open_wfdb(tmp_path / "c", kind="ecg", wanted=(), rate_hz=None)


def test_an_exception_is_said_once_without_number_and_full_stop():
    assert said(OSError(2, "could not open port /dev/x: [Errno 2] No such file")) == "No such file or directory"
    assert said(RuntimeError("Error : lost sync.\n")) == "Error : lost sync"
    assert said(ValueError()) == "ValueError"


def test_a_port_that_cannot_be_opened_is_said_in_one_sentence_without_an_errno(tmp_path):
    pytest.importorskip("serial")
    for port, reason in (
        ("/dev/ttyNOTHERE", "it is not there"),
        ("/dev/null", "not a serial port"),
        (str(tmp_path), "not a serial port"),
    ):
        with pytest.raises(SourceError, match=f"{port} cannot be opened: .*{reason}") as refused:
            SerialPort(port, kind="ecg", rate_hz=250).open()
        assert "Errno" not in str(refused.value)
        assert not str(refused.value).endswith("..")
