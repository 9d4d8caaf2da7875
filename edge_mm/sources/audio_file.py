"""A sound file, or the sound track of a video file -> blocks of 16 kHz mono sound.

In: WAV, FLAC, OGG, MP3 (libsndfile), or with the extra ``[media]`` any file that FFmpeg reads (``sound_track``); any
rate, any number of channels. Out: (n,) float32, full scale = 1, the mean of the channels, resampled. Blocks are read
one by one: the file is never in memory. Not here: pictures (``video_file``), real-time pacing (``pacing``).

The sound track of a video starts where the container says, counted from its first picture, so that both agree; after a
gap in it the next block has its own time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_mm.errors import SourceError, SourceLost
from edge_mm.quiet import quiet_stderr
from edge_mm.sources.files import readable_file, said
from edge_mm.sources.resample import Resampler
from edge_mm.sources.sound_track import Piece, open_track
from edge_mm.types import NS_PER_S, Sample, StreamSpec

_HIGHEST_HZ = 768_000  # the fastest sound cards
_MISSING_S = 0.2  # an MP3 announces up to two of its frames (2 x 26 ms) more than its decoder gives
_NO_LENGTH = 2**62  # what libsndfile says of a stream without a length


class AudioFile:
    """Sound of a file, as fast as it is read.

    Args:
        path: The file.
        name: Stream name.
        start_ns: Time of the first sample (of the first picture, for a sound track).
        rate_hz: Rate of what comes out.
        block_s: Length of what is read at a time, seconds.
    """

    live = False

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "audio",
        start_ns: int = 0,
        rate_hz: int = 16_000,
        block_s: float = 0.1,
    ) -> None:
        self.name = name
        self._path = Path(path)
        self._start_ns = start_ns
        self._rate_hz = rate_hz
        self._block_s = block_s
        self._pieces: Iterator[Piece] | None = None
        self._first: Piece | None = None
        self._file: Any = None

    def open(self) -> StreamSpec:
        """Open the file and read its first block.

        Raises:
            SourceError: the file is missing, is no sound, has no sound track, or is empty.
        """
        self.close()
        readable_file(self._path, what="sound file")
        try:
            rate, pieces, offset = self._open_sound_file() or self._open_sound_track()
            if rate > _HIGHEST_HZ:
                raise SourceError(f"{self._path}: it says that it was sampled at {rate} Hz; its header is damaged.")
            try:
                resampler = Resampler(from_hz=rate, to_hz=self._rate_hz)
            except ValueError as error:
                raise SourceError(f"{self._path}: {error}; convert the file to 16 kHz first.") from None
            self._pieces = _resampled(pieces, resampler, from_hz=rate, to_hz=self._rate_hz, offset=offset)
            self._first = self._next()
            if self._first is None:
                raise SourceError(f"{self._path}: there is no sound in this file; it is empty or damaged.")
        except SourceError:
            self.close()
            raise
        return StreamSpec(name=self.name, kind="audio", rate_hz=float(self._rate_hz), unit="full scale")

    def read(self) -> Sample | None:
        """The next block, or None at the end.

        Raises:
            SourceError: the file is damaged further in; what came before has been given.
            SourceLost: it ends before the length that its own header says: truncated.
        """
        piece, self._first = (self._first, None) if self._first is not None else (self._next(), None)
        if piece is None:
            return None
        at, block = piece
        t_ns = self._start_ns + at * NS_PER_S // self._rate_hz
        return Sample(stream=self.name, t_ns=t_ns, data=block, rate_hz=float(self._rate_hz))

    def close(self) -> None:
        """Close the file."""
        self._pieces = None
        self._first = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next(self) -> Piece | None:
        try:
            return next(self._pieces, None) if self._pieces is not None else None
        except (OSError, RuntimeError, ValueError) as error:  # libsndfile's errors are RuntimeErrors
            raise SourceError(f"{self._path}: the sound cannot be read further: {said(error)}.") from None

    def _open_sound_file(self) -> tuple[int, Iterator[Piece], int] | None:
        """Rate, mono pieces and offset in output samples; None where libsndfile does not know the format."""
        import soundfile

        try:
            with quiet_stderr():  # mpg123 warns of a truncated file without its name; we say it at the end
                self._file = soundfile.SoundFile(str(self._path))
        except (soundfile.LibsndfileError, TypeError):  # TypeError: called .raw, and no rate was given
            return None
        rate = int(self._file.samplerate)
        frames = max(1, round(rate * self._block_s))
        return rate, _mono_pieces(self._file, frames, where=str(self._path)), 0

    def _open_sound_track(self) -> tuple[int, Iterator[Piece], int]:
        """As above, by PyAV."""
        track = open_track(self._path, block_s=self._block_s)
        self._file = track
        return track.rate_hz, track.pieces, round(track.offset_s * self._rate_hz)


def _mono_pieces(file: Any, frames: int, *, where: str) -> Iterator[Piece]:
    """Pieces as they are read; SourceLost where the file ends before the length that it announces."""
    rate, announced, got = file.samplerate, file.frames, 0
    # mpg123 prints what it finds damaged; the others print nothing, and need no change of the standard error.
    quiet = quiet_stderr if file.format == "MP3" else contextlib.nullcontext
    damaged = False
    while True:
        try:
            with quiet():
                block = file.read(frames, dtype="float32", always_2d=True)
        except RuntimeError:  # libsndfile: a FLAC or OGG that breaks off within a frame
            damaged = True
            break
        if not len(block):
            break
        yield got, block.mean(axis=1, dtype=np.float32)
        got += len(block)
    if damaged or (announced < _NO_LENGTH and announced - got > _MISSING_S * rate):
        much = f"{got / rate:.1f} s of {announced / rate:.1f} s"
        raise SourceLost(f"{where}: the sound ends after {much}: truncated or damaged; copy the file again.")


def _resampled(
    pieces: Iterator[Piece], resampler: Resampler, *, from_hz: int, to_hz: int, offset: int
) -> Iterator[Piece]:
    """Pieces at the new rate, moved by ``offset``, none empty and none before 0; non-finite samples become 0."""
    for at, block in _unbroken(pieces, resampler, from_hz=from_hz, to_hz=to_hz):
        begin = at + offset
        kept = block[max(0, -begin) :]
        if len(kept):
            yield max(0, begin), kept


def _unbroken(pieces: Iterator[Piece], resampler: Resampler, *, from_hz: int, to_hz: int) -> Iterator[Piece]:
    """Resample each stretch without a gap on its own: nothing of before a gap rings on after it."""
    begin = 0  # where the stretch begins, in output samples
    expected = 0  # where it goes on, in input samples
    lost: SourceLost | None = None
    try:
        for at, block in pieces:
            if at != expected:
                yield begin + resampler.position, resampler.flush()
                resampler, begin = Resampler(from_hz=from_hz, to_hz=to_hz), at * to_hz // from_hz
            expected = at + len(block)
            sound = np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            yield begin + resampler.position, resampler.push(sound)
    except SourceLost as error:  # first what was read
        lost = error
    yield begin + resampler.position, resampler.flush()
    if lost is not None:
        raise lost
