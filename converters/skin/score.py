"""How well stress is told from rest within a person, and what would do as well without looking at the person.

In: what nets said of people that they had not seen, sessions. Out: mean AUROC within a person with its interval over
people; the null models: elapsed time alone, the absolute EDA level alone, labels shifted in time; AUROC between people
at the same elapsed time, where the schedule cannot help. Not here: training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.skin.sessions import Session

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
DRAWS = 2000
SHIFTS = 200
MIN_SHIFT = 12
"""Steps (2 minutes) that shifted labels are away from the true ones at least."""


def auroc(scores: Array, labels: Labels) -> float:
    """Share of pairs (stress, rest) in which stress has the higher score; ties count half."""
    order = np.argsort(scores, kind="stable")
    _, first, count = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(first + (count + 1) / 2.0, count)
    positive = int(labels.sum())
    pairs = positive * (len(labels) - positive)
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2.0) / pairs) if pairs else float("nan")


def within(scores: Sequence[Array], labels: Sequence[Labels], *, seed: int) -> dict[str, Any]:
    """Mean AUROC within a person and its 95 % interval over people (bootstrap)."""
    each = np.array([auroc(s, y) for s, y in zip(scores, labels, strict=True)])
    each = each[np.isfinite(each)]
    rng = np.random.default_rng(seed)
    means = each[rng.integers(0, len(each), (DRAWS, len(each)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "mean": round(float(each.mean()), 4),
        "mean_95": [round(float(low), 4), round(float(high), 4)],
        "each": [round(float(x), 3) for x in each],
        "people_above_half": f"{int((each > 0.5).sum())}/{len(each)}",
    }


def matched(scores: Sequence[Array], sessions: Sequence[Session]) -> dict[str, Any]:
    """AUROC over pairs of people at the same elapsed time, one in a task and one at rest.

    Scores are taken relative to the person's own mean and spread. Elapsed time alone is worth 0.5 here by
    construction. Tasks begin and end at different times for different people, which is where the pairs come from; so
    they lie near beginnings and ends, where the body lags, and the score is the lower for it.
    """
    right = pairs = 0.0
    rows = [
        (float(end), person, (value - own.mean()) / max(own.std(), 1e-9), int(label))
        for person, (own, session) in enumerate(zip(scores, sessions, strict=True))
        for end, value, label in zip(session.ends_s, own, session.labels, strict=True)
    ]
    for end in {row[0] for row in rows}:
        those = [row for row in rows if row[0] == end]
        stressed = np.array([row[2] for row in those if row[3] == 1])
        rest = np.array([row[2] for row in those if row[3] == 0])
        right += float((stressed[:, None] > rest).sum() + 0.5 * (stressed[:, None] == rest).sum())
        pairs += stressed.size * rest.size
    return {"auroc": round(right / pairs, 4) if pairs else None, "pairs": int(pairs)}


def nulls(sessions: Sequence[Session], scores: Sequence[Array], *, seed: int) -> dict[str, Any]:
    """What does as well, or better, without knowing how the person is."""
    labels = [one.labels for one in sessions]
    shifted = _shifted(scores, labels, seed=seed)
    return {
        "elapsed_time_only": within(_elapsed(sessions, seed=seed), labels, seed=seed),
        "eda_level_only": within(_level(sessions), labels, seed=seed),
        "labels_shifted_in_time": {
            "mean": round(float(shifted.mean()), 4),
            "highest_2_5_percent_from": round(float(np.percentile(shifted, 97.5)), 4),
            "draws": len(shifted),
        },
    }


def operating_points(scores: Sequence[Array], labels: Sequence[Labels]) -> dict[str, dict[str, float]]:
    """Threshold -> share of the steps in tasks and of those at rest that are at or above it."""
    joined, truth = np.concatenate(scores), np.concatenate(labels)
    return {
        str(t): {
            "in_tasks": round(float((joined[truth == 1] >= t).mean()), 3),
            "at_rest": round(float((joined[truth == 0] >= t).mean()), 3),
        }
        for t in (0.5, 0.6, 0.7, 0.8)
    }


def _elapsed(sessions: Sequence[Session], *, seed: int) -> list[Array]:
    """Left-out people, told by boosting on the seconds since the recording began."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    found = []
    for one in sessions:
        others = [other for other in sessions if other is not one]
        model = HistGradientBoostingClassifier(max_iter=80, max_leaf_nodes=8, min_samples_leaf=50, random_state=seed)
        model.fit(np.concatenate([o.ends_s for o in others])[:, None], np.concatenate([o.labels for o in others]))
        found.append(model.predict_proba(one.ends_s[:, None])[:, 1])
    return found


def _level(sessions: Sequence[Session]) -> list[Array]:
    """The logarithm of the absolute level; more is taken for more stress, so nothing is fitted."""
    return [np.nan_to_num(one.levels, nan=float(np.nanmedian(one.levels))) for one in sessions]


def _shifted(scores: Sequence[Array], labels: Sequence[Labels], *, seed: int) -> Array:
    """(SHIFTS,) mean AUROC within a person against labels moved along the recording, around its end."""
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(SHIFTS):
        moved = [np.roll(y, int(rng.integers(MIN_SHIFT, len(y) - MIN_SHIFT))) for y in labels]
        means.append(np.mean([auroc(s, y) for s, y in zip(scores, moved, strict=True)]))
    return np.array(means)
