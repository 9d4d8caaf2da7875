"""The word in a config decides the source; what is not there is said before anything starts."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from edge_mm import sources
from edge_mm.errors import ConfigError, SourceError, UsageError
from edge_mm.sources import (
    AudioFile,
    Camera,
    CsvSignal,
    Microphone,
    SerialPort,
    SignalFile,
    VideoFile,
    audio_source,
    custom_source,
    signal_source,
    video_source,
)
from edge_mm.sources.camera import without_password


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
def other_package(tmp_path, monkeypatch):
    """A package of somebody else, installed as pip would leave it."""
    (tmp_path / "theirs.py").write_text(
        "class Belt:\n"
        "    name, live = 'belt', True\n"
        "    def __init__(self, *, port): self.port = port\n"
        "    def open(self): ...\n"
        "    def read(self): ...\n"
        "    def close(self): ...\n"
        "def nothing(): return 7\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[edge_mm.sources]\nbelt = theirs:Belt\nodd = theirs:nothing\nbroken = no_such_module_at_all:Belt\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


def test_a_source_of_another_package_is_found_by_its_entry_point(other_package):
    assert custom_source("belt", options={"port": 3}).port == 3


def test_a_name_nobody_offers_lists_those_that_are_offered(other_package):
    with pytest.raises(ConfigError, match=r"'strap' is not installed.*belt, broken, odd"):
        custom_source("strap", options={})


def test_what_another_package_does_wrong_is_said_in_a_sentence(other_package):
    with pytest.raises(ConfigError, match="refuses its options"):
        custom_source("belt", options={"colour": 1})
    with pytest.raises(ConfigError, match="gives a int"):
        custom_source("odd", options={})
    with pytest.raises(SourceError, match="cannot be loaded"):
        custom_source("broken", options={})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7/stream", "rtsp://***@10.0.0.7/stream"),
        ("http://token@host/x?y=a@b", "http://***@host/x?y=a@b"),
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
