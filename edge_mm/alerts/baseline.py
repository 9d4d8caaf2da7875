"""What is usual for one person, and what follows from it for the limits.

In: a ``Baseline`` that was learned (``resting``) and the installation's ``Limits``. Out: limits for this person, and
which rules they changed. Not here: learning it, files (``daemon.baseline_file``).

- **Head**: turned away is measured from the pose at rest. That replaces ``neutral_yaw_deg`` and ``neutral_pitch_deg``.
- **Eyes**: narrow eyes are read as half closed. The limits move up with the reading at rest, so that they lie at the
  same share of the way from open to shut; never down, and by a rest of at most ``HIGHEST_EYES`` (0.6 becomes 0.73).
- **Heart**: the population's limits of 50 and 120 bpm allow a heart of 60 bpm at rest 10 down and 60 up. For a slower
  one both move down by what it is slower; for a faster one nothing moves. Neither limit ever rises, and they end at
  ``LEAST_LOW_BPM`` (at or below 40 NEWS2 gives its highest score; Royal College of Physicians 2017) and at
  ``LEAST_HIGH_BPM`` (above 100 tachycardia begins in adults; American Heart Association). Athletes rest at 40 to 60
  (same source).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule

VERSION = 1
OPEN_EYES = 0.05
"""Reading of open eyes that the population's limits are made for. Ours."""
HIGHEST_EYES = 0.35
"""Eyes that are read as more closed than this were not at rest, or the camera does not see them. Ours."""
WIDEST_YAW_DEG, WIDEST_PITCH_DEG = 45.0, 35.0
"""A pose at rest further from the camera than this leaves too little of the face. Ours."""
SLOWEST_BPM, FASTEST_BPM = 40.0, 100.0
"""What may be a resting heart rate: athletes from 40, tachycardia above 100 (American Heart Association)."""
RESTING_BPM = 60.0
LEAST_LOW_BPM, LEAST_HIGH_BPM = 40.0, 100.0


class Rest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of a person at rest."""

    median: Annotated[float, Meta(ge=-90.0, le=300.0)]
    """In the unit of the reading."""
    spread: Annotated[float, Meta(ge=0.0, le=300.0)]
    """Median absolute deviation times 1.4826: the standard deviation, were it normal."""
    seconds: Annotated[float, Meta(gt=0.0, le=7200.0)]
    """How long it was seen well enough."""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is usual for one person. What was not learned is None: there the population's limits hold."""

    version: Annotated[int, Meta(ge=1)] = VERSION
    """Of this form."""
    bundle: Annotated[str, Meta(max_length=64)] = ""
    """SHA-256 of the bundle whose networks read the eyes and the head; other networks read them otherwise."""
    eyes_closed: Rest | None = None
    """``driver.eyes_closed`` with open eyes, probability."""
    head_yaw_deg: Rest | None = None
    """``driver.head_yaw_deg`` looking at the road."""
    head_pitch_deg: Rest | None = None
    """The same, up and down."""
    heart_rate_bpm: Rest | None = None
    """``vitals.heart_rate_bpm`` sitting still."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            rest: Rest | None = getattr(self, name)
            if rest is not None and not low <= rest.median <= high:
                raise ValueError(f"{name}: a median of {rest.median:g} is outside {low:g} to {high:g}")
        if (self.head_yaw_deg is None) != (self.head_pitch_deg is None):
            raise ValueError("head_yaw_deg and head_pitch_deg belong together")

    def learned(self) -> list[str]:
        """Names of what is not None."""
        return [name for name in RANGES if getattr(self, name) is not None]

    def seen_by(self, bundle: str) -> Baseline:
        """What of it holds with a bundle of this SHA-256: with another one than it was learned with the heart alone."""
        if bundle == self.bundle:
            return self
        return msgspec.structs.replace(self, eyes_closed=None, head_yaw_deg=None, head_pitch_deg=None)


RANGES = {
    "eyes_closed": (0.0, HIGHEST_EYES),
    "head_yaw_deg": (-WIDEST_YAW_DEG, WIDEST_YAW_DEG),
    "head_pitch_deg": (-WIDEST_PITCH_DEG, WIDEST_PITCH_DEG),
    "heart_rate_bpm": (SLOWEST_BPM, FASTEST_BPM),
}
"""What is learned, and between which medians it is believed."""


def personal(limits: Limits, baseline: Baseline) -> Limits:
    """The limits for one person.

    Args:
        limits: the installation's, in order (``limits_from``).
        baseline: the person's.
    """
    changed: dict[str, float] = {}
    if baseline.head_yaw_deg is not None and baseline.head_pitch_deg is not None:
        changed["neutral_yaw_deg"] = baseline.head_yaw_deg.median
        changed["neutral_pitch_deg"] = baseline.head_pitch_deg.median
    if baseline.eyes_closed is not None and (rest := baseline.eyes_closed.median) > OPEN_EYES:
        for name in ("eyes_closed_enter", "eyes_closed_exit", "perclos_closed"):
            limit: float = getattr(limits, name)
            moved = rest + (limit - OPEN_EYES) * (1.0 - rest) / (1.0 - OPEN_EYES)
            changed[name] = round(moved, 4)
    if baseline.heart_rate_bpm is not None:
        changed |= _heart(limits, slower=max(RESTING_BPM - baseline.heart_rate_bpm.median, 0.0))
    return msgspec.structs.replace(limits, **changed)


def _heart(limits: Limits, *, slower: float) -> dict[str, float]:
    low, high = limits.heart_rate_low_bpm, limits.heart_rate_high_bpm
    new_low = min(low, max(low - slower, LEAST_LOW_BPM))
    new_high = min(high, max(high - slower, LEAST_HIGH_BPM))
    low_exit = new_low + limits.heart_rate_low_exit_bpm - low
    high_exit = new_high - (high - limits.heart_rate_high_exit_bpm)
    if low_exit > high_exit:  # limits of an installation that leave no room to move
        return {}
    return {
        "heart_rate_low_bpm": round(new_low, 1),
        "heart_rate_low_exit_bpm": round(low_exit, 1),
        "heart_rate_high_bpm": round(new_high, 1),
        "heart_rate_high_exit_bpm": round(high_exit, 1),
    }


_USES: dict[str, tuple[str, ...]] = {
    "driver.eyes_closed": ("eyes_closed_enter", "eyes_closed_exit"),
    "driver.sleep": ("eyes_closed_enter", "eyes_closed_exit"),
    "driver.perclos": ("perclos_closed",),
    "driver.looking_away": ("neutral_yaw_deg", "neutral_pitch_deg"),
    "health.heart_rate_low": ("heart_rate_low_bpm",),
    "health.heart_rate_high": ("heart_rate_high_bpm",),
}
"""Kind of alert -> the limits of it that a baseline moves."""


def moved(limits: Limits, baseline: Baseline) -> dict[str, str]:
    """Kind of alert -> what of the baseline has changed it, as words, for each kind that it has changed."""
    after = personal(limits, baseline)
    eyes = _median("eyes read {:.2f} at rest", baseline.eyes_closed)
    heart = _median("{:.0f} bpm at rest", baseline.heart_rate_bpm)
    said = {kind: heart if kind.startswith("health.") else eyes for kind in _USES}
    said["driver.looking_away"] = _pose(baseline)
    return {
        kind: said[kind]
        for kind, names in _USES.items()
        if said[kind] and any(getattr(limits, name) != getattr(after, name) for name in names)
    }


def told(rule: Rule, changes: dict[str, str]) -> Rule:
    """The rule, whose reasons say that a baseline was used where one has changed its kind."""
    words = changes.get(rule.kind)
    return rule if words is None else replace(rule, baseline=words)


def rows(baseline: Baseline) -> Iterable[tuple[str, str]]:
    """What was learned, for people: a name and words."""
    for name in RANGES:
        unit = " deg" if name.endswith("_deg") else " bpm" if name.endswith("_bpm") else ""
        rest: Rest | None = getattr(baseline, name)
        if rest is None:
            yield name, "not learned: the population's limits hold"
        else:
            yield name, f"{rest.median:g}{unit} (spread {rest.spread:g}, from {rest.seconds:.0f} s)"


def _median(words: str, rest: Rest | None) -> str:
    return "" if rest is None else words.format(rest.median)


def _pose(baseline: Baseline) -> str:
    yaw, pitch = baseline.head_yaw_deg, baseline.head_pitch_deg
    if yaw is None or pitch is None:
        return ""
    return f"head at rest at yaw {yaw.median:+.0f}, pitch {pitch.median:+.0f} deg"
