"""Sounds made by formula: sirens, and things that must not be taken for sirens.

In: a random generator. Out: (n,) float32 at 16 kHz, peak near 1. No real siren may be trained on (none has a known
licence here), so their published patterns are synthesised; the scores are on real ones. Not here: mixing with
backgrounds.

Patterns: wail sweeps 500-1800 Hz at 0.1-0.5 Hz, yelp the same at 2.5-5 Hz, "phaser" faster still (SAE J1849, California
Title 13 Art. 8); hi-lo alternates two tones (DIN 14610: 440/585 Hz; France NF 435/488 Hz, Italy, UK pairs) every
0.4-1 s; a motor siren rises and falls over seconds with strong overtones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Maker = Callable[[np.random.Generator, int], Array]
RATE_HZ = 16000

HI_LO = ((440, 585), (466, 622), (435, 488), (435, 732), (392, 660), (450, 600), (362, 483), (500, 650), (666, 1000))
"""Pairs of tones in use on European vehicles, Hz."""


def siren(rng: np.random.Generator, n: int) -> Array:
    """One siren of a random pattern, sometimes two at once, with motion and echo."""
    sound = _pass_by(rng, _voice(rng, _siren_hz(rng, n)))
    if rng.random() < 0.1:
        sound = sound + rng.uniform(0.3, 1.0) * _voice(rng, _siren_hz(rng, n))
    return _unit(echo(rng, sound) if rng.random() < 0.6 else sound)


def snore(rng: np.random.Generator, n: int) -> Array:
    """A snore: a train of pulses at 25-120 Hz with jitter through a few resonances, in breaths; some whistle."""
    t = np.arange(n) / RATE_HZ
    hz = rng.uniform(25, 120) * (1 + 0.15 * _slow(rng, n, 4.0))
    phase = np.cumsum(hz) / RATE_HZ
    pulses = np.where(np.diff(np.floor(phase), prepend=0.0) > 0, 1.0, 0.0) * (1 + 0.5 * rng.standard_normal(n))
    breath = rng.standard_normal(n) * rng.uniform(0.01, 0.15)
    sound = np.zeros(n)
    for _ in range(int(rng.integers(2, 5))):
        sound += rng.uniform(0.2, 1.0) * _resonance(pulses + breath, rng.uniform(120, 2200), rng.uniform(60, 500))
    if rng.random() < 0.4:  # a nose that whistles: a narrow band that glides a little
        centre = rng.uniform(400, 2000) * (1 + 0.1 * _slow(rng, n, 1.5))
        noise = 1 + 0.6 * _slow(rng, n, 60.0)
        whistle = np.sin(2 * np.pi * np.cumsum(centre) / RATE_HZ) * noise
        sound = _unit(sound) + rng.uniform(0.1, 1.0) * whistle
    period, duty = rng.uniform(1.2, 4.0), rng.uniform(0.3, 0.8)
    where = ((t / period + rng.random()) % 1.0) / duty
    return _unit(sound * np.where(where < 1, np.sin(np.pi * np.clip(where, 0, 1)) ** 0.5, 0.03))


def tones(rng: np.random.Generator, n: int) -> Array:
    """Music-like notes, beeps of appliances, a reversing lorry, a dial tone: steady tones that are no siren."""
    t = np.arange(n) / RATE_HZ
    choice = rng.integers(4)
    if choice == 0:  # beeps: one tone, on and off
        rate, duty = rng.uniform(0.8, 6.0), rng.uniform(0.2, 0.7)
        on = ((t * rate + rng.random()) % 1.0 < duty).astype(float)
        return _unit(_voice(rng, np.full(n, rng.uniform(400, 3500))) * _smooth(on, 80))
    if choice == 1:  # held chord or dial tone
        root = rng.uniform(80, 700)
        parts = [_voice(rng, np.full(n, root * r)) for r in rng.choice([1, 1.25, 1.5, 1.2, 2, 1.33], 2)]
        return _unit(np.sum(parts, axis=0) * (1 + 0.3 * _slow(rng, n, 3.0)))
    sound = np.zeros(n)
    scale = 440.0 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    start = 0
    while start < n:  # plucked or blown notes, each with its own decay
        length = int(rng.uniform(0.12, 0.7) * RATE_HZ)
        for _ in range(1 if choice == 2 else 2):
            hz = rng.choice(scale) * 2.0 ** rng.integers(-2, 2) * 2 ** rng.uniform(-0.5, 0.5)
            end = min(n, start + 2 * length)
            note = _voice(rng, np.full(end - start, hz)) * np.exp(-t[: end - start] * rng.uniform(1, 9))
            sound[start:end] += _attack(note)
        start += length
    return _unit(echo(rng, sound) if rng.random() < 0.4 else sound)


def engine(rng: np.random.Generator, n: int) -> Array:
    """A cabin on the road: firing order at 20-90 Hz and its overtones, tyre and wind noise."""
    hz = rng.uniform(20, 90) * (1 + 0.1 * _slow(rng, n, 0.5))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    sound = sum(np.sin(k * phase + rng.uniform(0, 6.28)) / k ** rng.uniform(0.5, 1.5) for k in range(1, 10))
    return _unit(_unit(np.asarray(sound)) + rng.uniform(0.2, 2.0) * noise(rng, n))


def noise(rng: np.random.Generator, n: int) -> Array:
    """Noise whose power falls with f to the power of 0 to 2.2 (white to brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.maximum(np.fft.rfftfreq(n, 1.0 / RATE_HZ), 20.0)
    return _unit(np.fft.irfft(spectrum * f ** (-rng.uniform(0.0, 1.1)), n))


def knocks(rng: np.random.Generator, n: int) -> Array:
    """Single knocks, clicks and bumps: bursts of filtered noise, not coughs."""
    sound = np.zeros(n)
    for _ in range(int(rng.integers(1, 5))):
        start = int(rng.integers(0, max(1, n - 800)))
        t = np.arange(n - start) / RATE_HZ
        burst = rng.standard_normal(n - start) * np.exp(-t * rng.uniform(25, 200))
        sound[start:] += rng.uniform(0.3, 1) * _resonance(burst, rng.uniform(80, 4000), rng.uniform(50, 3000))
    return _unit(echo(rng, sound) if rng.random() < 0.5 else sound)


def echo(rng: np.random.Generator, sound: npt.NDArray[np.floating]) -> Array:
    """The sound in a room or a street: an exponentially decaying noise tail after the direct path."""
    length = int(rng.uniform(0.05, 0.5) * RATE_HZ)
    tail = rng.standard_normal(length) * np.exp(-np.arange(length) / length * 6.9)  # -60 dB at its end
    tail *= rng.uniform(0.1, 1.2) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    size = 1 << int(np.ceil(np.log2(len(sound) + length)))
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return wet[: len(sound)].astype(np.float32)


def _siren_hz(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Fundamental over time, Hz."""
    t = np.arange(n) / RATE_HZ + rng.uniform(0, 10)
    low, high = rng.uniform(480, 850), rng.uniform(1050, 1850)
    pattern = rng.choice(["wail", "yelp", "hilo", "phaser", "motor"], p=[0.32, 0.26, 0.24, 0.08, 0.10])
    if pattern == "hilo":
        pair = np.array(HI_LO[rng.integers(len(HI_LO))]) * rng.uniform(0.93, 1.07)
        cycle = rng.uniform(0.8, 2.0)
        return np.asarray(_smooth(pair[((t % cycle) > cycle / 2).astype(int)], int(rng.integers(20, 400))))
    rate = {"wail": rng.uniform(0.1, 0.5), "yelp": rng.uniform(2.0, 5.5), "phaser": rng.uniform(8, 16)}
    x = (t * rate.get(pattern, rng.uniform(0.08, 0.25))) % 1.0
    rise = rng.uniform(0.15, 0.9)  # share of the cycle that rises
    ramp = np.where(x < rise, x / rise, (1 - x) / (1 - rise))
    if pattern == "motor":
        low, high = rng.uniform(150, 350), rng.uniform(600, 1200)
        ramp = 1 - np.exp(-3 * ramp)
    elif rng.random() < 0.5:
        ramp = 0.5 - 0.5 * np.cos(np.pi * ramp)
    return np.asarray(low * (high / low) ** ramp)


def _voice(rng: np.random.Generator, hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A tone with overtones, from nearly a sine to nearly a square, whose phase follows ``hz``."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    slope, odd = rng.uniform(0.6, 3.0), rng.random() < 0.4
    sound = np.zeros(len(hz))
    for k in range(1, 12, 2 if odd else 1):
        below_nyquist = np.clip((7800 - k * hz) / 400, 0, 1)
        sound += below_nyquist * rng.uniform(0.3, 1.0) / k**slope * np.sin(k * phase + rng.uniform(0, 6.28))
    return np.tanh(sound * rng.uniform(0.5, 3)) if rng.random() < 0.5 else sound


def _pass_by(rng: np.random.Generator, sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Doppler shift of a vehicle that comes or goes at up to 25 m/s, and its loudness."""
    n = len(sound)
    factor = 1 + rng.uniform(-0.07, 0.07) * np.tanh(np.linspace(-1, 1, n) * rng.uniform(0, 3) + rng.uniform(-1, 1))
    at = np.clip(np.cumsum(factor) - 1, 0, n - 1)
    gain = np.linspace(rng.uniform(0.4, 1), rng.uniform(0.4, 1), n) * (1 + 0.15 * _slow(rng, n, 6.0))
    return np.asarray(np.interp(at, np.arange(n), sound) * gain)


def _resonance(sound: npt.NDArray[np.float64], hz: float, width_hz: float) -> npt.NDArray[np.float64]:
    f = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) / (1 + ((f - hz) / width_hz) ** 2), len(sound)))


def _slow(rng: np.random.Generator, n: int, hz: float) -> npt.NDArray[np.float64]:
    """Random within about +-1 that changes ``hz`` times per second."""
    knots = max(3, int(n / RATE_HZ * hz) + 3)
    return np.asarray(np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.uniform(-1, 1, knots)))


def _smooth(x: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    sums = np.cumsum(np.concatenate((np.full(width, x[0]), x)))
    return np.asarray((sums[width:] - sums[:-width]) / width)


def _attack(note: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rise = min(len(note), 160)
    note[:rise] *= np.linspace(0, 1, rise)
    return note


def _unit(sound: npt.NDArray[np.floating]) -> Array:
    return (sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)
