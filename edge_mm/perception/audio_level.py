"""Whether sound can be trusted: its level, clipping, and a microphone that is dead.

In: blocks of sound, one per hop. Out: a quality 0..1 and, where it is low, the reason. Not here: spectra, classes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

QUIET_DBFS = -70.0
"""Below this a window holds nothing but the noise of the input: 16-bit converters of cheap USB microphones sit at -75
to -65 dBFS with nothing said, a quiet room at -60."""
FULL_SCALE = 0.999
"""A sample at or above this counts as clipped; 32767 / 32768 is 0.99997."""
CLIPPED_SHARE = 0.01
"""More samples than this share at full scale: the microphone's gain is too high."""
DEAD_S = 2.0
"""Exact zeros for longer than this never come from a working converter."""

QUIET_QUALITY = 0.1
CLIPPED_QUALITY = 0.5


@dataclass(frozen=True, slots=True)
class Level:
    """What the levels of one window say."""

    dbfs: float
    """RMS level, dB relative to full scale (a square wave at full scale is 0); -inf for zeros."""
    quality: float
    """0: nothing to hear with; 0.1: too quiet to tell; 0.5: clipped; 1: good."""
    label: str
    """``silent`` (dead microphone), ``clipped``, or empty."""

    @property
    def audible(self) -> bool:
        """Whether there is sound worth classifying."""
        return self.quality > QUIET_QUALITY


class LevelMeter:
    """Follows the level over the last window.

    Args:
        hop_s: seconds of sound in each block that is pushed.
        window_hops: how many of them make a window.
    """

    def __init__(self, *, hop_s: float, window_hops: int) -> None:
        self._hop_s = hop_s
        self._recent: deque[tuple[float, float]] = deque(maxlen=window_hops)
        self._zeros_s = 0.0

    def reset(self) -> None:
        """Forget what was heard."""
        self._recent.clear()
        self._zeros_s = 0.0

    def push(self, block: npt.NDArray[np.float32]) -> Level:
        """Take one hop of finite sound, (n,) float32, and give the level of the window that ends with it."""
        size = np.abs(block)
        power = float(np.dot(block, block)) / len(block)
        self._recent.append((power, float(np.count_nonzero(size >= FULL_SCALE)) / len(block)))
        self._zeros_s = 0.0 if size.any() else self._zeros_s + self._hop_s
        powers, clipped = zip(*self._recent, strict=True)
        mean = sum(powers) / len(powers)
        dbfs = 10.0 * float(np.log10(mean)) if mean > 0.0 else float("-inf")
        label = ""
        if mean == 0.0:
            quality = 0.0
        elif dbfs < QUIET_DBFS:
            quality = QUIET_QUALITY
        elif sum(clipped) / len(clipped) > CLIPPED_SHARE:
            quality, label = CLIPPED_QUALITY, "clipped"
        else:
            quality = 1.0
        if self._zeros_s > DEAD_S:
            quality, label = 0.0, "silent"
        return Level(dbfs, quality, label)
