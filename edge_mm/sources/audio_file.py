"""A sound file, or the sound track of a video file -> blocks of 16 kHz mono sound.

In: WAV, FLAC, OGG, MP3 (libsndfile), or with the extra ``[media]`` any file that FFmpeg reads; any rate, any number of
channels. Out: (n,) float32, full scale = 1, the mean of the channels, resampled. Blocks are read one by one: the file
is never in memory. Not here: pictures (``video_file``), real-time pacing (``pacing``).

The sound track of a video starts where the container says, counted from its first picture, so that both agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.files import readable_file, said
from edge_mm.sources.quiet import quiet_stderr
from edge_mm.sources.resample import Resampler
from edge_mm.types import NS_PER_S, Sample, StreamSpec

Block = npt.NDArray[np.float32]
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
        self._blocks: Iterator[Block] | None = None
        self._first: Block | None = None
        self._given = 0
        self._file: Any = None

    def open(self) -> StreamSpec:
        """Open the file and read its first block.

        Raises:
            SourceError: the file is missing, is no sound, has no sound track, or is empty.
        """
        self.close()
        readable_file(self._path, what="sound file")
        source_rate, blocks, offset = self._open_sound_file() or self._open_sound_track()
        if source_rate > _HIGHEST_HZ:
            self.close()
            raise SourceError(f"{self._path}: it says that it was sampled at {source_rate} Hz; its header is damaged.")
        try:
            resampler = Resampler(from_hz=source_rate, to_hz=self._rate_hz)
        except ValueError as error:
            raise SourceError(f"{self._path}: {error}; convert the file to 16 kHz first.") from None
        self._blocks = _resampled(blocks, resampler, skip=max(0, -offset))
        self._given = max(0, offset)
        self._first = self._next()
        if self._first is None:
            self.close()
            raise SourceError(f"{self._path}: there is no sound in this file; it is empty or damaged.")
        return StreamSpec(name=self.name, kind="audio", rate_hz=float(self._rate_hz), unit="full scale")

    def read(self) -> Sample | None:
        """The next block, or None at the end.

        Raises:
            SourceError: the file is damaged further in; what came before has been given.
            SourceLost: it ends before the length that its own header says: truncated.
        """
        block, self._first = (self._first, None) if self._first is not None else (self._next(), None)
        if block is None:
            return None
        t_ns = self._start_ns + self._given * NS_PER_S // self._rate_hz
        self._given += len(block)
        return Sample(stream=self.name, t_ns=t_ns, data=block, rate_hz=float(self._rate_hz))

    def close(self) -> None:
        """Close the file."""
        self._blocks = None
        self._first = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next(self) -> Block | None:
        try:
            return next(self._blocks, None) if self._blocks is not None else None
        except (OSError, RuntimeError, ValueError) as error:  # libsndfile and FFmpeg errors are of these kinds
            raise SourceError(f"{self._path}: the sound cannot be read further: {said(error)}.") from None

    def _open_sound_file(self) -> tuple[int, Iterator[Block], int] | None:
        """Rate, mono blocks and offset in output samples; None where libsndfile does not know the format."""
        import soundfile

        try:
            with quiet_stderr():  # mpg123 warns of a truncated file without its name; we say it at the end
                self._file = soundfile.SoundFile(str(self._path))
        except soundfile.LibsndfileError:
            return None
        rate = int(self._file.samplerate)
        frames = max(1, round(rate * self._block_s))
        return rate, _mono_blocks(self._file, frames, where=str(self._path)), 0

    def _open_sound_track(self) -> tuple[int, Iterator[Block], int]:
        """As above, by PyAV."""
        try:
            import av
        except ImportError:
            raise SourceError(
                f"{self._path}: not a sound file (WAV, FLAC, OGG, MP3). For the sound track of a video: "
                "pip install 'edge-mm[media]'."
            ) from None
        try:
            # Titles in another encoding are no reason to refuse a file; PyAV 19 has no such option any more.
            lenient = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
            self._file = av.open(str(self._path), **lenient)
        except (OSError, ValueError) as error:  # av.error.FFmpegError derives from one of both
            raise SourceError(f"{self._path}: neither a sound nor a video file: {_av_says(error)}.") from None
        if not self._file.streams.audio:
            self.close()
            raise SourceError(f"{self._path}: this video has no sound track; leave it out or name a sound file.")
        track = self._file.streams.audio[0]
        rate = int(track.codec_context.sample_rate or 0)
        if rate <= 0:
            self.close()
            raise SourceError(f"{self._path}: the sound track does not say its sample rate; convert it to WAV.")
        pictures = self._file.streams.video
        offset_s = _start_s(track) - _start_s(pictures[0]) if pictures else 0.0
        return rate, _decoded(self._file, track, av, rate, self._block_s), round(offset_s * self._rate_hz)


def _start_s(stream: Any) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0


def _av_says(error: Exception) -> str:
    return str(error.args[1] if len(error.args) > 1 else error).rstrip(".")


def _mono_blocks(file: Any, frames: int, *, where: str) -> Iterator[Block]:
    """Blocks as they are read; SourceLost where the file ends before the length that it announces."""
    rate, announced, got = file.samplerate, file.frames, 0
    damaged = False
    while True:
        try:
            block = file.read(frames, dtype="float32", always_2d=True)
        except RuntimeError:  # libsndfile: a FLAC or OGG that breaks off within a frame
            damaged = True
            break
        if not len(block):
            break
        got += len(block)
        yield block.mean(axis=1, dtype=np.float32)
    if damaged or (announced < _NO_LENGTH and announced - got > _MISSING_S * rate):
        much = f"{got / rate:.1f} s of {announced / rate:.1f} s"
        raise SourceLost(f"{where}: the sound ends after {much}: truncated or damaged; copy the file again.")


def _decoded(container: Any, track: Any, av: Any, rate: int, block_s: float) -> Iterator[Block]:
    """Decode, convert to planar float, mix to mono, collect into blocks."""
    converter = av.AudioResampler(format="fltp", layout=track.codec_context.layout, rate=rate)
    track.codec_context.thread_count = 1
    waiting: list[Block] = []
    for frame in container.decode(track):
        for part in converter.resample(frame):
            waiting.append(part.to_ndarray().mean(axis=0, dtype=np.float32))
        if sum(map(len, waiting)) >= rate * block_s:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


def _resampled(blocks: Iterator[Block], resampler: Resampler, *, skip: int) -> Iterator[Block]:
    """Blocks at the new rate, none of them empty, without the first ``skip`` samples; non-finite samples become 0."""
    for block in _with_rest(blocks, resampler):
        kept = block[skip:]
        skip -= len(block) - len(kept)
        if len(kept):
            yield kept


def _with_rest(blocks: Iterator[Block], resampler: Resampler) -> Iterator[Block]:
    lost: SourceLost | None = None
    try:
        for block in blocks:
            yield resampler.push(np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0))
    except SourceLost as error:  # first what was read
        lost = error
    yield resampler.flush()
    if lost is not None:
        raise lost
