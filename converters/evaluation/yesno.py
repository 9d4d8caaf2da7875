"""A reading against a yes or no: AUROC, accuracy, precision, recall, F1, confusion matrix, ROC curve.

In: probabilities, truth, whose they are. Out: rows of a ``Table`` and what belongs to them in its ``Result``. Not here:
where readings and truth come from (``tasks``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.evaluation.results import Confusion, Result, Table, Target, curve
from converters.evaluation.spread import auroc, balanced, f1, of_sums, share

MEASURES = ("AUROC", "balanced accuracy", "accuracy", "precision", "recall", "F1")


def yes_or_no(
    result: Result,
    table: Table,
    score: npt.NDArray[np.floating],
    truth: npt.NDArray[np.bool_],
    groups: Sequence[Any] | npt.NDArray[Any],
    *,
    of: str,
    yes: str,
    no: str,
    threshold: float = 0.5,
    targets: Mapping[str, Target] | None = None,
    note: str = "",
) -> None:
    """Score a reading.

    Args:
        result: gets confusion matrix and curve.
        table: gets the rows.
        score: (n,) probability; NaN where nothing was said, which counts as 0: who finds no face sees no yawn.
        truth: (n,).
        groups: (n,) person, record or clip.
        of: what a row is, plural: ``frames``.
        yes: what the reading says above the threshold.
        no: and below.
        threshold: the one that ships; yes is said at or above it.
        targets: measure (of ``MEASURES``) -> what is asked.
        note: goes with every row.
    """
    asked = targets or {}
    score = np.where(np.isfinite(score), score, 0.0)
    truth, said = np.asarray(truth, bool), score >= threshold
    n = f"{int(truth.sum())} {yes}, {int((~truth).sum())} {no} {of}"
    terms = np.column_stack([said & truth, ~said & truth, said & ~truth, ~said & ~truth]).astype(np.float64)
    ones = np.ones(len(terms))
    found = {
        "AUROC": auroc(score, truth, groups),
        "balanced accuracy": of_sums(terms, groups, balanced),
        "accuracy": of_sums(np.column_stack([terms[:, 0] + terms[:, 3], ones]), groups, share),
        "precision": of_sums(np.column_stack([terms[:, 0], terms[:, 0] + terms[:, 2]]), groups, share),
        "recall": of_sums(np.column_stack([terms[:, 0], terms[:, 0] + terms[:, 1]]), groups, share),
        "F1": of_sums(terms, groups, f1),
    }
    for measure in MEASURES:
        name = f"{yes}: {measure}" + ("" if measure == "AUROC" else f" at {threshold:g}")
        table.spread(name, found[measure], n=n, target=asked.get(measure), note=note)
    counts = terms.sum(axis=0).astype(int).tolist()
    result.confusions.append(
        Confusion(
            f"{yes} at {threshold:g}, {of}: {table.split}", (yes, no), ((counts[0], counts[1]), (counts[2], counts[3]))
        )
    )
    drawn = curve(f"{yes}, {of}: {table.split}", score, truth, threshold)
    if drawn is not None:
        result.curves.append(drawn)
