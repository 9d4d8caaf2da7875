"""How an alarm of each priority sounds and flashes, as numbers.

In: a priority. Out: moments of pulses, pauses, rates. Inspired by a public analysis of IEC 60601-1-8 (high: 10 pulses,
every 2.5 to 15 s, red at 1.4 to 2.8 Hz; medium: 3, every 2.5 to 30 s, yellow at 0.4 to 0.8 Hz; low: 1 or 2, more than
15 s apart, constant), never compliant with it; what that leaves open is chosen here. Not here: sound (``tones``), LEDs
(``lamp``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_mm.kinds import Priority


@dataclass(frozen=True, slots=True)
class Pattern:
    """Of one priority."""

    onsets_s: tuple[float, ...]
    """Where each pulse of a burst begins."""
    pulse_s: float
    """How long it is."""
    pause_s: float
    """From the end of one burst to the next."""
    level: float
    """Loudness, of the configured volume."""
    flash_hz: float
    """0: constant light."""
    duty: float
    """Share of the time that it is lit."""

    @property
    def burst_s(self) -> float:
        """Length of a burst."""
        return self.onsets_s[-1] + self.pulse_s


_FIVE = (0.0, 0.25, 0.5, 0.9, 1.15)
PATTERNS: Mapping[Priority, Pattern] = MappingProxyType(
    {
        "high": Pattern((*_FIVE, *(1.9 + onset_s for onset_s in _FIVE)), 0.15, 3.0, 1.0, 2.0, 0.5),
        "medium": Pattern((0.0, 0.4, 0.8), 0.2, 10.0, 0.7, 0.6, 0.5),
        "low": Pattern((0.0, 0.5), 0.2, 20.0, 0.5, 0.0, 1.0),
    }
)
