"""Whether an ECG without beats has contact: a heart that stands still, or an electrode that is off.

In: chunks, beats and what the signal was like while it was good. Out: whether the last second has no beats although the
electrodes are on. It is a judgement from one lead, on the safe side of neither: what it takes as contact is a signal
that

- was a good ECG before (``LEAST_BEATS`` beats since it began, quality of 0.5 or more within the last ``REMEMBERED_S``),
- has no beat for ``STILL_S`` and stays within ``MOST_HEIGHT`` of a beat's height in each of the last two seconds,
- is still alive: an amplifier at a body gives noise, so a second has at least ``LEAST_VALUES`` different values,
- lies where the good signal lay, give or take a beat's height (an electrode that is off drifts to the rails),
- has at most ``MOST_HISS`` times the noise of before (one that is off is an aerial for the mains).

Not covered: an input that idles within range with noise of its own (a cable pulled at an amplifier that holds its input
at mid-scale) looks like a heart that stands still; an amplifier that shows exactly one value in asystole looks like a
broken cable; fine ventricular fibrillation is neither. Where a second sensor feels the pulse, or loses it too, alerts
judge by it. Not here: alerts (``edge_mm.alerts.asystole``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NO_BEATS = "no beats"
STILL_S = 3.0
LEAST_BEATS = 10
REMEMBERED_S = 30
MOST_HEIGHT = 0.25
MOST_HISS = 3.0
LEAST_VALUES = 4


class Contact:
    """What is remembered of one ECG."""

    __slots__ = ("_beats", "_good", "_since_good", "_still", "_values")

    def __init__(self) -> None:
        self._beats = 0
        self._good: tuple[float, float, float, float] | None = None
        self._since_good = 0
        self._still = 0
        self._values: list[npt.NDArray[np.float64]] = []

    def chunk(self, present: npt.NDArray[np.float64]) -> None:
        """Take what is present of a raw chunk."""
        self._values = [*self._values, present][-4:]

    def beat(self) -> None:
        """A beat was found."""
        self._beats += 1

    def good(self, floor: float, roof: float, height: float, hiss: float) -> None:
        """The signal is good: between these values, with beats so high and noise so strong."""
        self._good = (floor, roof, height, hiss)
        self._since_good = 0

    def second(self, still_s: float, low: float, high: float, hiss: float, missing: float) -> bool:
        """Judge the last second: whether it has contact and no beats.

        Args:
            still_s: seconds without a beat.
            low: lowest value of the second.
            high: highest value of the second.
            hiss: noise of the second.
            missing: share of it that is missing.
        """
        self._since_good += 1
        if self._good is None or self._beats < LEAST_BEATS or still_s < 0.5:
            self._still = 0
            return False
        floor, roof, height, before = self._good
        calm = (
            missing < 0.05
            and high - low <= MOST_HEIGHT * height
            and floor - height <= low
            and high <= roof + height
            and hiss <= max(MOST_HISS * before, 0.02 * height)
            and len(np.unique(np.concatenate(self._values))) >= LEAST_VALUES
        )
        self._still = self._still + 1 if calm else 0
        # once it stands still it stays so while it is calm: the good signal is then long ago
        recent = self._since_good <= REMEMBERED_S + self._still
        return recent and self._still >= 2 and still_s >= STILL_S
