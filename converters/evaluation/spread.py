"""A score over people with its interval: whole people (records, clips) are drawn, never their frames.

In: terms per row or per person, who each row is of. Out: a ``Spread``: the score, a 95 % percentile interval of the
cluster bootstrap (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8), and what it rests
on. Not here: losses from float to int8 (``bootstrap``), exact intervals of counts (``exact``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.metrics import Array, Metric, tally

RESAMPLES = 2000
FEW = 10
"""Below so many people an interval is said to be rough."""
SCORED = 0.5
"""Share of the resamples that must have a score (an AUROC needs both classes), else no interval is given."""

_WIDTH = 1e-12
"""An interval of no width is a boast, not an interval."""

Formula = Callable[[Array], Array]
"""(m, k) sums -> (m,) scores."""


class Spread(NamedTuple):
    """A score and how far it may be off."""

    value: float
    """NaN where it cannot be computed."""
    low: float
    high: float
    """Ends of the 95 % interval; NaN where there is one person only, or where all resamples are alike."""
    groups: int
    """People, records or clips that were drawn."""


def of_sums(terms: Array, groups: Sequence[Any] | npt.NDArray[Any], formula: Formula, *, seed: int = 0) -> Spread:
    """A score that is a formula of sums: a share, sensitivity, F1, a mean.

    Args:
        terms: (n, k), added up per group.
        groups: (n,) whose row it is.
        formula: sums -> score; NaN where there is none.
        seed: of the draws.
    """
    terms = np.asarray(terms, np.float64)
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if not len(names):
        return Spread(np.nan, np.nan, np.nan, 0)
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, place.ravel(), terms)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(formula(sums.sum(axis=0, keepdims=True))[0])
        draws = formula(_drawn(len(names), seed) @ sums)
    return Spread(value, *_ends(draws, len(names)), len(names))


def auroc(
    score: npt.NDArray[np.floating], truth: npt.NDArray[Any], groups: Sequence[Any] | npt.NDArray[Any], *, seed: int = 0
) -> Spread:
    """Area under the ROC curve, 0..1.

    Args:
        score: (n,) more is more likely yes.
        truth: (n,) 0 or 1.
        groups: (n,) whose row it is.
        seed: of the draws.
    """
    truth = np.asarray(truth).astype(np.int64)
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if not len(truth) or truth.all() or not truth.any():
        return Spread(np.nan, np.nan, np.nan, len(names))
    one = tally(Metric("auroc", "score"), np.asarray(score, np.float64)[:, None], truth[:, None])
    value = float(one.percent(np.ones((1, len(truth))))[0]) / 100
    weights = _drawn(len(names), seed)
    step = max(1, 2_000_000 // len(truth))
    parts = [one.percent(weights[at : at + step][:, place.ravel()]) for at in range(0, len(weights), step)]
    return Spread(value, *_ends(np.concatenate(parts) / 100, len(names)), len(names))


def share(sums: Array) -> Array:
    """First sum over second."""
    result: Array = sums[:, 0] / sums[:, 1]
    return result


def f1(sums: Array) -> Array:
    """Of (TP, FN, FP)."""
    result: Array = 2 * sums[:, 0] / (2 * sums[:, 0] + sums[:, 1] + sums[:, 2])
    return result


def balanced(sums: Array) -> Array:
    """Balanced accuracy of (TP, FN, FP, TN)."""
    result: Array = (sums[:, 0] / (sums[:, 0] + sums[:, 1]) + sums[:, 3] / (sums[:, 2] + sums[:, 3])) / 2
    return result


def macro_f1(tables: Array) -> Array:
    """Mean F1 of the classes with a true row; (m, c * c) flat confusion tables, rows truth.

    A class without a true row has no F1; what is said of it still counts against the others.
    """
    side = round(tables.shape[1] ** 0.5)
    table = tables.reshape(-1, side, side)
    hit, true, said = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2), table.sum(axis=1)
    there = true > 0
    each = np.where(there, 2 * hit / np.maximum(true + said, 1e-9), 0.0)
    result: Array = each.sum(axis=1) / there.sum(axis=1)
    return result


def _drawn(groups: int, seed: int) -> Array:
    """(resamples, groups) how often each is drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES).astype(np.float64)


def _ends(draws: Array, groups: int) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    if groups < 2 or known.size < SCORED * draws.size:
        return np.nan, np.nan
    low, high = np.percentile(known, (2.5, 97.5))
    if high - low < _WIDTH:  # everybody alike, or one decides: a bootstrap cannot say how far it may be off
        return np.nan, np.nan
    return float(low), float(high)
