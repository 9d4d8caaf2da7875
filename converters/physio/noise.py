"""Spoil clean ECG the way the body and the cable do: for augmentation, in the filtered 128 Hz band.

In: stretches whose beats are about 1 high. Out: the same with gain, polarity, baseline wander, mains, muscle noise and
electrode motion. All synthetic; nothing here stands for a measured noise record.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def spoil(stretches: Array, rng: np.random.Generator, *, rate_hz: float = 128.0, gain: bool = True) -> Array:
    """(n, length) -> (n, length); ``gain`` False leaves amplitude and polarity alone."""
    n, length = stretches.shape
    t = np.arange(length) / rate_hz
    factor = np.exp(rng.normal(0.0, 0.3, (n, 1))) * rng.choice([-1.0, 1.0], (n, 1), p=[0.4, 0.6])
    out = stretches * (factor if gain else 1.0)

    def some(share: float, low: float, high: float) -> npt.NDArray[np.float64]:
        return np.where(rng.random((n, 1)) < share, np.exp(rng.uniform(np.log(low), np.log(high), (n, 1))), 0.0)

    phase = rng.uniform(0, 2 * np.pi, (n, 2))
    out = out + some(0.4, 0.05, 0.5) * np.sin(2 * np.pi * rng.uniform(0.3, 1.5, (n, 1)) * t + phase[:, :1])
    out = out + some(0.2, 0.01, 0.1) * np.sin(2 * np.pi * rng.uniform(44, 62, (n, 1)) * t + phase[:, 1:])
    muscle = rng.normal(0.0, 1.0, (n, length))
    swell = np.sin(2 * np.pi * rng.uniform(0.1, 0.5, (n, 1)) * t + phase[:, 1:])
    burst = np.clip(swell + rng.uniform(0, 1, (n, 1)), 0, 1)
    out = out + some(0.45, 0.02, 0.25) * muscle * burst
    steps = rng.normal(0.0, 1.0, (n, length)) * (rng.random((n, length)) < 0.02)
    motion = _leaky(steps)
    out = out + some(0.25, 0.1, 0.8) * motion
    spoiled: Array = out.astype(np.float32)
    return spoiled


def only_noise(n: int, length: int, rng: np.random.Generator) -> Array:
    """(n, length) without any beat, scaled as the device scales what it takes for signal."""
    base = rng.normal(0.0, 1.0, (n, length))
    smooth = np.apply_along_axis(lambda row: np.convolve(row, np.ones(5) / 5, "same"), 1, base)
    brown = _leaky(rng.normal(0.0, 1.0, (n, length)))
    t = np.arange(length) / 128.0
    hum = np.sin(2 * np.pi * (rng.uniform(0.7, 60, (n, 1)) * t + rng.random((n, 1))))
    kind = rng.integers(0, 4, (n, 1))
    out = np.choose(kind, [base, smooth, brown - brown.mean(axis=1, keepdims=True), hum])
    size = np.exp(rng.normal(0.1, 0.25, (n, 1)))
    scaled: Array = (out / np.ptp(out, axis=1, keepdims=True) * size).astype(np.float32)
    return scaled


def _leaky(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    decay = 0.97 ** np.arange(160)
    return np.apply_along_axis(lambda row: np.convolve(row, decay)[: row.size], 1, steps)
