"""Whether an ECG without beats has contact: a heart that stands still, or an electrode that is off.

In: chunks, beats and what the signal was like while it was good. Out: whether the last second has no beats although the
electrodes are on. It is a judgement from one lead, on the safe side of neither: what it takes as contact is a signal
that

- was a good ECG before (``LEAST_BEATS`` beats since it began, quality of 0.5 or more within the last ``REMEMBERED_S``),
- has no beat for ``STILL_S`` and stays within ``MOST_HEIGHT`` of a beat's height in each of those seconds,
- has nothing as steep as ``MOST_STEEP`` of a beat's flank in them: where an artefact has moved the line, the detector
  misses beats that are there, and a beat however low is steeper than breath, drift and the waves of the atria,
- has not jumped by ``MOST_SHIFT`` of a beat's height within the last ``SHIFTED_S``: an electrode that comes off
  moves the line and may leave a flat one behind for seconds; a heart that stops does not,
- is still alive: an amplifier at a body gives noise, so a second has at least ``LEAST_VALUES`` different values,
- lies where the good signal lay, give or take a beat's height (an electrode that is off drifts to the rails),
- has at most ``MOST_HISS`` times the noise of before (one that is off is an aerial for the mains).

Not covered: an input that idles within range with noise of its own (a cable pulled at an amplifier that holds its input
at mid-scale) looks like a heart that stands still; an amplifier that shows exactly one value in asystole looks like a
broken cable; fine ventricular fibrillation is neither; atria that go on alone are told at first, but high waves of them
may then be taken for beats. Where a second sensor feels the pulse, or loses it too, alerts judge by it. Not here:
alerts (``edge_mm.alerts.asystole``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NO_BEATS = "no beats"
CHUNKS = 4
"""Of a second."""
STILL_S = 4.0
LEAST_BEATS = 10
REMEMBERED_S = 30
MOST_HEIGHT = 0.25
MOST_STEEP = 0.1
STEEP_S = 0.02
"""A flank is how far the signal goes within so long: a period of 50 Hz, so that the mains make none."""
REMEMBERED = 8
"""Good seconds whose flanks and middles are kept."""
NOISE = 5.0
"""Noise alone is so many times as steep as strong."""
MOST_HISS = 3.0
MOST_SHIFT = 0.5
SHIFTED_S = 15
LEAST_VALUES = 4


class Contact:
    """What is remembered of one ECG."""

    __slots__ = (
        "_beats", "_flanks", "_fresh", "_good", "_middle", "_middles", "_next", "_shifted", "_since_good", "_steep",
        "_still", "_values",
    )  # fmt: skip

    def __init__(self) -> None:
        self._beats = 0
        self._fresh = False
        self._good: tuple[float, float, float, float] | None = None
        self._next: tuple[float, float, float, float] | None = None
        self._since_good = 0
        self._still = 0
        self._values: list[npt.NDArray[np.float64]] = []
        self._steep: list[float] = []
        self._flanks: list[float] = []
        self._middle = 0.0
        self._middles: list[float] = []
        self._shifted = 0

    def chunk(self, present: npt.NDArray[np.float64], rate_hz: float) -> None:
        """Take what is present of a raw chunk."""
        step = max(1, round(STEEP_S * rate_hz))
        joined = np.concatenate([self._values[-1][-step:], present]) if self._values else present
        steep = float(np.max(np.abs(joined[step:] - joined[:-step]))) if joined.size > step else 0.0
        self._steep = [*self._steep, steep][-CHUNKS:]
        self._values = [*self._values, present][-CHUNKS:]

    def beat(self) -> None:
        """A beat was found."""
        self._beats += 1
        self._fresh = True

    def good(self, floor: float, roof: float, height: float, hiss: float) -> None:
        """The signal is good: between these values, with beats so high and noise so strong.

        It counts where a beat was found and only when another one follows: what comes after the last beat (an electrode
        that drifts to its rail) is what is to be judged.
        """
        if not self._fresh:
            return
        self._fresh = False
        self._good, self._next = self._next, (floor, roof, height, hiss)
        self._since_good = 0
        self._flanks = [*self._flanks, max(self._steep, default=0.0)][-REMEMBERED:]
        self._middles = [*self._middles, self._middle][-REMEMBERED:]

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
        self._middle = (low + high) / 2
        if self._good is None or self._beats < LEAST_BEATS:
            return False
        floor, roof, height, before = self._good
        moved = abs(self._middle - float(np.median(self._middles))) > MOST_SHIFT * height
        self._shifted = SHIFTED_S if moved and self._still < STILL_S else max(0, self._shifted - 1)
        if still_s < 0.5:
            self._still = 0
            return False
        calm = (
            missing < 0.05
            and not self._shifted
            and high - low <= MOST_HEIGHT * height
            and max(self._steep, default=0.0) <= MOST_STEEP * float(np.median(self._flanks)) + NOISE * before
            and floor - height <= low
            and high <= roof + height
            and hiss <= max(MOST_HISS * before, 0.02 * height)
            and len(np.unique(np.concatenate(self._values))) >= LEAST_VALUES
        )
        self._still = self._still + 1 if calm else 0
        # once it stands still it stays so while it is calm: the good signal is then long ago
        recent = self._since_good <= REMEMBERED_S + self._still
        return recent and self._still >= STILL_S and still_s >= STILL_S
