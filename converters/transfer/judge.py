"""Whether a graph that learnt is better than before: on rows kept apart, through the device's own engine.

In: the new graph, rows with what the old one said. Out: ``Score`` per label. Not here: deciding what follows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.transfer.rows import UNSAID, YES, Rows
from converters.transfer.targets import Target
from edge_mm.perception.litert import Graph

LEAST = 1 / 512
"""An int8 probability knows steps of 1/256: its 0 is taken as half of one."""


class Said(NamedTuple):
    """How well labels are answered."""

    log_loss: float
    """Mean surprise, nats: counts how sure it was, too."""
    auroc: float
    """NaN where one side is missing."""
    precision: float
    """At the threshold that ships; NaN where it was never said."""
    recall: float
    f1: float


class Score(NamedTuple):
    """One label, before and after."""

    label: str
    yes: int
    """Rows."""
    no: int
    people: int
    threshold: float
    before: Said
    after: Said
    others_moved: float
    """Largest mean change of an output that nobody labelled."""


def judged(content: bytes, rows: Rows, wanted: list[Target], *, name: str, stateful: bool = False) -> list[Score]:
    """Ask the new graph row by row.

    Args:
        content: the new graph.
        rows: kept apart.
        wanted: its targets.
        name: of the graph.
        stateful: whether it keeps a state.
    """
    graph = Graph(content, name=name, stateful=stateful)
    said = [graph(**{key: value[i] for key, value in rows.inputs.items()}) for i in range(len(rows))]
    after = {key: np.stack([one[key] for one in said]) for key in rows.answers}
    labelled = {target.output for target in wanted}
    moved = max((float(np.abs(after[k] - v).mean()) for k, v in rows.answers.items() if k not in labelled), default=0.0)
    scores = []
    for target in wanted:
        chosen = rows.truth[target.label] != UNSAID
        truth = rows.truth[target.label][chosen] == YES
        old, new = (_probability(answers[target.output][chosen], target) for answers in (rows.answers, after))
        people = len(np.unique(rows.people[chosen]))
        yes, no = int(truth.sum()), int((~truth).sum())
        before, after_it = _said(old, truth, target.threshold), _said(new, truth, target.threshold)
        scores.append(Score(target.label, yes, no, people, target.threshold, before, after_it, moved))
    return scores


def _probability(answer: npt.NDArray[Any], target: Target) -> npt.NDArray[np.float64]:
    flat = answer.reshape(len(answer), -1)
    return np.asarray(flat[:, 0 if target.place is None else target.place], np.float64)


def _said(score: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], threshold: float) -> Said:
    from sklearn.metrics import roc_auc_score

    sure = np.clip(score, LEAST, 1 - LEAST)
    surprise = -np.where(truth, np.log(sure), np.log(1 - sure)).mean()
    auroc = float(roc_auc_score(truth, score)) if truth.any() and not truth.all() else float("nan")
    yes = score >= threshold
    hit = int((yes & truth).sum())
    return Said(
        float(surprise), auroc, _ratio(hit, int(yes.sum())), _ratio(hit, int(truth.sum())),
        _ratio(2 * hit, int(yes.sum() + truth.sum())),
    )  # fmt: skip


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
