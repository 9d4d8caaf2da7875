"""The sound track of a file that FFmpeg reads -> mono sound at the track's own rate, each piece with its place.

In: a path. Out: a ``SoundTrack``. PyAV is the extra ``[media]``, imported only here, when a track is opened. Not here:
resampling, times (``audio_file``), pictures (``video_file``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError

Piece = tuple[int, npt.NDArray[np.float32]]
"""Index of its first sample, counted from the beginning of the track, and (n,) float32 mono, full scale = 1."""

_GAP_S = 0.1  # stamps are rounded to milliseconds, and a decoder's delay is up to a frame (85 ms for HE-AAC)
_LONGEST_GAP_S = 3600.0  # where the container announces no length; more is a damaged stamp


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """An open track."""

    rate_hz: int
    """Samples per second."""
    offset_s: float
    """Seconds from the first picture to the first sound; 0 where there are no pictures."""
    pieces: Iterator[Piece]
    """The sound in order; SourceError where it is damaged."""
    container: Any
    """PyAV's."""

    def close(self) -> None:
        """Close the file."""
        self.container.close()


def open_track(path: Path, *, block_s: float) -> SoundTrack:
    """Open the first sound track of a file.

    Args:
        path: The file.
        block_s: Length of a piece, about, in seconds.

    Raises:
        SourceError: PyAV is missing, the file is neither sound nor video, or its sound cannot be decoded.
    """
    try:
        import av
    except ImportError:
        raise SourceError(
            f"{path}: not a sound file (WAV, FLAC, OGG, MP3). For the sound track of a video: "
            "pip install 'edge-mm[media]'."
        ) from None
    try:
        # Titles in another encoding are no reason to refuse a file; PyAV 19 has no such option any more.
        lenient = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
        container = av.open(str(path), **lenient)
    except (OSError, ValueError, av.error.FFmpegError) as error:  # not every FFmpegError is one of the others
        raise SourceError(f"{path}: neither a sound nor a video file: {_said(error)}.") from None
    try:
        if not container.streams.audio:
            raise SourceError(f"{path}: this video has no sound track; leave it out or name a sound file.")
        track = container.streams.audio[0]
        if track.codec_context is None:
            raise SourceError(f"{path}: nothing here decodes its sound track; convert it to WAV.")
        rate_hz = int(track.codec_context.sample_rate or 0)
        if rate_hz <= 0:
            raise SourceError(f"{path}: the sound track does not say its sample rate; convert it to WAV.")
        pictures = container.streams.video
        offset_s = _start_s(track) - _start_s(pictures[0]) if pictures else 0.0
    except SourceError:
        container.close()
        raise
    return SoundTrack(rate_hz, offset_s, _pieces(container, track, rate_hz, block_s, path), container)


def _pieces(container: Any, track: Any, rate_hz: int, block_s: float, path: Path) -> Iterator[Piece]:
    import av

    try:
        yield from _decoded(container, track, av, rate_hz, block_s)
    except av.error.FFmpegError as error:
        raise SourceError(f"{path}: the sound cannot be read further: {_said(error)}.") from None


def _decoded(container: Any, track: Any, av: Any, rate_hz: int, block_s: float) -> Iterator[Piece]:
    """Decode, convert to planar float, mix to mono, collect into pieces that no gap divides."""
    converter = av.AudioResampler(format="fltp", layout=track.codec_context.layout, rate=rate_hz)
    track.codec_context.thread_count = 1
    start_s = _start_s(track)
    latest = round(rate_hz * (container.duration / av.time_base if container.duration else _LONGEST_GAP_S))
    at, waiting, count = 0, [], 0  # type: int, list[npt.NDArray[np.float32]], int
    for frame in container.decode(track):
        place = at + count if frame.time is None else round((frame.time - start_s) * rate_hz)
        if at + count + _GAP_S * rate_hz < place <= latest:
            if waiting:
                yield at, np.concatenate(waiting)
            at, waiting, count = place, [], 0
        for part in converter.resample(frame):
            waiting.append(part.to_ndarray().mean(axis=0, dtype=np.float32))
            count += len(waiting[-1])
        if count >= rate_hz * block_s:
            yield at, np.concatenate(waiting)
            at, waiting, count = at + count, [], 0
    if waiting:
        yield at, np.concatenate(waiting)


def _start_s(stream: Any) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0


def _said(error: Exception) -> str:
    return str(error.args[1] if len(error.args) > 1 else error).rstrip(".")
