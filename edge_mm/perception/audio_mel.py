"""Log-mel spectra: what the sound encoder sees, in training and on the device alike.

In: mono sound as float32, full scale = 1. Out: (frames, mels) float32 in dB, and windows normalised for the encoder.
Frames are computed in blocks of a fixed number, so that how the sound was cut into samples makes no difference, not
even in the last bit. Not here: time stamps, gaps, classes (``perception.audio``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from edge_mm.errors import BundleError
from edge_mm.perception.params import Count, Real, decoded

Array = npt.NDArray[np.float32]

FLOOR_POWER = np.float32(1e-10)
"""Added to the power in each band: -100 dB, below the noise of any microphone and of 16-bit sound."""
RANGE_DB = 60.0
"""Bands more than this below the loudest one of a window are raised to it: digital silence must not stand out."""
SCALE_DB = 20.0
"""dB that count as 1 at the encoder's input."""
INPUT_LIMIT = 3.0
"""The encoder's input lies within +-3, which fixes its int8 scale."""


class MelSettings(msgspec.Struct, frozen=True):
    """How sound becomes frames; part of the bundle, because the encoder was trained with it."""

    rate_hz: Annotated[int, Meta(ge=1000, le=192_000)] = 16000
    """Samples per second."""
    n_fft: Count = 512
    """Length of the FFT, samples; frames are zero-padded to it."""
    frame: Count = 400
    """Samples per frame (25 ms), Hann window."""
    step: Count = 160
    """Samples from one frame to the next (10 ms)."""
    mels: Annotated[int, Meta(ge=1, le=512)] = 40
    """Number of bands."""
    f_min_hz: Real = 60.0
    """Lower edge of the first band."""
    f_max_hz: Real = 7600.0
    """Upper edge of the last band."""

    def __post_init__(self) -> None:
        if not self.step <= self.frame <= self.n_fft:
            raise ValueError("needs step <= frame <= n_fft")
        if not 0 <= self.f_min_hz < self.f_max_hz <= self.rate_hz / 2:
            raise ValueError("needs 0 <= f_min_hz < f_max_hz <= rate_hz / 2")

    @classmethod
    def of(cls, params: Mapping[str, Any], *, where: str) -> MelSettings:
        """The settings in a front end's parameters; all of them must be there.

        Raises:
            BundleError: one is missing or out of range; the text begins with ``where``.
        """
        for name in cls.__struct_fields__:
            if name not in params:
                raise BundleError(f"{where}: parameter {name!r} is missing; build the bundle again")
        return decoded(params, cls, where=where)

    def samples(self, frames: int) -> int:
        """Samples that so many frames span."""
        return (frames - 1) * self.step + self.frame


def mel_of_hz(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """HTK mel scale: 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz, np.float64) / 700.0))


def filter_bank(settings: MelSettings) -> Array:
    """Triangular filters of peak 1, equally spaced in mel: (n_fft // 2 + 1, mels) float32.

    A filter narrower than one FFT bin would be empty; the triangles are therefore drawn in mel, not in bins (as HTK
    does), and with 40 bands from 60 Hz at 31 Hz per bin none is.
    """
    edges = np.linspace(mel_of_hz(settings.f_min_hz), mel_of_hz(settings.f_max_hz), settings.mels + 2)
    bins = mel_of_hz(np.fft.rfftfreq(settings.n_fft, 1.0 / settings.rate_hz))[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


class LogMel:
    """Computes frames from sound; holds the window and the filters, no sound."""

    def __init__(self, settings: MelSettings) -> None:
        self.settings = settings
        window = np.hanning(settings.frame + 1)[:-1]  # periodic
        self._window = (window * (2.0 / window.sum())).astype(np.float32)  # a full-scale sine: 0 dB
        self._bank = filter_bank(settings)

    def __call__(self, sound: Array) -> Array:
        """All frames that fit into ``sound``.

        Args:
            sound: (n,) float32, full scale = 1, finite.

        Returns:
            (frames, mels) float32, dB relative to a full-scale sine in one FFT bin, floor -100 dB.
        """
        settings = self.settings
        if len(sound) < settings.frame:
            return np.zeros((0, settings.mels), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(sound, settings.frame)[:: settings.step]
        spectrum = np.fft.rfft(frames * self._window, settings.n_fft)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return np.asarray(10.0 * np.log10(power @ self._bank + FLOOR_POWER), np.float32)


def encoder_input(frames_db: Array) -> Array:
    """Normalise windows for the encoder: the gain of the microphone drops out.

    The mean of the window is taken away, after what lies more than ``RANGE_DB`` below its loudest band was raised.

    Args:
        frames_db: (..., frames, mels) float32, dB.

    Returns:
        The same shape, float32 within +-``INPUT_LIMIT``.
    """
    loudest = frames_db.max(axis=(-2, -1), keepdims=True)
    raised = np.maximum(frames_db, loudest - np.float32(RANGE_DB))
    centred = (raised - raised.mean(axis=(-2, -1), keepdims=True)) * np.float32(1.0 / SCALE_DB)
    return np.asarray(np.clip(centred, -INPUT_LIMIT, INPUT_LIMIT), np.float32)
