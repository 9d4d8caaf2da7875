"""Learns what is usual for a person from readings of the first minutes.

In: Observations, in order. Out: a ``Baseline``, and for each part that could not be learned, why. Medians, weighted by
the quality of each reading and the time that it stands for: blinks, mirror checks and single wrong beats do not move
them. Not here: what the limits make of it (``baseline``), where readings come from.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from math import isfinite
from typing import NamedTuple

import msgspec

from edge_mm.alerts.baseline import RANGES, Baseline, Rest
from edge_mm.types import NS_PER_S, Observation

NEEDED_S = 60.0
"""So much must have been seen well: a minute holds some twenty blinks, a few breaths and sixty beats. Ours."""
NEAR_SHARE = 0.7
"""Share of the time that must have been spent near the median; the rest is blinks, mirrors and yawns. Ours."""
MIN_QUALITY = 0.25
"""The rules' own number: a reading below it says nothing."""


class _Part(NamedTuple):
    reading: str
    gap_s: float
    """Readings further apart than this do not stand for the time between them."""
    near: float
    """At rest most readings lie within this of the median."""
    seen: str
    """What was there, for the reason."""
    unsteady: str
    outside: str


_FACE = "with a face"
_PARTS = {
    "eyes_closed": _Part(
        "driver.eyes_closed", 1.0, 0.2, _FACE, "the eyes were open and shut in turn; keep them open",
        "the eyes were read as half closed or more; look ahead with open eyes, in more light",
    ),
    "head_yaw_deg": _Part(
        "driver.head_yaw_deg", 1.0, 10.0, _FACE, "the head turned too much; look at the road",
        "the head is turned too far from the camera; move the camera",
    ),
    "head_pitch_deg": _Part(
        "driver.head_pitch_deg", 1.0, 10.0, _FACE, "the head nodded too much; look at the road",
        "the head is tilted too far from the camera; move the camera",
    ),
    "heart_rate_bpm": _Part(
        "vitals.heart_rate_bpm", 5.0, 10.0, "with a heart rate", "the heart rate was not steady; sit still",
        "this is no resting heart rate; sit still, and see a physician if it stays",
    ),
}  # fmt: skip
_BY_READING = {part.reading: name for name, part in _PARTS.items()}
HEAD = ("head_yaw_deg", "head_pitch_deg")


class _Series:
    """Readings of one name and stream."""

    __slots__ = ("_last_ns", "seconds", "values", "weights")

    def __init__(self) -> None:
        self.values, self.weights = array("d"), array("d")
        self.seconds = 0.0
        self._last_ns: int | None = None

    def add(self, t_ns: int, value: float, quality: float, *, gap_s: float) -> None:
        since_s = 0.0 if self._last_ns is None else (t_ns - self._last_ns) / NS_PER_S
        if self._last_ns is not None and since_s <= 0:
            return
        self._last_ns = t_ns
        if 0 < since_s <= gap_s:
            self.seconds += since_s
            self.values.append(value)
            self.weights.append(quality * since_s)


class Learned(NamedTuple):
    """What came of it."""

    baseline: Baseline
    """With None for what could not be learned."""
    missing: dict[str, str]
    """Name of a part -> why it could not."""


class RestingLearner:
    """Takes the readings of some minutes. Of several cameras or sensors the one that saw longest counts."""

    def __init__(self) -> None:
        self._series: dict[str, dict[str, _Series]] = {name: {} for name in _PARTS}

    def take(self, one: Observation) -> None:
        """A reading; those of other names, of poor quality, NaN and infinity say nothing."""
        name = _BY_READING.get(one.name)
        if name is None or not one.quality >= MIN_QUALITY or not isfinite(one.value):
            return
        series = self._series[name].setdefault(one.stream, _Series())
        series.add(one.t_ns, one.value, min(one.quality, 1.0), gap_s=_PARTS[name].gap_s)

    def seconds(self) -> dict[str, float]:
        """Part -> seconds of good readings so far."""
        return {
            name: max((one.seconds for one in series.values()), default=0.0) for name, series in self._series.items()
        }

    def learned(self, *, asked: Collection[str], bundle: str) -> Learned:
        """What is usual.

        Args:
            asked: the parts that there are sensors for.
            bundle: SHA-256 of the bundle that made the readings.
        """
        found: dict[str, Rest] = {}
        missing: dict[str, str] = {}
        for name in RANGES:
            if name not in asked:
                continue
            result = self._rest(name)
            if isinstance(result, Rest):
                found[name] = result
            else:
                missing[name] = result
        for name, other in (HEAD, HEAD[::-1]):
            if name in missing and other in found:
                del found[other]
                missing[other] = missing[name]
        return Learned(msgspec.structs.replace(Baseline(bundle=bundle), **found), missing)

    def _rest(self, name: str) -> Rest | str:
        part, (low, high) = _PARTS[name], RANGES[name]
        best = max(self._series[name].values(), key=lambda one: one.seconds, default=None)
        if best is None or best.seconds < NEEDED_S:
            return f"only {0 if best is None else best.seconds:.0f} s {part.seen}, {NEEDED_S:.0f} s needed"
        median = weighted_median(best.values, best.weights)
        spread = 1.4826 * weighted_median([abs(value - median) for value in best.values], best.weights)
        if not low <= median <= high:
            return f"{part.outside} (median {median:.3g}, believed from {low:g} to {high:g})"
        # Not by the spread: who looks away nearly half of the time has a spread of 0.
        pairs = zip(best.values, best.weights, strict=True)
        near = sum(weight for value, weight in pairs if abs(value - median) <= part.near) / sum(best.weights)
        if near < NEAR_SHARE:
            return f"{part.unsteady} (within {part.near:g} of the median for {near:.0%}, {NEAR_SHARE:.0%} needed)"
        return Rest(round(median, 3), round(spread, 3), round(best.seconds, 1))


def weighted_median(values: Collection[float], weights: Collection[float]) -> float:
    """The least value up to which half of the weight lies; there must be at least one."""
    pairs = sorted(zip(values, weights, strict=True))
    half, total = sum(weights) / 2, 0.0
    for value, weight in pairs:
        total += weight
        if total >= half:
            return value
    return pairs[-1][0]
