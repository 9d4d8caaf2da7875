"""From the word in a configuration or on a command line to a Source.

In: ``0``, ``/dev/v4l/by-id/...``, ``rtsp://...``, ``drive.mp4``, ``USB``, ``/dev/ttyACM0``, ``100.hea`` ... Out: a
Source that is not open yet. Not here: reading the configuration (the daemon), opening anything.

A word that can only be a file and names none is a ``UsageError``: whoever typed it must hear it before anything starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from edge_mm.errors import ConfigError, SourceError
from edge_mm.sources.audio_file import AudioFile
from edge_mm.sources.camera import Camera
from edge_mm.sources.channels import SIGNAL_KINDS, SignalKind
from edge_mm.sources.csv_signal import CsvSignal
from edge_mm.sources.files import existing_file, given_rate, is_directory, is_file
from edge_mm.sources.microphone import Microphone
from edge_mm.sources.serial_port import SerialPort
from edge_mm.sources.signal_file import SignalFile
from edge_mm.sources.video_file import VideoFile
from edge_mm.sources.wfdb_record import wfdb_header
from edge_mm.types import Source, StreamKind

ENTRY_POINT_GROUP = "edge_mm.sources"
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
    given_rate(fps, where=text)
    if text.isdecimal():
        return Camera(int(text), name=name, width=width, height=height, fps=fps)
    if text.startswith("/dev/") or "://" in text:
        return Camera(text, name=name, width=width, height=height, fps=fps)
    return VideoFile(existing_file(text, what="video file"), name=name, start_ns=start_ns)


def audio_source(spec: str | Path, *, name: str = "audio", start_ns: int = 0) -> Microphone | AudioFile:
    """A sound or video file; a word that names none is (part of) a microphone's name, or ``default``.

    Args:
        spec: The word.
        name: Stream name.
        start_ns: Time of a file's first sample.

    Raises:
        UsageError: the word looks like a file, and there is none.
    """
    path = Path(spec).expanduser()
    looks_like_file = isinstance(spec, Path) or path.suffix.lower() in _MEDIA_SUFFIXES or "/" in str(spec)
    if is_file(path) or looks_like_file:
        return AudioFile(existing_file(spec, what="sound file"), name=name, start_ns=start_ns)
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
        ConfigError: a serial port's column is not a number, the kind is no signal, or the rate is absurd.
    """
    signal = _signal_kind(kind, spec)
    path = Path(spec).expanduser()
    if str(spec).startswith("/dev/"):
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


def custom_source(source: str, *, options: Mapping[str, Any]) -> Source:
    """A source that another package offers under the entry point group ``edge_mm.sources``.

    Args:
        source: Name of the entry point; only this one is imported. It is a callable that returns a Source.
        options: Its keyword arguments.

    Raises:
        ConfigError: nobody offers that name, or it refuses the options.
        SourceError: it cannot be loaded.
    """
    offered = entry_points(group=ENTRY_POINT_GROUP)
    matching = offered.select(name=source)
    if not matching:
        names = ", ".join(sorted(offered.names)) or "none"
        raise ConfigError(f"source {source!r} is not installed; installed sources of other packages: {names}.")
    try:
        make = next(iter(matching)).load()
    except Exception as error:  # a third party's module may fail in any way at import
        raise SourceError(f"source {source!r} cannot be loaded: {error.__class__.__name__}: {error}.") from error
    try:
        made = make(**options)
    except TypeError as error:
        raise ConfigError(f"source {source!r} refuses its options: {error}.") from None
    if not isinstance(made, Source):
        raise ConfigError(f"source {source!r} gives a {type(made).__name__}, which has not all of open, read, close.")
    return made


def _signal_kind(kind: StreamKind, spec: str | Path) -> SignalKind:
    for known in SIGNAL_KINDS:
        if kind == known:
            return known
    raise ConfigError(f"{spec}: {kind!r} is no kind of signal; choose one of {', '.join(SIGNAL_KINDS)}.")
