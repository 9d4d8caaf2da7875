"""A burst of alarm pulses as sound.

In: a priority and a sample rate. Out: (n,) int16. A fundamental with harmonics is heard where a pure tone is not, and
can be located. Not here: the pattern's numbers (``patterns``), playing it (``speaker_child``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_mm.kinds import Priority
from edge_mm.nearby.patterns import PATTERNS

PITCH_HZ: dict[Priority, float] = {"high": 660.0, "medium": 520.0, "low": 440.0}
HARMONICS = (1.0, 0.7, 0.5, 0.4, 0.3)
"""Of the fundamental, twice it, three times ...: within 15 dB of each other."""
_EDGE_S = 0.015
"""A pulse rises and falls, or it would click."""


def burst(priority: Priority, *, rate_hz: int, volume: float) -> npt.NDArray[np.int16]:
    """One burst.

    Args:
        priority: of the alarm.
        rate_hz: samples per second.
        volume: of full scale, 0 to 1.
    """
    pattern = PATTERNS[priority]
    t_s = np.arange(round(pattern.pulse_s * rate_hz)) / rate_hz
    tone = sum(
        share * np.sin(2 * np.pi * PITCH_HZ[priority] * (i + 1) * t_s)
        for i, share in enumerate(HARMONICS)
        if PITCH_HZ[priority] * (i + 1) < rate_hz / 2
    )
    edges = np.minimum(1.0, np.minimum(t_s, t_s[::-1]) / _EDGE_S)
    pulse = np.asarray(tone) / np.max(np.abs(tone)) * edges * volume * pattern.level
    sound = np.zeros(round(pattern.burst_s * rate_hz) + 1)
    for onset_s in pattern.onsets_s:
        begin = round(onset_s * rate_hz)
        sound[begin : begin + len(pulse)] += pulse[: len(sound) - begin]
    return (sound * np.iinfo(np.int16).max).astype(np.int16)
