"""Heart rate, and whether the rhythm is irregular: an int8 1-D CNN + LSTM over the last beats.

In: beats (time, RR interval, probability of V and of S). Out: beats per minute, the probability of an irregular rhythm
(atrial fibrillation and the like) and an embedding. Single extra beats are known to the net by their class, so they do
not count as fibrillation. Rule for flutter: it was left out of training and scoring, because its ventricular response
is often regular. Not here: finding beats. Not a diagnosis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception.litert import Graph

BEATS = 48
"""Beats that the net sees, the newest last; missing ones in front are zeros with mask 0."""
CHANNELS = 6
SPAN_S = 32.0
"""Older beats do not enter."""
MIN_BEATS = 16
"""With fewer intervals there is no statement about the rhythm."""
MIN_RR_S, MAX_RR_S = 0.2, 4.0
"""300 and 15 beats per minute: what lies outside is a missed or a false beat."""
RATE_BEATS, RATE_SPAN_S = 8, 9.0
EMBEDDING = 8
SUMMARY = 8


class Interval(NamedTuple):
    """A beat with the interval that it ends."""

    at_s: float
    """Seconds on the stream's clock."""
    rr_s: float
    """Seconds since the beat before."""
    ventricular: float
    """Probability of V, 0..1; 0 for PPG."""
    supraventricular: float
    """Probability of S, 0..1; 0 for PPG."""


def rhythm_input(intervals: list[Interval]) -> npt.NDArray[np.float32]:
    """(BEATS, CHANNELS): RR / mean, change of RR / mean, V, S, mean RR, mask."""
    table = np.array(intervals[-BEATS:], np.float64).reshape(-1, 4)
    rr = table[:, 1]
    mean = float(np.median(rr)) if rr.size else 1.0
    change = np.diff(rr, prepend=rr[:1]) / mean
    columns = [rr / mean - 1.0, change, table[:, 2], table[:, 3], np.full(rr.size, mean - 0.8), np.ones(rr.size)]
    out = np.zeros((BEATS, CHANNELS), np.float32)
    out[BEATS - rr.size :] = np.clip(np.stack(columns, axis=1), -1.0, 1.0)
    return out


class HeartRhythm:
    """The intervals of the last minute."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._intervals: list[Interval] = []
        self._embedding = np.zeros(EMBEDDING, np.float32)
        self._irregular = 0.0

    def add(self, interval: Interval) -> bool:
        """Take an interval; False if it cannot be one (a missed or false beat)."""
        if not MIN_RR_S <= interval.rr_s <= MAX_RR_S:
            return False
        self._intervals.append(interval)
        while self._intervals[0].at_s < interval.at_s - 60.0:
            self._intervals.pop(0)
        return True

    def rate_bpm(self, now_s: float) -> float | None:
        """Mean of the middle half of the last (up to eight) intervals; None without a beat in the last nine seconds.

        The middle half, not the median alone: in bigeminy long and short intervals alternate, and the mean of both is
        the rate; a missed or an extra beat falls outside it.
        """
        rr = [i.rr_s for i in self._intervals[-RATE_BEATS:] if i.at_s >= now_s - RATE_SPAN_S]
        if not rr:
            return None
        cut = len(rr) // 4
        return 60.0 / float(np.mean(np.sort(rr)[cut : len(rr) - cut]))

    def irregular(self, now_s: float) -> float | None:
        """Run the net over the last ``SPAN_S``; None with fewer than ``MIN_BEATS`` intervals."""
        recent = [i for i in self._intervals if i.at_s >= now_s - SPAN_S]
        if len(recent) < MIN_BEATS:
            self._embedding, self._irregular = np.zeros(EMBEDDING, np.float32), 0.0
            return None
        out = self._graph(rhythm=rhythm_input(recent))
        self._embedding = out["embedding"].reshape(-1)
        self._irregular = float(out["irregular"].reshape(-1)[0])
        return self._irregular

    def summary(self, now_s: float) -> npt.NDArray[np.float32]:
        """(SUMMARY + EMBEDDING,) about -1..1: rate, rate against the last minute, variability, the rhythm net."""
        recent = np.array([i.rr_s for i in self._intervals if i.at_s >= now_s - SPAN_S])
        rate = self.rate_bpm(now_s)
        values = np.zeros(SUMMARY, np.float32)
        if rate is None or recent.size < MIN_BEATS:  # what the net said is of another time
            self._embedding, self._irregular = np.zeros(EMBEDDING, np.float32), 0.0
        if rate is not None and recent.size:
            minute = 60.0 / float(np.median([i.rr_s for i in self._intervals]))
            steps = np.diff(recent)
            rmssd = float(np.sqrt(np.mean(steps * steps))) if steps.size else 0.0
            last = self._intervals[-1]
            values[:] = [
                (rate - 75.0) / 50.0,
                (rate - minute) / 20.0,
                np.log10(max(rmssd, 1e-3)) / 1.5 + 1.0,
                np.log10(max(float(recent.std()), 1e-3)) / 1.5 + 1.0,
                (last.rr_s * rate / 60.0) - 1.0,
                float(np.mean([i.ventricular for i in self._intervals[-16:]])),
                float(np.mean([i.supraventricular for i in self._intervals[-16:]])),
                self._irregular,
            ]
        return np.concatenate([np.clip(values, -2.0, 2.0), self._embedding]).astype(np.float32)
