"""Heart rate, and whether the rhythm is irregular: an int8 1-D CNN + LSTM over the last beats.

In: beats (time, RR interval, probability of V and of S). Out: beats per minute, the probability of an irregular rhythm
(atrial fibrillation and the like) and an embedding. Ventricular beats are taken out before the net sees the intervals
(``bridged``), so they do not count as fibrillation, and fibrillation with many of them is not mistaken for extra beats.
Rule for flutter: it was left out of training and scoring, because its ventricular response is often regular. Not here:
finding beats. Not a diagnosis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception.litert import Runner

BEATS = 48
"""Beats that the net sees, the newest last; missing ones in front are zeros with mask 0."""
CHANNELS = 7
VENTRICULAR = 0.5
"""Probability of V from which a beat is bridged."""
TOLERANCES_S = (0.03, 0.05, 0.08, 0.12, 0.2)
MATCHES = 5
"""The entropy is taken at the least tolerance at which so many pairs of pairs match."""
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


def bridged(intervals: list[Interval]) -> npt.NDArray[np.float64]:
    """(n,) seconds per beat between the beats that are not ventricular, n up to ``BEATS``, the newest last.

    Where ventricular beats lie in between, their intervals are shared out evenly: an early beat with its pause, or
    bigeminy, then looks as regular as the rhythm under it.
    """
    table = np.array([(one.rr_s, one.ventricular) for one in intervals], np.float64).reshape(-1, 2)
    normal = np.flatnonzero(table[:, 1] < VENTRICULAR)
    if normal.size < 2:
        return table[-BEATS:, 0]
    ends = np.cumsum(table[:, 0])[normal]
    return np.asarray((np.diff(ends) / np.diff(normal))[-BEATS:])


def entropy(rr_s: npt.NDArray[np.float64]) -> float:
    """Coefficient of sample entropy of (n,) intervals: how surprising the next one is, whatever the heart rate.

    COSEn = SampEn(m = 1, r) + ln(2 r) - ln(mean RR) with the least r of ``TOLERANCES_S`` that has ``MATCHES`` matches
    (Lake, Moorman 2011, Accurate estimation of entropy in very short physiological time series, Am J Physiol Heart Circ
    300: H319). About -2 in sinus rhythm, -1 to 0 in fibrillation. 0 where nothing matches; -1 with too few intervals.
    """
    n = len(rr_s)
    if n < MIN_BEATS // 2:
        return -1.0
    apart = np.abs(rr_s[:, None] - rr_s[None])
    pairs = np.triu_indices(n - 1, 1)
    now, following = apart[:-1, :-1][pairs], apart[1:, 1:][pairs]
    for r in TOLERANCES_S:
        close = now < r
        matches = int((close & (following < r)).sum())
        if matches >= MATCHES:
            return float(np.log(close.sum() / matches) + np.log(2 * r) - np.log(rr_s.mean()))
    return 0.0


def rhythm_input(intervals: list[Interval]) -> npt.NDArray[np.float32]:
    """(BEATS, CHANNELS): RR / median, change of RR / median, mask; then, the same for all beats: median RR, entropy,
    median and lower quartile of the changes. Ventricular beats are bridged.
    """
    out = np.zeros((BEATS, CHANNELS), np.float32)
    rr = bridged(intervals)
    if not rr.size:
        return out
    middle = float(np.median(rr))
    change = np.diff(rr, prepend=rr[:1]) / middle
    step, quarter = np.percentile(np.abs(change[1:]), [50, 25]) if rr.size > 1 else (0.0, 0.0)
    whole = [middle - 0.8, (entropy(rr) + 1.2) / 1.2, (step - 0.1) * 6.0, (quarter - 0.04) * 12.0]
    columns = [rr / middle - 1.0, change, np.ones(rr.size), *(np.full(rr.size, value) for value in whole)]
    out[BEATS - rr.size :] = np.clip(np.stack(columns, axis=1), -1.0, 1.0)
    return out


class HeartRhythm:
    """The intervals of the last minute."""

    def __init__(self, graph: Runner) -> None:
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
