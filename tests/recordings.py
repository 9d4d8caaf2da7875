"""Small recordings for tests, written with the same libraries that users write them with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from edge_mm.protocols import Source
from edge_mm.types import Sample, StreamSpec

BUNDLES = Path(__file__).resolve().parents[1] / "edge_mm" / "bundles"


def bundle_name() -> str:
    """The shipped bundle, or the one that ``EDGE_MM_TEST_BUNDLE`` names; skips where there is none."""
    named = os.environ.get("EDGE_MM_TEST_BUNDLE")
    if named:
        return named
    if not list(BUNDLES.glob("driver-*.edgemm")):
        pytest.skip("the reference bundle is not built: make bundle")
    return "driver"


ANY_SOUND = "sound_enter = 0.003\nsound_exit = 0.001\nsound_keep_s = 0.5\nsound_min_quality = 0.0\n"
"""Rules by which every sound raises alerts and silence clears them: int8 probabilities are multiples of 1/256, and
silence is read as 0 with quality 0."""


def bursts(path: Path, *, count: int, rate_hz: int = 16_000, channels: int = 1) -> Path:
    """``count`` times 1.5 s of noise and 3.5 s of digital silence."""
    random = np.random.default_rng(7)
    parts = []
    for _ in range(count):
        parts.append(random.normal(0, 0.1, (rate_hz * 3 // 2, channels)))
        parts.append(np.zeros((rate_hz * 7 // 2, channels)))
    soundfile.write(path, np.concatenate(parts).astype(np.float32), rate_hz)
    return path


def video(path: Path, *, frames: int = 30, fps: float = 15.0) -> Path:
    """A moving gradient: frames without a face."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (160, 120))
    ramp = np.tile(np.arange(160, dtype=np.uint8), (120, 1))
    for i in range(frames):
        writer.write(np.dstack([np.roll(ramp, 3 * i, axis=1)] * 3))
    writer.release()
    return path


def ecg_csv(path: Path, *, seconds: float = 20.0, bpm: float = 72.0, rate_hz: float = 250.0, kind: str = "") -> Path:
    """An ECG-like signal of Gaussian waves; ``kind`` ``nan`` or ``flat`` spoils it."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = (t * bpm / 60.0) % 1.0
    waves = ((0.3, 0.12, 0.025), (0.48, -0.1, 0.008), (0.5, 1.1, 0.01), (0.52, -0.2, 0.01), (0.75, 0.3, 0.05))
    signal = sum(height * np.exp(-(((phase - at) / width) ** 2) / 2) for at, height, width in waves)
    if kind == "flat":
        signal = np.zeros_like(t)
    if kind == "nan":
        signal[len(signal) // 3 : len(signal) // 2] = np.nan
    rows = (f"{a:.4f},{'nan' if np.isnan(b) else format(b, '.4f')}" for a, b in zip(t, signal, strict=True))
    path.write_text("time,ecg\n" + "\n".join(rows) + "\n")
    return path


def all_of(source: Source) -> tuple[StreamSpec, list[Sample]]:
    """Open a source, read it to its end, close it."""
    spec = source.open()
    samples = []
    while (sample := source.read()) is not None:
        samples.append(sample)
    source.close()
    return spec, samples


def values_of(samples: list[Sample]) -> npt.NDArray[np.generic]:
    """The elements of all blocks, one after the other."""
    return np.concatenate([sample.data for sample in samples])


def write(path: Path, text: str) -> Path:
    """A text file."""
    path.write_text(text)
    return path


def rows(rate_hz: float, seconds: float, line: str = "{t:.6f},{v:.4f}", start: float = 0.0) -> str:
    """Rows of a CSV file: a time in seconds and a sine."""
    count = round(rate_hz * seconds)
    return "\n".join(line.format(t=start + k / rate_hz, v=np.sin(k / 7)) for k in range(count)) + "\n"
