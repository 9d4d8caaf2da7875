"""The sound front end: what is heard, and what the fusion is told about it.

In: blocks of mono sound at the bundle's rate, in time order. Out, once per hop: one Observation ``audio.<class>`` per
class at the centre of a window of about one second, and one Embedding; about once per second ``sensor.quality``.
How the sound is cut into blocks makes no difference. A gap of more than 50 ms empties the window: sound from before and
after it is never glued together; what is less than that cannot be told from jitter. Not here: smoothing time stamps
(``clock``), spectra (``audio_mel``), levels (``audio_level``), how long a sound must last (alerts).
"""

from __future__ import annotations

import msgspec
import numpy as np

from edge_mm.errors import BundleError, ConfigError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.audio_level import Level, LevelMeter
from edge_mm.perception.audio_mel import Array, LogMel, MelSettings, encoder_input
from edge_mm.perception.litert import load_graph
from edge_mm.perception.params import Count, decoded
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

GRAPH = "audio.encoder"
OTHER = "other"
"""The class that stands for everything that is not asked for; silence is put here without asking the graph."""
_LOUDEST = 1e6
"""Times full scale: what is louder is a driver's nonsense, and its power would be no float any more."""
_GAP_NS = 50_000_000
"""A block whose time (smoothed by ``perception.clock``) is further off than this follows a gap."""


class _Params(msgspec.Struct):
    """What the bundle says beside ``MelSettings``."""

    window_frames: Count
    """Frames that the encoder hears at once."""
    hop_frames: Count
    """Frames from one window to the next."""
    labels: tuple[str, ...]
    """The encoder's classes; ``OTHER`` is one."""

    def __post_init__(self) -> None:
        if self.hop_frames > self.window_frames:
            raise ValueError("needs hop_frames <= window_frames")
        if OTHER not in self.labels:
            raise ValueError(f"needs a label {OTHER!r}")


class AudioFrontEnd:
    """Turns one microphone's samples into readings and embeddings.

    Args:
        bundle: with the graph ``audio.encoder`` (``log_mel`` in; ``embedding`` and ``classes`` out) and a front end
            ``audio``: the fields of ``MelSettings``, ``window_frames``, ``hop_frames`` and ``labels``.
        spec: the stream; its rate must be the bundle's.

    Raises:
        BundleError: the bundle has no sound front end, or its parts do not fit together.
        ConfigError: the stream has another rate.
    """

    def __init__(self, bundle: Bundle, spec: StreamSpec) -> None:
        params = bundle.front_end("audio")
        if params is None:
            raise BundleError(f"{bundle.source}: it has no front end for sound; use another bundle or no microphone")
        where = f"{bundle.source}: front end audio"
        self._settings = MelSettings.of(params, where=where)
        given = decoded(params, _Params, where=where)
        _check_rate(spec.name, spec.rate_hz, self._settings.rate_hz)
        self._name = spec.name
        self._window, self._hop, self.labels = given.window_frames, given.hop_frames, given.labels
        self._graph = load_graph(bundle, GRAPH)
        if self._graph.outputs.get("classes", (0,))[-1] != len(self.labels):
            raise BundleError(f"{bundle.source}: graph {GRAPH} does not give one output per label")
        self._dimension = self._graph.outputs["embedding"][-1]
        self._mel = LogMel(self._settings)
        hop_s = self._hop * self._settings.step / self._settings.rate_hz
        self._meter = LevelMeter(hop_s=hop_s, window_hops=-(-self._window // self._hop))
        self._report_every = max(1, round(1.0 / hop_s))
        self._hops = 0
        self._sound: Array = np.zeros(0, np.float32)
        self._frames: Array = np.zeros((0, self._settings.mels), np.float32)
        self._sound_ns: int | None = None  # time of the first sample in _sound
        self._heard = False  # whether there was a window since the sound began

    @property
    def latency_s(self) -> float:
        """An Embedding of one hop needs the hop and the rest of its last spectrum's frame."""
        return self._settings.samples(self._hop) / self._settings.rate_hz

    def push(self, sample: Sample) -> list[Observation | Embedding]:
        """Take the next block.

        Values that are not finite, or a million times full scale, count as zero.

        Args:
            sample: (n,) float32, full scale = 1.

        Returns:
            What became known; often nothing. A reading lies half a window before the newest sound.

        Raises:
            ConfigError: the block has another rate than the bundle.
        """
        _check_rate(self._name, sample.rate_hz, self._settings.rate_hz)
        block = np.asarray(sample.data, np.float32).reshape(-1)
        if not len(block):
            return []
        self._follow(sample.t_ns)
        block = np.where(np.abs(block) < _LOUDEST, block, np.float32(0.0))
        self._sound = np.concatenate((self._sound, block))
        out: list[Observation | Embedding] = []
        while len(self._sound) >= self._settings.samples(self._hop):
            out += self._step(complete=False)
        return out

    def flush(self) -> list[Observation | Embedding]:
        """The stream ended. A recording too short for one window is heard once, padded with silence."""
        out: list[Observation | Embedding] = []
        if not self._heard and (len(self._sound) or len(self._frames)):
            while not self._heard:
                missing = self._settings.samples(self._hop) - len(self._sound)
                self._sound = np.concatenate((self._sound, np.zeros(max(0, missing), np.float32)))
                out += self._step(complete=True)
        self._start_over()
        return out

    def _start_over(self) -> None:
        """Forget all sound; the next block sets the clock."""
        self._sound = self._sound[:0]
        self._frames = self._frames[:0]
        self._sound_ns = None
        self._heard = False
        self._meter.reset()

    def _follow(self, t_ns: int) -> None:
        """Compare a block's time stamp with the samples counted so far; start over after a gap or a step back."""
        if self._sound_ns is not None:
            off = t_ns - self._sound_ns - self._ns(len(self._sound))
            if abs(off) <= _GAP_NS:
                self._sound_ns += off
                return
            self._start_over()
        self._sound_ns = t_ns

    def _ns(self, samples: int) -> int:
        return samples * NS_PER_S // self._settings.rate_hz

    def _step(self, *, complete: bool) -> list[Observation | Embedding]:
        """Consume one hop of sound; ``complete`` fills a window that is not full yet with silence."""
        settings = self._settings
        hop_samples = self._hop * settings.step
        assert self._sound_ns is not None  # noqa: S101 - push sets it with the first block
        new = self._mel(self._sound[: settings.samples(self._hop)])
        self._frames = np.concatenate((self._frames, new))[-self._window :]
        level = self._meter.push(self._sound[:hop_samples])
        hop_ns = self._sound_ns
        self._sound = self._sound[hop_samples:]
        self._sound_ns += self._ns(hop_samples)
        self._hops += 1
        missing = self._window - len(self._frames)
        if missing and not complete:
            return []
        if missing:
            silence = np.full((missing, settings.mels), self._frames.min(), np.float32)
            self._frames = np.concatenate((self._frames, silence))
        self._heard = True
        end_ns = hop_ns + self._ns(settings.samples(self._hop)) + self._ns(missing * settings.step)
        centre_ns = end_ns - self._ns(settings.samples(self._window)) // 2
        return self._hear(level, centre_ns=centre_ns, hop_ns=hop_ns)

    def _hear(self, level: Level, *, centre_ns: int, hop_ns: int) -> list[Observation | Embedding]:
        if level.audible:
            result = self._graph(log_mel=encoder_input(self._frames)[..., None])
            classes, vector = result["classes"], result["embedding"]
        else:
            classes = np.asarray([name == OTHER for name in self.labels], np.float32)
            vector = np.zeros(self._dimension, np.float32)
        out: list[Observation | Embedding] = [
            self._observation(centre_ns, f"audio.{name}", float(value), "probability", level)
            for name, value in zip(self.labels, classes, strict=True)
        ]
        if self._hops % self._report_every == 0:
            out.append(self._observation(centre_ns, "sensor.quality", level.quality, "1", level))
        # The embedding stands for the newest hop, not for the centre, so that it never comes late for its window.
        span_ns = self._ns(self._hop * self._settings.step)
        out.append(Embedding(hop_ns, span_ns, self._name, vector, level.quality))
        return out

    def _observation(self, t_ns: int, name: str, value: float, unit: str, level: Level) -> Observation:
        return Observation(t_ns, name, value, unit, level.quality, "audio", self._name, level.label)


def _check_rate(name: str, rate_hz: float, wanted: int) -> None:
    if abs(rate_hz - wanted) > 0.01 * wanted:
        raise ConfigError(f"stream {name}: sound at {rate_hz:g} Hz, this bundle hears {wanted} Hz; resample it first")
