"""What the last ten minutes of skin and heart say about stress, each against the person's own ten minutes.

In: a table of 60 steps of 10 s, and nothing else: no clock, no count, nothing from before, and the table is always full
length. So the time since the start, which in the recordings this is learned from gives the schedule away, cannot get
in. Every number is a difference or a ratio within the table; the absolute skin conductance cannot get in either. Out:
the net's input. Not here: making the table (``skin_steps``), the stream (``skin``).
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

GRAPH = "skin.stress"
STEP_S = 10
STEPS = 60
"""Ten minutes. With five the score is 0.03 lower."""
COLUMNS = ("heart_rate", "variability", "conductance", "rises", "temperature")
"""Of the table: bpm; log s; log uS; log of rises relative to the level; degC. NaN where a step has none."""
_SHARE = {"conductance": 0.75, "heart_rate": 0.25, "temperature": 0.75}
"""A sense is used when this share of its steps is there; a wrist's pulse is often lost to motion."""
RECENT = 6
"""Of the last minute at least one step must be there, too."""
_LIMIT = 3.0

HEART, SKIN, WARMTH = 8, 16, 3
FEATURES = HEART + SKIN + WARMTH + 3
"""The last three say which senses are used: skin, heart, temperature."""

Table = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float32]


def present(table: Table) -> tuple[bool, bool, bool]:
    """Whether conductance, heart and temperature are there often enough to be used.

    Args:
        table: (STEPS, 5), the newest step last.
    """
    there = np.isfinite(table)

    def enough(name: str) -> bool:
        column = there[:, COLUMNS.index(name)]
        return bool(column.mean() >= _SHARE[name] and column[-RECENT:].any())

    return enough("conductance"), enough("heart_rate"), enough("temperature")


def stress_features(table: Table, *, skin: bool = True, heart: bool = True, warmth: bool = True) -> Vector:
    """(FEATURES,) float32 within +-3; zeros for a sense that is absent or not wanted.

    Args:
        table: (STEPS, 5), the newest step last.
        skin: use conductance where it is there.
        heart: use the heart.
        warmth: use the temperature.
    """
    there = present(table)
    used = [there[0] and skin, there[1] and heart, there[2] and warmth]
    parts = [np.zeros(HEART), np.zeros(SKIN), np.zeros(WARMTH)]
    with warnings.catch_warnings():  # a mean of nothing is NaN, and NaN becomes 0 below
        warnings.simplefilter("ignore", RuntimeWarning)
        if used[1]:
            parts[0] = np.array(_heart(table[:, 0], table[:, 1]))
        if used[0]:
            parts[1] = np.array(_skin(table[:, 2], table[:, 3]))
        if used[2]:
            parts[2] = np.array(_warmth(table[:, 4]))
    row = np.nan_to_num(np.concatenate([*parts, np.array(used, np.float64)]), posinf=_LIMIT, neginf=-_LIMIT)
    limited: Vector = np.clip(row, -_LIMIT, _LIMIT).astype(np.float32)
    return limited


def _heart(rate: Table, variability: Table) -> list[float]:
    middle, spread = _middle_and_spread(rate)
    recent = {steps: float(np.nanmedian(rate[-steps:])) - middle for steps in (3, 6, 12)}
    half = STEPS // 2
    return [
        *(value / (spread + 2.0) for value in recent.values()),
        recent[6] / 10.0,
        _rank(rate, 6),
        (float(np.nanmedian(rate[half:])) - float(np.nanmedian(rate[:half]))) / 10.0,
        float(np.nanmean(variability[-3:])) - float(np.nanmedian(variability)),
        spread / 10.0,
    ]


def _skin(level: Table, rises: Table) -> list[float]:
    middle, spread = _middle_and_spread(level)
    recent = {steps: float(np.nanmedian(level[-steps:])) - middle for steps in (3, 6, 12)}
    half = STEPS // 2
    usual = float(np.nanmean(rises))
    return [
        *(value / (spread + 0.02) for value in recent.values()),
        *(3.0 * value for value in recent.values()),
        _rank(level, 3),
        *(5.0 * (float(level[-1]) - float(level[-1 - steps])) for steps in (3, 6, 12)),
        float(np.nanmean(rises[-6:])) - usual,
        float(np.nanmean(rises[-12:])) - usual,
        0.5 * usual + 2.0,
        0.5 * float(np.nanmean(rises[-6:])) + 2.0,
        3.0 * (float(np.nanmedian(level[half:])) - float(np.nanmedian(level[:half]))),
        float(np.log(spread + 0.01)) + 2.0,
    ]


def _warmth(degrees: Table) -> list[float]:
    middle, spread = _middle_and_spread(degrees)
    lags = [5.0 * (float(degrees[-1]) - float(degrees[-1 - steps])) for steps in (6, 12)]
    return [*lags, (float(np.nanmedian(degrees[-3:])) - middle) / (spread + 0.1)]


def _middle_and_spread(values: Table) -> tuple[float, float]:
    low, middle, high = np.nanpercentile(values, [25, 50, 75]).tolist()
    return middle, high - low


def _rank(values: Table, steps: int) -> float:
    """-1 (the last steps are the lowest of the table) to 1 (the highest)."""
    known = values[np.isfinite(values)]
    return 2.0 * float(np.mean(known < np.nanmean(values[-steps:]))) - 1.0
