"""A microphone through PortAudio -> blocks of 50 ms of 16 kHz mono sound.

In: a name pattern, resolved at each open. Out: (n,) float32, full scale = 1, stamped with the time at which the first
sample was captured. Not here: sound files (``audio_file``), reopening (the daemon), de-jittering (``align``).

The device is asked for 16 kHz; where it refuses (many USB microphones) it runs at its own rate and the sound is
resampled here. A read waits for the samples without entering PortAudio's blocking read, so a device that stalls is lost
after ``stall_s`` and not never.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError, SourceLost
from edge_mm.quiet import quiet_stderr
from edge_mm.sources.portaudio import Handle, find_input, let_go, load_pyaudio, opening, sound_handles
from edge_mm.sources.resample import Resampler
from edge_mm.sources.unproven import Unproven
from edge_mm.types import NS_PER_S, Sample, StreamSpec

RATE_HZ = 16_000
_BLOCK_S = 0.05
_FIRST_BLOCK_S = 5.0  # a sound server that wakes its device needed up to 2 s here
_OVERFLOWED = -9981  # paInputOverflowed
_MOST_CHANNELS = 8
_LATE_BLOCKS = 20
_OVERRUN_MATTERS_S = 10.0


class Microphone:
    """A live microphone.

    Args:
        pattern: ``default``, part of the device's name, or a shell pattern; see ``portaudio.find_input``.
        name: Stream name.
        stall_s: A device that gives nothing for this long is lost.
    """

    live = True
    retry_s = 4.0
    """PortAudio lists all devices anew at each attempt, which takes a small board a tenth of a second of work."""

    def __init__(self, pattern: str = "default", *, name: str = "audio", stall_s: float = 2.0) -> None:
        self.name = name
        self.overruns = 0
        """How often sound was lost because it was not read in time, since this object was made."""
        self._pattern = pattern
        self._stall_s = stall_s
        self._audio: Any = None
        self._stream: Any = None
        self._label = f"microphone {pattern!r}"
        self._rate_hz = RATE_HZ
        self._channels = 1
        self._resampler = Resampler(from_hz=RATE_HZ, to_hz=RATE_HZ)
        self._taken = 0  # samples read since the resampler was made
        self._expected_ns: int | None = None  # where the last block ended
        self._line_ns: int | None = None  # where counting alone would be
        self._late_blocks = 0
        self._overrun_s = float("-inf")
        self._handles: dict[Handle, str] = {}
        self._unproven = Unproven(
            "microphones ran so far on a sound server and an emulated card only, never on a real one"
        )

    @property
    def trouble(self) -> str:
        """Why it works badly now: sound is lost because it is not read in time."""
        if time.monotonic() - self._overrun_s > _OVERRUN_MATTERS_S:
            return ""
        return f"sound was lost because it was not read in time ({self.overruns} times so far)"

    @property
    def counters(self) -> Mapping[str, int]:
        """``overruns``."""
        return {"overruns": self.overruns}

    def open(self) -> StreamSpec:
        """Find the device and start recording.

        Raises:
            SourceError: PyAudio is missing, nothing matches the pattern, or the device refuses.
        """
        self.close()
        pyaudio = load_pyaudio()
        self._unproven.say(self.name)
        with quiet_stderr():
            try:
                self._audio = pyaudio.PyAudio()  # anew each time: PortAudio lists devices when its first user begins
                device = find_input(self._audio, self._pattern)
                self._label = f"microphone {device['name']!r}"
                with opening:
                    before = sound_handles()
                    self._stream = self._start(pyaudio, device)
                    self._handles = {k: v for k, v in sound_handles().items() if k not in before}
                self._resampler, self._taken = Resampler(from_hz=self._rate_hz, to_hz=RATE_HZ), 0
            except SourceError:
                self.close()
                raise
            except ValueError as error:  # 44,101 Hz: a rate that the resampler does not take
                self.close()
                raise SourceError(f"{self._label}: {error}; set it to 16, 44.1 or 48 kHz.") from None
            except OSError as error:
                self.close()
                raise SourceError(f"{self._label} cannot be opened: {_text(error)}.") from None
        self._expected_ns = self._line_ns = None
        self._late_blocks = 0
        return StreamSpec(name=self.name, kind="audio", rate_hz=float(RATE_HZ), unit="full scale")

    def read(self) -> Sample | None:
        """Block until 50 ms of sound are there.

        Raises:
            SourceLost: the device is gone, or gave nothing for ``stall_s``.
        """
        if self._stream is None:
            raise SourceLost(f"{self._label} is not open; call open() first.")
        while True:
            block, first_ns = self._next_block()
            at = self._resampler.position
            sound = self._resampler.push(block)
            # Where the first output lies, seen from the first sample of this block: resampling holds a few back.
            lead_ns = at * NS_PER_S // RATE_HZ - self._taken * NS_PER_S // self._rate_hz
            self._taken += len(block)
            if len(sound):
                return Sample(stream=self.name, t_ns=first_ns + lead_ns, data=sound, rate_hz=float(RATE_HZ))

    def close(self) -> None:
        """Stop recording."""
        stream, self._stream = self._stream, None
        audio, self._audio = self._audio, None
        try:
            if stream is not None:
                stream.close()
        except OSError:
            pass  # the device is gone: nothing left to stop
        finally:
            if audio is not None:
                audio.terminate()
            let_go(self._handles)
            self._handles = {}

    def _start(self, pyaudio: Any, device: dict[str, Any]) -> Any:
        """Open a stream: 16 kHz mono if the device does it, else its own rate and all its channels."""
        native = round(device["defaultSampleRate"])
        channels = min(int(device["maxInputChannels"]), _MOST_CHANNELS)
        refused: OSError | None = None
        for rate, count in dict.fromkeys([(RATE_HZ, 1), (RATE_HZ, channels), (native, 1), (native, channels)]):
            self._rate_hz, self._channels = rate, count
            try:
                return self._audio.open(
                    format=pyaudio.paInt16,
                    channels=count,
                    rate=rate,
                    input=True,
                    input_device_index=device["index"],
                    frames_per_buffer=self._block(),
                )
            except (OSError, ValueError) as error:
                refused = error if isinstance(error, OSError) else OSError(str(error))
        raise refused if refused is not None else OSError("no format was accepted")

    def _block(self) -> int:
        return round(self._rate_hz * _BLOCK_S)

    def _next_block(self) -> tuple[npt.NDArray[np.float32], int]:
        """The next block as mono float32 at the device's rate, and the capture time of its first sample."""
        frames = self._block()
        try:
            waiting, slept = self._wait_for(frames)
            arrived_ns = time.monotonic_ns()
            raw = self._stream.read(frames, exception_on_overflow=False)
        except OSError as error:
            raise SourceLost(f"{self._label} stopped: {_text(error)}; is it still plugged in?") from None
        pcm = np.frombuffer(raw, dtype=np.int16).reshape(-1, self._channels)
        return pcm.mean(axis=1, dtype=np.float32) / np.float32(32768), self._time_of(arrived_ns, waiting, slept)

    def _time_of(self, arrived_ns: int, waiting: int, slept: bool) -> int:
        """When the first of the waiting frames was captured.

        A reader that is behind finds a backlog of which a sound server shows only a part (2,399 frames of three
        seconds with PulseAudio): then frames are counted on from the last block. Only when we had to wait for a block
        is nothing hidden.
        """
        length_ns = self._block() * NS_PER_S // self._rate_hz
        first_ns = arrived_ns - waiting * NS_PER_S // self._rate_hz
        if self._expected_ns is not None and not slept:
            first_ns = min(first_ns, self._expected_ns)
        self._expected_ns = first_ns + length_ns
        self._notice_loss(first_ns, length_ns, slept)
        return first_ns

    def _notice_loss(self, first_ns: int, length_ns: int, slept: bool) -> None:
        """Count a hole: for a second, every block comes later than counting says, by more than a block.

        A late wake-up or a burst from a sound server is over sooner. The line that counts may lag 0.1 % behind per
        block, which is more than any sound card's clock drifts.
        """
        if self._line_ns is None:
            self._line_ns = first_ns
        late_ns = first_ns - self._line_ns
        if not slept or late_ns <= length_ns:
            self._late_blocks = 0
            self._line_ns += min(late_ns, length_ns // 1000)
        else:
            self._late_blocks += 1
            if self._late_blocks >= _LATE_BLOCKS:
                self.overruns += 1
                self._overrun_s = time.monotonic()
                self._late_blocks = 0
                self._line_ns = first_ns
        self._line_ns += length_ns

    def _wait_for(self, frames: int) -> tuple[int, bool]:
        """Sleep until so many frames can be read; return how many can, and whether we slept."""
        limit_s = self._stall_s if self._expected_ns is not None else max(self._stall_s, _FIRST_BLOCK_S)
        deadline = time.monotonic() + limit_s
        slept = False
        while True:
            waiting = int(self._stream.get_read_available())
            if waiting == _OVERFLOWED:
                return frames, slept
            if waiting < 0:
                raise OSError(waiting, "PortAudio reports a broken stream")
            if waiting >= frames:
                return waiting, slept
            slept = True
            if time.monotonic() > deadline:
                raise SourceLost(f"{self._label} gave no sound for {limit_s:g} s; unplug it and plug it in again.")
            time.sleep(max((frames - waiting) / self._rate_hz, 0.002))


def _text(error: OSError) -> str:
    """PortAudio puts its sentence second: OSError(-9999, 'Unanticipated host error')."""
    return str(error.args[1] if len(error.args) > 1 else error)
