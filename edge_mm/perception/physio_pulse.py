"""Find pulses in filtered PPG: two moving averages (Elgendi et al. 2013, doi:10.1371/journal.pone.0076585).

In: PPG at 64 Hz, 0.5 to 8 Hz, any unit, either polarity (a reflective sensor's raw count falls with each pulse; the
steep side tells). Out: pulses at their steepest rise, the point that moves least with breathing. Not here: quality,
rates.
"""

from __future__ import annotations

import numpy as np

from edge_mm.perception.physio_filter import Held, Signal
from edge_mm.perception.physio_qrs import Peak

RATE_HZ = 64
"""Internal rate of PPG."""
BAND = {"low_hz": 0.5, "high_hz": 8.0, "half_s": 0.2}
"""Band of Elgendi's detector."""
BEFORE, LENGTH, CORE = 20, 48, slice(4, 44)
"""A pulse's window for ``BeatShapes``: values before its steepest rise, length, and what is compared."""
_HOP = 16
_PEAK = 7  # 111 ms, a systolic peak
_BEAT = 43  # 667 ms, a beat
_RIGHT = _BEAT // 2 + 1
_OFFSET = 0.02
_REFRACTORY = 0.27 * RATE_HZ
_KEEP = 9 * RATE_HZ
_POLARITY_N = 6 * RATE_HZ


class PulseDetector:
    """Pulses of one continuous stretch after the other."""

    def __init__(self) -> None:
        self._sign = 1.0
        self._evidence, self._looks = 0.0, 0
        self.reset()

    def reset(self) -> None:
        """A new stretch begins."""
        self._held = Held(before=_BEAT, keep=_KEEP)
        self._hop = 0
        self._block: list[int] = []
        self._last = -1e9

    def push(self, values: Signal) -> list[Peak]:
        """Take filtered values; gives the pulses that are decided now, in order."""
        self._held.add(values)
        peaks: list[Peak] = []
        while self._hop + _HOP + _RIGHT <= self._held.end:
            peaks += self._run()
        self._held.trim()
        return peaks

    def flush(self) -> list[Peak]:
        """The stretch ends."""
        end = self._held.end
        peaks = self.push(np.repeat(self._held.window(end - 1, 1), _RIGHT + _HOP))
        return [peak for peak in peaks if peak.index < end]

    def window(self, start: int, length: int) -> Signal:
        """(length,) values from a stretch index on, upright, edges held where the stretch has none."""
        return self._sign * self._held.window(start, length)

    def _run(self) -> list[Peak]:
        self._sign = self._polarity()
        begin = self._hop - _BEAT
        upright = self.window(begin, _BEAT + _HOP + _RIGHT)
        energy = np.clip(upright, 0.0, None) ** 2
        sums = np.concatenate([[0.0], np.cumsum(energy)])
        at = np.arange(self._hop, self._hop + _HOP) - begin
        systole = (sums[at + _PEAK // 2 + 1] - sums[at - _PEAK // 2]) / _PEAK
        beat = (sums[at + _BEAT // 2 + 1] - sums[at - _BEAT // 2]) / _BEAT
        inside = systole > beat + _OFFSET * float(self.window(self._hop - 2 * RATE_HZ, 3 * RATE_HZ).std()) ** 2
        peaks: list[Peak] = []
        for offset in range(_HOP):
            if inside[offset]:
                self._block.append(self._hop + offset)
            elif self._block:
                peaks += self._close()
        self._hop += _HOP
        return peaks

    def _close(self) -> list[Peak]:
        block, self._block = self._block, []
        if len(block) < _PEAK:
            return []
        top = block[0] + int(np.argmax(self.window(block[0], len(block))))
        start = max(top - 24, round(self._last) + 6 if self._last > 0 else top - 24)
        if top - start < 3:
            return []
        rise = np.diff(self.window(start, top - start + 2))
        at = int(np.argmax(rise[1:-1])) + 1
        left, peak, right = rise[at - 1 : at + 2].tolist()
        bend = left - 2.0 * peak + right
        index = start + at + 0.5 + (float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0)
        if index - self._last < _REFRACTORY:
            return []
        self._last = index
        return [Peak(index, 1.0)]

    def _polarity(self) -> float:
        """Blood rushes in faster than it leaves and stays longer away than it is there: both skews are positive.

        One of the two alone misleads on some sensors (measured), so their sum decides, averaged over about ten seconds.
        """
        length = min(self._hop + _RIGHT, _POLARITY_N)
        if length >= 2 * RATE_HZ:
            stretch = self._held.window(self._hop + _RIGHT - length, length)
            self._looks += 1
            share = max(1.0 / self._looks, 0.025)
            self._evidence += share * (_skew(stretch) + _skew(np.diff(stretch)) - self._evidence)
        return self._sign if abs(self._evidence) < 0.4 else float(np.sign(self._evidence))


def _skew(values: Signal) -> float:
    centred = values - values.mean()
    power = float(np.mean(centred * centred))
    return float(np.clip(np.mean(centred**3) / power**1.5, -2.0, 2.0)) if power > 0 else 0.0
