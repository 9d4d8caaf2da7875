"""Find R peaks in filtered ECG: an int8 1-D CNN gives QRS probability, this picks the peaks.

In: ECG at 128 Hz, 0.6 to 42 Hz, any unit, any polarity. Out: peaks with a fractional index and a strength, at most a
second after the R peak. The net sees 1.45 s, of which 0.375 s is look-ahead, four times a second. Amplitude is taken
out by a running scale: the 70th percentile of the peak-to-peak values of one-second stretches in the last eight
seconds, so one artefact does not move it and one beat in three seconds is enough.
Not here: what kind of beat it is (``physio_beat``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_mm.perception.litert import Runner
from edge_mm.perception.physio_filter import Held, Signal

RATE_HZ = 128
"""Internal rate of ECG."""
BAND = {"low_hz": 0.6, "high_hz": 42.0, "half_s": 0.1}
"""Monitor band; the upper end keeps 50 and 60 Hz out."""
HOP = 32
"""Values between two runs of the net (0.25 s)."""
STRIDE = 4
"""Values per output of the net."""
LEFT = 105
"""Values that the net sees before the hop."""
LENGTH = 185
"""Values that the net sees."""
RIGHT = LENGTH - LEFT
"""Values needed from the hop's begin on."""
CLIP = 2.0
"""Normalised input is clipped here: twice the peak-to-peak value of a usual beat."""
SCALE_PERCENTILE = 70.0
SCALE_HOPS = 32
REFRACTORY = 0.2 * RATE_HZ
"""No second beat within 0.2 s (Pan and Tompkins 1985)."""
SETTLE = 0.25 * RATE_HZ
"""No beat is said of the first 0.25 s of a stretch: the net sees the held edge before it, and the end of a T wave on an
edge looks like a QRS complex. A beat of this quarter second is missed; a false one would be an interval too short."""
_SEARCH = 10  # the R peak lies within 78 ms of the centre of probability
_LONGEST = 8  # outputs; a longer region is cut so that a beat is never waited for
_KEEP = 4 * RATE_HZ


@dataclass(frozen=True, slots=True)
class Peak:
    """One beat."""

    index: float
    """Position of the R peak in the stretch, in values at ``RATE_HZ``."""
    strength: float
    """Largest QRS probability, 0..1."""


class RunningScale:
    """Robust peak-to-peak amplitude of the recent past; survives gaps."""

    def __init__(self) -> None:
        self._hops: list[float] = []

    def push(self, second: Signal) -> float:
        """Add the latest second; gives the scale (> 0)."""
        self._hops.append(float(second.max() - second.min()))
        del self._hops[:-SCALE_HOPS]
        ordered = sorted(self._hops)
        place = (len(ordered) - 1) * SCALE_PERCENTILE / 100.0
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return max(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 1e-12)


class QrsDetector:
    """Peaks of one continuous stretch after the other."""

    def __init__(self, graph: Runner, *, threshold: float) -> None:
        self._graph = graph
        self._threshold = threshold
        self._scale = RunningScale()
        self.reset()

    def reset(self) -> None:
        """A new stretch begins."""
        self._held = Held(before=LEFT, keep=_KEEP)
        self._hop = 0
        self._region: list[tuple[int, float]] = []
        self._last = -1e9

    def push(self, values: Signal) -> list[Peak]:
        """Take filtered values; gives the peaks that are decided now, in order."""
        self._held.add(values)
        peaks: list[Peak] = []
        while self._hop + RIGHT <= self._held.end:
            peaks += self._run()
        self._held.trim()
        return peaks

    def flush(self) -> list[Peak]:
        """The stretch ends: the last value is held on so that waiting peaks come out."""
        end = self._held.end
        peaks = self.push(np.repeat(self._held.window(end - 1, 1), RIGHT + HOP)) + self._close()
        return [peak for peak in peaks if peak.index < end]

    def window(self, start: int, length: int) -> Signal:
        """(length,) values from a stretch index on, edges held where the stretch has none."""
        return self._held.window(start, length)

    def _run(self) -> list[Peak]:
        stretch = self._held.window(self._hop - LEFT, LENGTH)
        scale = self._scale.push(stretch[LENGTH - RATE_HZ :])
        peaks: list[Peak] = []
        if stretch.max() > stretch.min():
            inputs = np.minimum(np.maximum(stretch / scale, -CLIP), CLIP).astype(np.float32)
            probabilities = self._graph(ecg=inputs)["qrs"].reshape(-1)
        else:
            probabilities = np.zeros(HOP // STRIDE, np.float32)
        for frame, probability in enumerate(probabilities.tolist()):  # eight per quarter second
            if probability >= self._threshold and len(self._region) < _LONGEST:
                self._region.append((self._hop + frame * STRIDE + STRIDE // 2, probability))
            elif self._region:
                peaks += self._close()
        self._hop += HOP
        return peaks

    def _close(self) -> list[Peak]:
        region, self._region = self._region, []
        if not region:
            return []
        positions, weights = np.array(region).T
        index = self._refine(float(positions @ weights / weights.sum()))
        if index < SETTLE or index - self._last < REFRACTORY:
            return []
        self._last = index
        return [Peak(index, float(weights.max()))]

    def _refine(self, centre: float) -> float:
        start = round(centre) - _SEARCH
        near = self.window(start - 1, 2 * _SEARCH + 3)
        around = np.sort(self.window(round(centre) - 48, 96))
        height = np.abs(near - 0.5 * (around[47] + around[48]))  # from the median; np.median takes three times as long
        weighted = height * (1.0 - 0.6 * np.abs(np.arange(near.size) - 1 - _SEARCH) / _SEARCH)
        top = 1 + int(np.argmax(weighted[1:-1]))
        left, peak, right = height[top - 1 : top + 2].tolist()
        bend = left - 2.0 * peak + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        return start - 1 + top + float(np.clip(shift, -0.5, 0.5))


def running_scales(values: Signal) -> Signal:
    """The scale at each hop of a whole recording, for training: (n,) values -> (hops,)."""
    scale = RunningScale()
    padded = np.concatenate([np.zeros(LEFT), values])
    hops = max(0, (values.size - RIGHT) // HOP + 1)
    return np.array([scale.push(padded[h * HOP + LENGTH - RATE_HZ : h * HOP + LENGTH]) for h in range(hops)])
