"""From the word in a configuration or on a command line to a Source.

In: ``0``, ``/dev/v4l/by-id/...``, ``rtsp://...``, ``drive.mp4``, ``USB``, ``/dev/ttyACM0``, ``100.hea`` ... Out: a
Source that is not open yet. Not here: reading the configuration (the daemon), opening anything.

A word that can only be a file and names none is a ``UsageError``: whoever typed it must hear it before anything starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_mm.errors import ConfigError, UsageError
from edge_mm.kinds import StreamKind
from edge_mm.sources.address import NO_PATH, without_password
from edge_mm.sources.audio_file import AudioFile
from edge_mm.sources.ble import BleDevice
from edge_mm.sources.camera import Camera
from edge_mm.sources.channels import SIGNAL_KINDS, SignalKind
from edge_mm.sources.csv_signal import CsvSignal
from edge_mm.sources.files import existing_file, given_rate, is_directory, is_file
from edge_mm.sources.lsl import LslStream
from edge_mm.sources.max30102 import Max30102
from edge_mm.sources.microphone import Microphone
from edge_mm.sources.mqtt_topics import Broker, MqttTopics
from edge_mm.sources.serial_port import SerialBoard, SerialPort
from edge_mm.sources.signal_file import SignalFile
from edge_mm.sources.video_file import VideoFile
from edge_mm.sources.wanted import Wanted, scheme_of
from edge_mm.sources.wfdb_record import wfdb_header

_RECORD_SUFFIXES = {".edf", ".bdf", ".npz", ".npy", ".hea", ".dat", ".mat"}
_CSV_SUFFIXES = {".csv", ".tsv", ".txt", ".gz"}
_MEDIA_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".m4a", ".aac", ".wma"} | {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".gif"),
}


def video_source(
    spec: int | str | Path,
    *,
    name: str = "vision",
    width: int = 640,
    height: int = 480,
    fps: float | None = None,
    start_ns: int = 0,
) -> Camera | VideoFile:
    """A camera by index, device path or URL; anything else is a file.

    Args:
        spec: The word.
        name: Stream name.
        width: Asked of a camera, pixels.
        height: As ``width``.
        fps: Asked of a camera.
        start_ns: Time of a file's first frame.

    Raises:
        UsageError: there is no such file, or it may not be read.
        ConfigError: no camera has that ``fps``.
    """
    text = str(spec)
    given_rate(fps, where=without_password(text))
    if text.isdecimal():
        return Camera(int(text), name=name, width=width, height=height, fps=fps)
    path = _path(spec, address=True)
    if "://" in text or (text.startswith("/dev/") and not is_file(path)) or text.startswith(NO_PATH):
        return Camera(text, name=name, width=width, height=height, fps=fps)
    return VideoFile(existing_file(path, what="video file"), name=name, start_ns=start_ns)


def audio_source(spec: str | Path, *, name: str = "audio", start_ns: int = 0) -> Microphone | AudioFile:
    """A sound or video file; a word that names none is (part of) a microphone's name, or ``default``.

    Args:
        spec: The word.
        name: Stream name.
        start_ns: Time of a file's first sample.

    Raises:
        UsageError: the word looks like a file, and there is none.
    """
    path = _path(spec)
    looks_like_file = isinstance(spec, Path) or path.suffix.lower() in _MEDIA_SUFFIXES or "/" in str(spec)
    if is_file(path) or looks_like_file:
        return AudioFile(existing_file(path, what="sound file"), name=name, start_ns=start_ns)
    return Microphone(str(spec), name=name)


def signal_source(
    spec: str | Path,
    *,
    kind: StreamKind,
    name: str = "",
    column: str | int | Sequence[str | int] | None = None,
    rate_hz: float | None = None,
    baud: int = 115_200,
    start_ns: int = 0,
) -> SerialPort | CsvSignal | SignalFile:
    """A serial port (below ``/dev/``), a CSV, EDF or numpy file, or a WFDB record with or without its suffix.

    Args:
        spec: The word.
        kind: What is measured; not ``video`` or ``audio``.
        name: Stream name; empty takes the kind.
        column: Column or channel, by name or index; three of them for ``acc``.
        rate_hz: Samples per second, where the source does not say.
        baud: Of a serial port.
        start_ns: Time of a file's first sample.

    Raises:
        UsageError: there is no such file, or it may not be read.
        ConfigError: a serial port's column is not a number from 0 on, the kind is no signal, or the rate is absurd.
    """
    signal = _signal_kind(kind, spec)
    path = _path(spec)
    if str(spec).startswith("/dev/") and not is_recording(str(spec)):
        if column is not None and not isinstance(column, int):
            raise ConfigError(f"{spec}: the column of a serial port is a number counted from 0, not {column!r}.")
        return SerialPort(str(spec), kind=signal, name=name, rate_hz=rate_hz, column=column or 0, baud=baud)
    suffix = path.suffix.lower()
    if suffix not in _CSV_SUFFIXES and not (is_file(path) and suffix not in _RECORD_SUFFIXES):
        is_wfdb = suffix not in _RECORD_SUFFIXES or suffix in (".hea", ".dat", ".mat")
        header = wfdb_header(path)
        existing_file(header if is_wfdb and (is_file(header) or not is_directory(path)) else path, what="signal file")
        return SignalFile(path, kind=signal, name=name, channel=column, rate_hz=rate_hz, start_ns=start_ns)
    existing_file(path, what="signal file")
    return CsvSignal(path, kind=signal, name=name, column=column, rate_hz=rate_hz, start_ns=start_ns)


def is_recording(word: str) -> bool:
    """Whether a path below ``/dev/`` is a file all the same: ``/dev/shm`` holds some."""
    path = _path(word)
    return is_file(path) or is_file(wfdb_header(path))


def board_source(
    device: str,
    wanted: Sequence[Wanted],
    *,
    baud: int | None = None,
    protocol: str = "lines",
    broker: Broker | None = None,
) -> SerialBoard | Max30102 | BleDevice | LslStream | MqttTopics:
    """What reads a device that can give several streams; opened once for all of them.

    Args:
        device: a serial port, or ``SCHEME:ADDRESS`` as in ``wanted.SCHEMES``.
        wanted: its streams, at least one.
        baud: of a serial port; None: 115,200.
        protocol: of a serial port, ``lines`` or ``binary``.
        broker: makes a connection to the broker whose topics are read.

    Raises:
        ConfigError: it cannot give one of them.
    """
    scheme, address = scheme_of(device), device.partition(":")[2]
    if scheme == "ble":
        return BleDevice(address, wanted)
    if scheme == "lsl":
        return LslStream(address, wanted)
    if scheme == "mqtt":
        if broker is None:
            raise ConfigError(f"{device}: no broker is known whose topics could be read; give [mqtt].")
        return MqttTopics(broker, wanted)
    if scheme == "i2c":
        return Max30102(wanted[0].address or address, wanted)
    return SerialBoard(device, wanted, baud=baud or 115_200, protocol=protocol)


def _path(spec: int | str | Path, *, address: bool = False) -> Path:
    """The word as a path, its ``~`` expanded.

    Raises:
        UsageError: nobody has that home folder; or it is an address, and only pictures come from those.
    """
    if "://" in str(spec) and not address:
        raise UsageError(f"{without_password(str(spec))}: only pictures come from an address; name a file or a device.")
    try:
        return Path(str(spec)).expanduser()
    except RuntimeError:
        raise UsageError(f"{spec}: nobody here has that home folder; check the path.") from None


def _signal_kind(kind: StreamKind, spec: str | Path) -> SignalKind:
    for known in SIGNAL_KINDS:
        if kind == known:
            return known
    raise ConfigError(f"{spec}: {kind!r} is no kind of signal; choose one of {', '.join(SIGNAL_KINDS)}.")
