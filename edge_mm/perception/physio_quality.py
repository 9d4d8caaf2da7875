"""How far a pulse-like signal can be trusted, once a second, and why not.

In: raw chunks, how well the found beats match each other, when the last beat was. Out: quality 0..1 and a label: ``flat
line``, ``no beats`` (an ECG that was good lies still, with contact: see ``physio_contact``), ``no signal`` (nothing
missing but no beats), ``missing``, ``clipped``, ``noise`` or ``""``. A monitor must
not say 40 beats per minute of a sensor that hangs in the air, so rates are given only where this finds a signal. A
flat line is an electrode or a heart; what can be told of that is in ``physio_contact``. Not here: beats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception.physio_contact import NO_BEATS, Contact

SECOND = 4
"""Chunks per second."""
MEMORY = 40
"""Chunks (10 s) over which amplitude and rails are remembered."""
MOST_SHRUNK = 200.0
"""The signal may have become so many times lower at once; what was higher than that was no signal (a driver's nonsense,
an amplifier at its rails), and what follows it is not a flat line beside it for the next hour."""
SILENT_S = 4.0
"""Without a beat for so long there is no signal (15 beats per minute)."""


class _Facts(NamedTuple):
    size: int
    missing: int
    low: float
    high: float
    at_low: int
    at_high: int
    hiss: float


class Quality(NamedTuple):
    """Of one second."""

    value: float
    """0..1."""
    label: str
    """Why it is low, ``""`` where it is not."""


class SignalQuality:
    """Keeps what is needed of the last ten seconds.

    Args:
        hum_s: period of the moving average whose residual counts as noise; 20 ms is one period of 50 Hz mains.
        hiss: share of the signal's height where noise begins to count; quality falls to 0.2 at five times that.
        alike: correlation between beats at which quality is 0 and at which it is 1.
        contact: tells a still heart from an electrode that is off; None: it cannot be told (a pulse).
    """

    def __init__(
        self,
        *,
        hum_s: float = 0.02,
        hiss: float = 0.03,
        alike: tuple[float, float] = (0.3, 0.9),
        contact: Contact | None = None,
    ) -> None:
        self._contact = contact
        self._hum_s = hum_s
        self._hiss = hiss
        self._alike = alike
        self._facts: list[_Facts] = []
        self._height = 0.0
        self._match: list[float] = []
        self._heights: list[float] = []

    def chunk(self, values: npt.NDArray[np.float64], rate_hz: float) -> None:
        """Take a raw chunk, NaN where values are missing."""
        present = values[np.isfinite(values)]
        if not present.size:
            facts = _Facts(values.size, values.size, np.nan, np.nan, 0, 0, 0.0)
        else:
            low, high = float(present.min()), float(present.max())
            still = np.append(present[1:] == present[:-1], False)
            facts = _Facts(
                values.size,
                values.size - present.size,
                low,
                high,
                int(np.count_nonzero(still & (present == low))),
                int(np.count_nonzero(still & (present == high))),
                _hiss(present, max(2, round(self._hum_s * rate_hz))),
            )
        self._facts = [*self._facts, facts][-MEMORY:]
        if self._contact is not None:
            self._contact.chunk(present, rate_hz)

    def beat(self, match: float, height: float) -> None:
        """A beat was found: so much like others (correlation), so high (filtered, in the stream's unit)."""
        if self._contact is not None:
            self._contact.beat()
        self._match = [*self._match, match][-8:]
        self._heights = [*self._heights, height][-8:]

    def forget(self) -> None:
        """After a gap: the beats before it say nothing about what comes."""
        self._match, self._heights = [], []

    def second(self, since_beat_s: float, since_start_s: float) -> Quality:
        """Judge the last second.

        Args:
            since_beat_s: seconds since the newest beat (infinite if there was none in this stretch).
            since_start_s: seconds since the stretch began.
        """
        last = self._facts[-SECOND:]
        count = sum(f.size for f in last)
        missing = sum(f.missing for f in last) / max(count, 1)
        if missing > 0.5 or not count:
            return Quality(0.0, "missing")
        low, high = min(f.low for f in last if f.size > f.missing), max(f.high for f in last if f.size > f.missing)
        height = self._typical_height()
        # Fades in a flat line, too: it may be one after a transient.
        most = MOST_SHRUNK * height if height else np.inf
        self._height = max(min(0.98 * self._height, most), height)
        if self._contact is not None and self._contact.second(
            min(since_beat_s, since_start_s), low, high, float(np.median([f.hiss for f in last])), missing
        ):
            return Quality(0.0, NO_BEATS)
        if high - low <= 1e-9 * max(abs(high), abs(low), 1e-30) or high - low < 0.02 * self._height:
            return Quality(0.0, "flat line")
        if min(since_beat_s, since_start_s) > SILENT_S:
            return Quality(0.0, "no signal")
        return self._graded(last, missing, height)

    def _typical_height(self) -> float:
        spans = [f.high - f.low for f in self._facts if f.size > f.missing]
        return float(np.percentile(spans, 80)) if spans else 0.0

    def _graded(self, last: list[_Facts], missing: float, height: float) -> Quality:
        present = [f for f in self._facts if f.size > f.missing]
        floor, roof = min(f.low for f in present), max(f.high for f in present)
        stuck = sum(f.at_low for f in last if f.low == floor) + sum(f.at_high for f in last if f.high == roof)
        clipped = stuck / sum(f.size for f in last)
        if len(self._heights) >= 3:
            height = float(np.median(self._heights))  # of beats, without the wander
        hiss = float(np.median([f.hiss for f in last])) / max(height, 1e-30)
        noise = 1.0 - 0.8 * float(np.clip((hiss - self._hiss) / (4.0 * self._hiss), 0.0, 1.0))
        bad, good = self._alike
        shape = 0.5
        if len(self._match) >= 3:
            shape = float(np.clip((float(np.mean(self._match)) - bad) / (good - bad), 0.05, 1.0))
        rails = float(np.clip(1.2 - 4.0 * clipped, 0.1, 1.0))
        parts = {"missing": 1.0 - missing, "clipped": rails, "noise": noise * shape}
        worst = min(parts, key=lambda k: parts[k])
        value = float(np.prod(list(parts.values())))
        if self._contact is not None and value >= 0.5:
            self._contact.good(floor, roof, height, float(np.median([f.hiss for f in last])))
        return Quality(value, worst if value < 0.5 else "")


def _hiss(values: npt.NDArray[np.float64], width: int) -> float:
    if values.size < 2 * width:
        return 0.0
    smooth = np.convolve(values - values[0], np.full(width, 1.0 / width), mode="valid")
    centre = values[(width - 1) // 2 :][: smooth.size] - values[0]
    return 1.48 * float(np.median(np.abs(centre - smooth)))
