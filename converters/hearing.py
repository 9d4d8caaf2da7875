"""Cabin sound -> tracks: mixtures of real recordings through the device's sound front end.

In: the clips of ``converters.audio`` with their held-out sources. Out: tracks of kind ``speech``, ``road``, ``quiet``
and ``broken`` (a microphone that hisses, hums or clips: its embeddings mean nothing). Not here: other sound events.

``speech`` strings words and sentences together with pauses; ``road`` is rain, sea, fire, engines or brown noise,
which stand for the road (there is no road noise in the shared data); ``quiet`` is faint noise. All are mixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from converters.audio.clips import BACKGROUNDS, RATE_HZ, Array, Clip, read_all
from converters.tracks import Track, track
from edge_mm.models.bundle import Bundle
from edge_mm.perception.audio import AudioFrontEnd
from edge_mm.types import NS_PER_S, Sample, StreamSpec

Maker = Callable[[Sequence[Clip], np.random.Generator], Array]
Spoil = Callable[[Array], Array]
LENGTH_S = 30
COUNTS = {"speech": 50, "road": 50, "quiet": 15, "broken": 20}
"""Tracks of each kind, for training; a third as many are held out."""


def audio_tracks(bundle: Bundle, data: Path, *, seed: int, spoil: Spoil | None = None) -> list[Track]:
    """Every track of sound, both sides of the split.

    Args:
        bundle: with the audio part.
        data: the shared data.
        seed: of the mixtures.
        spoil: what happens to each sound before the microphone hears it; the held-out side alone is then made.
    """
    return made(bundle, data, COUNTS, _MAKERS, seed=seed, spoil=spoil)


def made(
    bundle: Bundle, data: Path, counts: Mapping[str, int], makers: Mapping[str, Maker], *, seed: int,
    spoil: Spoil | None = None,
) -> list[Track]:  # fmt: skip
    """Tracks of made sounds, both sides of the split: so many of each kind, a third as many held out."""
    from tqdm import tqdm

    clips = read_all(data)
    tracks: list[Track] = []
    for held_out in (False, True) if spoil is None else (True,):
        side = [clip for clip in clips if clip.held_out == held_out]
        rng = np.random.default_rng([seed, held_out])
        for kind, count in counts.items():
            for k in tqdm(range(count // 3 if held_out else count), desc=f"audio tracks: {kind}"):
                sound = makers[kind](side, rng)
                if spoil is not None:
                    sound = spoil(sound)
                group = f"{kind} {'held out' if held_out else 'training'} {k}"
                one = hear(bundle, sound, kind=kind, group=group, held_out=held_out)
                if one is not None:
                    tracks.append(one)
    return tracks


def mixture(kind: str, clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """``LENGTH_S`` seconds of one kind.

    Args:
        kind: key of ``COUNTS``.
        clips: of one side of the split.
        rng: of what is drawn.

    Returns:
        (n,) float32 at 16 kHz.
    """
    return _MAKERS[kind](clips, rng)


def hear(bundle: Bundle, sound: Array, *, kind: str, group: str, held_out: bool) -> Track | None:
    """A sound through the device's front end, as a track; None where nothing of it would enter the fusion."""
    front_end = AudioFrontEnd(bundle, StreamSpec("mic", "audio", RATE_HZ, "full scale"))
    block = RATE_HZ // 2
    readings = [
        reading
        for start in range(0, len(sound), block)
        for reading in front_end.push(Sample("mic", start * NS_PER_S // RATE_HZ, sound[start : start + block], RATE_HZ))
    ]
    return track(readings, modality="audio", kind=kind, group=group, held_out=held_out)


def speech(clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """Words and sentences with pauses, half of the time over a road."""
    words = [clip for clip in clips if clip.kind == "speech"]
    sound = road(clips, rng) * np.float32(rng.uniform(0.0, 0.5)) if rng.random() < 0.5 else quiet(clips, rng)
    loud = np.float32(rng.uniform(0.06, 0.25))
    at = int(rng.uniform(0, 1) * RATE_HZ)
    while at < len(sound):
        word = loudness(words[int(rng.integers(len(words)))].sound, loud)[: len(sound) - at]
        sound[at : at + len(word)] += word
        at += len(word) + int(rng.exponential(0.4) * RATE_HZ)
    return np.asarray(np.clip(sound, -1, 1), np.float32)


def road(clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """Rain, sea, fire, engines or brown noise."""
    size = LENGTH_S * RATE_HZ
    loud = np.float32(10 ** rng.uniform(-2.2, -1.0))
    if rng.random() < 0.4:
        return loudness(_brown(size, rng), loud)
    chosen = [clip for clip in clips if clip.kind in BACKGROUNDS]
    one = chosen[int(rng.integers(len(chosen)))].sound
    looped = np.resize(one, size) + 0.3 * loudness(_brown(size, rng), np.float32(np.std(one) + 1e-4))
    return loudness(looped, loud)


def quiet(_clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """Faint noise."""
    noise = rng.standard_normal(LENGTH_S * RATE_HZ).astype(np.float32)
    return np.asarray(noise * np.float32(10 ** rng.uniform(-3.6, -2.6)), np.float32)


def broken(clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """A microphone that hisses, hums or clips."""
    size = LENGTH_S * RATE_HZ
    what = rng.integers(3)
    if what == 0:
        return np.asarray(np.clip(rng.standard_normal(size) * rng.uniform(0.3, 2.0), -1, 1), np.float32)
    if what == 1:
        t = np.arange(size) / RATE_HZ
        hum = np.sign(np.sin(2 * np.pi * rng.choice([50.0, 100.0, 120.0, 1000.0]) * t)) * rng.uniform(0.3, 1.0)
        return np.asarray(hum + 0.02 * rng.standard_normal(size), np.float32)
    return np.asarray(np.clip(speech(clips, rng) * 60, -1, 1), np.float32)


def _brown(size: int, rng: np.random.Generator) -> Array:
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    spectrum[1:] /= np.maximum(hz[1:], 30.0)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, size).astype(np.float32)


def loudness(sound: Array, rms: np.float32) -> Array:
    """The sound at another loudness."""
    return np.asarray(sound * (rms / (np.sqrt(np.mean(sound**2)) + np.float32(1e-6))), np.float32)


_MAKERS: Mapping[str, Maker] = {"speech": speech, "road": road, "quiet": quiet, "broken": broken}
"""Kind -> what makes 30 s of it."""
