"""The word in a config decides the source; what is not there is said before anything starts."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge_mm import sources
from edge_mm.errors import ConfigError, UsageError
from edge_mm.sources import (
    AudioFile,
    Camera,
    CsvSignal,
    Microphone,
    SerialPort,
    SignalFile,
    VideoFile,
    audio_source,
    signal_source,
    video_source,
)
from edge_mm.sources.address import without_password


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("drive.mp4", "cabin.wav", "ecg.csv", "night.edf", "a.npz", "100.hea", "100.dat", "plain", "b.csv.gz"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0, Camera),
        ("1", Camera),
        ("/dev/video0", Camera),
        ("/dev/v4l/by-id/usb-cam", Camera),
        ("rtsp://u:p@cam/1", Camera),
        ("http://cam/mjpeg", Camera),
        ("drive.mp4", VideoFile),
        (Path("drive.mp4"), VideoFile),
    ],
)
def test_a_word_for_pictures_is_a_camera_or_a_file(here, word, expected):
    assert type(video_source(word, name="v")) is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cabin.wav", AudioFile),
        ("drive.mp4", AudioFile),
        ("default", Microphone),
        ("USB", Microphone),
        ("*C920*", Microphone),
    ],
)
def test_a_word_for_sound_is_a_file_or_a_microphone(here, word, expected):
    assert type(audio_source(word)) is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/dev/ttyUSB0", SerialPort),
        ("/dev/serial/by-id/usb-sensor", SerialPort),
        ("ecg.csv", CsvSignal),
        ("b.csv.gz", CsvSignal),
        ("plain", CsvSignal),
        ("night.edf", SignalFile),
        ("a.npz", SignalFile),
        ("100", SignalFile),
        ("100.hea", SignalFile),
        ("100.dat", SignalFile),
    ],
)
def test_a_word_for_a_signal_is_a_port_or_a_file(here, word, expected):
    assert type(signal_source(word, kind="ecg", rate_hz=250)) is expected


@pytest.mark.parametrize(
    "choose",
    [
        lambda: video_source("gone.mp4"),
        lambda: audio_source("gone.wav"),
        lambda: audio_source("folder/gone"),
        lambda: signal_source("gone.csv", kind="ecg"),
        lambda: signal_source("gone", kind="ecg"),
        lambda: signal_source("gone.edf", kind="ecg"),
    ],
)
def test_a_file_that_is_not_there_is_a_usage_error(here, choose):
    with pytest.raises(UsageError, match=r"gone.*no such"):
        choose()


def test_a_kind_that_is_no_signal_is_a_configuration_error():
    with pytest.raises(ConfigError, match="'video' is no kind of signal"):
        signal_source("/dev/ttyUSB0", kind="video")


def test_a_serial_port_wants_its_column_as_a_number():
    with pytest.raises(ConfigError, match="counted from 0"):
        signal_source("/dev/ttyUSB0", kind="ecg", column="II")


@pytest.fixture
def in_memory():
    """A folder below /dev that holds files."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("not here: no /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_file_below_dev_is_a_file_and_no_camera_or_port(in_memory):
    for name in ("a.mp4", "a.wav", "a.csv", "100.hea"):
        (in_memory / name).touch()
    assert type(video_source(in_memory / "a.mp4")) is VideoFile
    assert type(audio_source(str(in_memory / "a.wav"))) is AudioFile
    assert type(signal_source(str(in_memory / "a.csv"), kind="ecg")) is CsvSignal
    assert type(signal_source(str(in_memory / "100"), kind="ecg")) is SignalFile


def test_the_home_folder_of_nobody_is_said_in_a_sentence(tmp_path, monkeypatch):
    for choose in (video_source, audio_source, lambda word: signal_source(word, kind="ecg")):
        with pytest.raises(UsageError, match=r"~no-such-user/a\.csv: nobody here has that home folder"):
            choose("~no-such-user/a.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.mp4").touch()
    assert type(video_source("~/a.mp4")) is VideoFile


def test_no_refusal_shows_the_password_of_an_address():
    address = "rtsp://admin:s3cret@10.0.0.7/stream"
    refusals = (
        (ConfigError, lambda: video_source(address, fps=0.01)),
        (UsageError, lambda: audio_source(address)),
        (UsageError, lambda: signal_source(address, kind="ecg")),
    )
    for kind, choose in refusals:
        with pytest.raises(kind, match=r"rtsp://\*\*\*@10\.0\.0\.7/stream: ") as refused:
            choose()
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7/stream", "rtsp://***@10.0.0.7/stream"),
        ("http://token@host/x?y=a@b", "http://***@b"),
        ("http://cam/video.cgi?user=admin&pwd=s3cret", "http://cam/video.cgi?***"),
        ("rtsp://admin:pa/ss@10.0.0.1/s", "rtsp://***@10.0.0.1/s"),
        ("rtsp://admin:p?a#s=s@10.0.0.1/s", "rtsp://***@10.0.0.1/s"),
        ("rtsp://10.0.0.1/user=admin_password=s3cret_channel=1.sdp", "rtsp://10.0.0.1/user=***"),
        ("/dev/v4l/by-id/usb-a@b=c", "/dev/v4l/by-id/usb-a@b=c"),
        ("rtsp://host/a", "rtsp://host/a"),
        ("rtsp://u:p@ss@host/a", "rtsp://***@host/a"),
    ],
)
def test_passwords_do_not_show(url, shown):
    assert without_password(url) == shown


def test_looking_at_the_sources_loads_no_device_library():
    code = (
        "import sys; from edge_mm.sources import *\n"
        "heavy = ('cv2', 'pyaudio', 'soundfile', 'av', 'wfdb', 'edfio', 'serial', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    assert [name for name in sources.__all__ if not callable(getattr(sources, name))] == []
    with pytest.raises(AttributeError, match="no attribute 'Telescope'"):
        sources.Telescope  # noqa: B018
