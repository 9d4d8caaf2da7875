"""Training windows: clips cut at their loud parts, changed, and mixed with backgrounds.

In: ``Clip``s and a random generator. Out: (windows, frames, mels) float32 spectra in dB and their labels, computed by
the device's own ``LogMel``. Not here: normalisation (``audio_mel.encoder_input``, applied when training, so that masks
and mixes happen on dB), the net.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters.audio import synthetic
from converters.audio.clips import BACKGROUNDS, LABELS, RATE_HZ, Clip
from edge_mm.perception import audio_mel
from edge_mm.perception.audio_mel import LogMel, MelSettings

Array = npt.NDArray[np.float32]

FRAMES = 96
SETTINGS = MelSettings()
SAMPLES = SETTINGS.samples(FRAMES)
HOP_FRAMES = 25

ACTIVE_DB = 12.0
"""A window counts as its clip's class when it is at most this much quieter than the clip's loudest window."""
IDLE_DB = 30.0
"""A window this much quieter than the loudest one holds background only; in between nobody can say."""

CUT = 1.35
"""Windows of sound that are cut from a clip, so that a faster copy still fills one."""

SYNTHETIC: Mapping[str, tuple[synthetic.Maker, int, str]] = {
    "siren": (synthetic.siren, 4200, "siren"),
    "snore": (synthetic.snore, 1800, "other"),
    "tones": (synthetic.tones, 1800, "other"),
    "engine": (synthetic.engine, 900, "other"),
    "noise": (synthetic.noise, 500, "other"),
    "knocks": (synthetic.knocks, 700, "other"),
}
"""Kind -> how it is made, how many windows, its label."""
PER_KIND: Mapping[str, int] = {
    "cough": 3000, "sneeze": 3000, "baby_cry": 3400, "dog": 3400, "speech": 3800, "rooster": 1000, "clock": 600,
    "rain": 500, "sea": 500, "helicopter": 500, "chainsaw": 600, "fire": 500,
}  # fmt: skip


def loudness_db(sound: Array) -> npt.NDArray[np.float64]:
    """RMS in dB of every window of 0.1 s, every 0.1 s."""
    step = RATE_HZ // 10
    parts = sound[: len(sound) // step * step].reshape(-1, step)
    return np.asarray(10 * np.log10(np.mean(parts.astype(np.float64) ** 2, axis=1) + 1e-10))


def active_share(sound: Array, start: int, loudest_db: float) -> float:
    """Loudest tenth of a second of the window at ``start``, dB relative to the clip's loudest one."""
    return float(loudness_db(sound[start : start + SAMPLES]).max() - loudest_db)


def training_windows(clips: Sequence[Clip], *, seed: int, scale: float = 1.0) -> tuple[Array, npt.NDArray[np.int64]]:
    """Build the training set.

    Args:
        clips: the training side of the split.
        seed: of everything random.
        scale: multiplies the number of windows, for quick trials.

    Returns:
        (windows, FRAMES, mels) float32 dB, and (windows,) index into ``LABELS``.
    """
    rng = np.random.default_rng(seed)
    mel = LogMel(SETTINGS)
    by_kind: dict[str, list[Clip]] = {}
    for clip in clips:
        by_kind.setdefault(clip.kind, []).append(clip)
    backgrounds = [clip for kind in BACKGROUNDS for clip in by_kind.get(kind, [])]
    spectra: list[Array] = []
    labels: list[int] = []
    for kind, count in PER_KIND.items():
        for _ in range(int(count * scale)):
            speech = kind == "speech"
            sound = _speech(rng, by_kind[kind]) if speech else _cut(rng, by_kind[kind])
            quiet = 12.0 if kind in BACKGROUNDS else 0.0
            spectra.append(
                mel(_scene(rng, _vary(rng, sound, most=0.25 if speech else 0.15), backgrounds, least_snr_db=quiet))
            )
            labels.append(LABELS.index(kind) if kind in LABELS else LABELS.index("other"))
    for maker, count, label in SYNTHETIC.values():
        for _ in range(int(count * scale)):
            sound = maker(rng, 2 * SAMPLES)[SAMPLES // 2 :][:SAMPLES]
            spectra.append(mel(_scene(rng, _colour(rng, sound), backgrounds)))
            labels.append(LABELS.index(label))
    return np.stack(spectra), np.asarray(labels)


def kept_windows(
    clips: Sequence[Clip], work: Path | None, *, seed: int, scale: float = 1.0
) -> tuple[Array, npt.NDArray[np.int64]]:
    """``training_windows``, rounded to float16, or what it gave last time from the same sounds and code.

    Args:
        clips: the training side of the split.
        work: folder that keeps the windows; None keeps nothing and changes nothing in them.
        seed: of everything random.
        scale: multiplies the number of windows.
    """
    if work is None:
        return _rounded(*training_windows(clips, seed=seed, scale=scale))
    here = Path(__file__).parent
    code = [here / f"{name}.py" for name in ("clips", "synthetic", "windows")] + [Path(audio_mel.__file__)]
    hasher = hashlib.sha256(repr((seed, scale)).encode())
    for source in code:
        hasher.update(source.read_bytes())
    for clip in clips:
        hasher.update(repr((clip.kind, clip.group, clip.sound.shape)).encode())
        hasher.update(clip.sound.tobytes())
    path = work / f"audio-windows-{hasher.hexdigest()[:16]}.npz"
    if not path.is_file():
        spectra, labels = training_windows(clips, seed=seed, scale=scale)
        work.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half.npz")
        np.savez(half, spectra=spectra.astype(np.float16), labels=labels)
        half.replace(path)
    with np.load(path, allow_pickle=False) as kept:
        return _rounded(kept["spectra"], kept["labels"])


def _rounded(spectra: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> tuple[Array, npt.NDArray[np.int64]]:
    return spectra.astype(np.float16).astype(np.float32), labels


def test_windows(clip: Clip) -> tuple[Array, npt.NDArray[np.bool_]]:
    """All windows of a clip as the device hears them, and whether each lies at a loud part (dB spectra, bool)."""
    sound = clip.sound
    if len(sound) < SAMPLES:  # a short clip sits in the middle of near-silence
        pad = SAMPLES - len(sound)
        hush = np.random.default_rng(0).standard_normal(SAMPLES).astype(np.float32) * np.float32(1e-4)
        sound = np.pad(sound, (pad // 2, pad - pad // 2)) + hush
    mel = LogMel(SETTINGS)
    loudest = float(loudness_db(sound).max())
    starts = range(0, len(sound) - SAMPLES + 1, HOP_FRAMES * SETTINGS.step)
    spectra = np.stack([mel(sound[s : s + SAMPLES]) for s in starts])
    return spectra, np.asarray([active_share(sound, s, loudest) > -ACTIVE_DB for s in starts])


def _cut(rng: np.random.Generator, clips: Sequence[Clip]) -> Array:
    """A stretch of ``CUT`` windows around a loud part of one clip; sources count alike, not files."""
    groups = sorted({clip.group for clip in clips})
    group = groups[int(rng.integers(len(groups)))]
    own = [clip for clip in clips if clip.group == group]
    sound = own[int(rng.integers(len(own)))].sound
    length = int(CUT * SAMPLES)
    loud = loudness_db(sound)
    spots = np.flatnonzero(loud > loud.max() - ACTIVE_DB)
    spot = int((float(rng.choice(spots)) + rng.random()) * RATE_HZ / 10)
    start = spot - int(rng.uniform(0.2, 0.8) * length)
    padded = np.pad(sound, (max(0, -start), max(0, start + length - len(sound))))
    return padded[max(0, start) :][:length]


def _speech(rng: np.random.Generator, clips: Sequence[Clip]) -> Array:
    """Running speech: a stretch of GRID, or words of one speaker joined with short pauses."""
    grid = [clip for clip in clips if clip.group.startswith("grid")]
    if grid and rng.random() < 0.4:
        return _cut(rng, grid)
    first = clips[int(rng.integers(len(clips)))]
    own = [clip for clip in clips if clip.group == first.group]
    length = int(CUT * SAMPLES)
    parts: list[Array] = []
    while sum(map(len, parts)) < length + SAMPLES // 2:
        word = own[int(rng.integers(len(own)))].sound
        loud = np.flatnonzero(loudness_db(word) > loudness_db(word).max() - 20.0)
        step = RATE_HZ // 10
        parts += [word[loud[0] * step : (loud[-1] + 1) * step]]
        parts += [np.zeros(int(rng.exponential(0.06) * RATE_HZ), np.float32)]
    start = int(rng.integers(0, SAMPLES // 2))
    return np.concatenate(parts)[start : start + length]


def _vary(rng: np.random.Generator, sound: Array, *, most: float) -> Array:
    """Another voice, room and microphone: speed and pitch changed by up to ``most``, echo, tone."""
    at = np.arange(SAMPLES) * rng.uniform(1 - most, 1 + most) + rng.uniform(0, 0.05 * SAMPLES)
    sound = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
    if rng.random() < 0.35:
        sound = synthetic.echo(rng, sound)
    return _colour(rng, sound)


def _colour(rng: np.random.Generator, sound: Array) -> Array:
    """A microphone's and a codec's frequency response: tilt, waves, band limits."""
    f = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
    octave = np.log2(np.maximum(f, 50.0) / 1000.0)
    db = rng.uniform(-4, 4) * octave + rng.uniform(0, 4) * np.sin(octave * rng.uniform(1, 4) + rng.uniform(0, 6.28))
    if rng.random() < 0.4:
        db = db - np.maximum(0.0, f - rng.uniform(2800, 7000)) / 20.0
    if rng.random() < 0.3:
        db = db - np.maximum(0.0, rng.uniform(80, 350) - f) / 10.0
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (db / 20), len(sound)).astype(np.float32)


def _scene(rng: np.random.Generator, sound: Array, backgrounds: Sequence[Clip], *, least_snr_db: float = 0.0) -> Array:
    """The sound over a background at a random signal-to-noise ratio and level; now and then clipped."""
    choice = rng.random()
    if choice < 0.45 and backgrounds:
        clip = backgrounds[int(rng.integers(len(backgrounds)))].sound
        start = int(rng.integers(0, len(clip) - SAMPLES))
        behind = clip[start : start + SAMPLES]
    else:
        behind = synthetic.engine(rng, SAMPLES) if choice < 0.7 else synthetic.noise(rng, SAMPLES)
    snr_db = least_snr_db + (rng.uniform(0, 25) if rng.random() < 0.6 else rng.uniform(25, 60))
    ratio = np.sqrt((np.mean(sound**2) + 1e-12) / (np.mean(behind**2) + 1e-12)) * 10 ** (-snr_db / 20)
    scene = sound + np.float32(ratio) * behind
    scene = scene * np.float32(10 ** (rng.uniform(-35, 0) / 20) / (np.abs(scene).max() + 1e-9))
    if rng.random() < 0.05:
        scene = np.clip(scene * np.float32(rng.uniform(1, 10)), -0.5, 0.5)
    return scene.astype(np.float32)
