"""How much the int8 graph loses, and how sure that is: a paired bootstrap.

In: what the float and the int8 graph said of the same rows, the targets, the group (person, record) of each row. Out:
a ``Loss`` in percentage points with its interval, and a ``Judgement`` of it. Not here: running graphs, what to do then.

Paired: both graphs are scored on the same resample (Efron and Tibshirani, An Introduction to the Bootstrap, 1993), so
what is hard for both cancels out. Rows of one person resemble each other, so whole groups are drawn where they are
known. The interval is that of the percentiles, with one correction: where the two graphs hardly ever differ, the rows
at hand hold no loss to draw, and an interval from 0 to 0 would be a boast. The upper end therefore counts one imaginary
row more that only the float graph answers rightly, drawn like the others (Poisson, mean 1). Without any difference in
n rows it is 3/n, which is the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983): 300 rows for 1 percentage point.
``auroc`` has the plain percentiles: it moves with every score, not only with those that cross a threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.metrics import Array, Metric, Sums, Tally, tally
from edge_mm.errors import ConvertError

MIN_ROWS, MIN_GROUPS = 50, 2
"""Fewer rows, or fewer groups where groups are given, are not judged at all."""
FEW_GROUPS = 10
"""Below this an interval over groups is said to be rough."""
RESAMPLES, RANKED_RESAMPLES = 10_000, 2_000
"""Of metrics that are sums; of ``auroc``, which ranks all rows again in each."""
SCORED = 0.95
"""Share of the resamples that must have a score (``auroc`` needs both classes in each)."""
_CHUNK = 2_000_000
"""Weights drawn at once: 16 MB."""


class Loss(NamedTuple):
    """What the int8 graph loses on these rows; percentage points, positive is worse than float."""

    metric: Metric
    float_percent: float
    int8_percent: float
    loss_pp: float
    """Float minus int8."""
    low_pp: float
    high_pp: float
    """Ends of the interval."""
    confidence: float
    """Of the interval, 0.95."""
    rows: int
    groups: int | None
    """Groups drawn; None where rows are."""
    scored: float
    """Share of the resamples that have a score."""
    draws: Array
    """Losses of the resamples, without the imaginary row."""
    chance: float | None = None
    """Percent that may be reached without looking (``metrics.chance``); None where it is not known."""


class Judgement(NamedTuple):
    """A loss against the allowed one."""

    outcome: Literal["passes", "loses", "too little data", "no better than chance"]
    sentence: str


def paired_bootstrap(
    metric: Metric,
    said: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    truth: npt.NDArray[Any],
    *,
    groups: npt.NDArray[Any] | None = None,
    confidence: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Loss:
    """The loss of a metric from float to int8, with its interval.

    Args:
        metric: which; about one output.
        said: (n, ...) of the float graph, (n, ...) of the int8 graph, row by row.
        truth: (n, ...) targets.
        groups: (n,) person, record or clip of each row.
        confidence: of the interval, between 0 and 1.
        resamples: how many; by default ``RESAMPLES`` or ``RANKED_RESAMPLES``.
        seed: the same seed gives the same interval.

    Raises:
        ConvertError: shapes that do not fit each other, values that are not numbers, auroc of one class.
    """
    if not 0 < confidence < 1:
        raise ConvertError(f"confidence {confidence:g}: must be between 0 and 1, e.g. 0.95")
    real, int8 = (tally(metric, one, truth) for one in said)
    if groups is not None and len(groups) != real.rows:
        raise ConvertError(f"group: {len(groups)} entries for {real.rows} rows")
    group = None if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    rng = np.random.default_rng(seed)
    if real.sums is None or int8.sums is None:
        draws = raised = _ranked(real, int8, group, resamples or RANKED_RESAMPLES, rng)
    else:
        draws, raised = _summed(real.sums, int8.sums, group, resamples or RESAMPLES, rng)
    whole = np.ones((1, real.rows))
    scores = float(real.percent(whole)[0]), float(int8.percent(whole)[0])
    known = np.isfinite(draws)
    tail = 50 * (1 - confidence)
    low = float(np.percentile(draws[known], tail)) if known.any() else float("nan")
    high = float(np.percentile(raised[known], 100 - tail)) if known.any() else float("nan")
    count = None if group is None else int(group.max()) + 1
    return Loss(
        metric,
        *scores,
        scores[0] - scores[1],
        low,
        high,
        confidence,
        real.rows,
        count,
        float(known.mean()),
        draws[known],
    )


def judge(loss: Loss, *, max_loss_pp: float = 1.0, words: tuple[str, str] = ("in float", "in int8")) -> Judgement:
    """Passes when the whole interval is within the allowed loss, loses when none of it is; else the data says neither.
    Where the float graph is no better than chance nothing can be lost, and nothing is judged.

    Args:
        loss: from ``paired_bootstrap``.
        max_loss_pp: allowed, percentage points.
        words: what the first and the second score are of.
    """
    of = f"{loss.rows} rows" + ("" if loss.groups is None else f" of {loss.groups} groups")
    unfit = ""
    if loss.rows < MIN_ROWS:
        unfit = f"{of} are too few to judge; give {MIN_ROWS} or more"
    elif loss.groups is not None and loss.groups < MIN_GROUPS:
        unfit = f"all rows are of one group, so nothing is known of another; give {MIN_GROUPS} or more"
    elif loss.scored < SCORED:
        unfit = f"in {1 - loss.scored:.0%} of the resamples of {of} a class was missing; give more of it"
    if unfit:
        return Judgement("too little data", f"{loss.metric.label}: {unfit}")
    if loss.chance is not None and loss.float_percent < loss.chance:
        return Judgement(
            "no better than chance",
            f"{loss.metric.label}: {loss.float_percent:.2f} % {words[0]}, up to {loss.chance:.2f} % without "
            f"looking at the {of}: nothing is there that could be lost",
        )
    measured = (
        f"{loss.metric.label}: {loss.float_percent:.2f} % {words[0]}, {loss.int8_percent:.2f} % {words[1]}, a loss of "
        f"{loss.loss_pp:.2f} points ({100 * loss.confidence:g} % interval {loss.low_pp:.2f} to {loss.high_pp:.2f} "
        f"from {of}), at most {max_loss_pp:g} allowed"
    )
    if loss.groups is not None and loss.groups < FEW_GROUPS:
        measured += " (few groups: the interval is rough)"
    if loss.high_pp <= max_loss_pp:
        return Judgement("passes", measured)
    if loss.low_pp > max_loss_pp:
        return Judgement("loses", f"{measured}: it loses too much")
    return Judgement("too little data", f"{measured}: too little data to judge; {_needed(loss, max_loss_pp)}")


def _needed(loss: Loss, limit: float) -> str:
    """About how much data would bring the nearer end of the interval to the limit: widths fall with the root of n."""
    if loss.loss_pp < limit:
        factor = ((loss.high_pp - loss.loss_pp) / (limit - loss.loss_pp)) ** 2
        if not loss.draws.any():
            factor = factor**0.5  # no difference at all: the rule of three falls with n itself
    elif loss.loss_pp > limit:
        factor = ((loss.loss_pp - loss.low_pp) / (loss.loss_pp - limit)) ** 2
    else:
        factor = float("inf")
    if factor > 1000:
        return "the loss is at the limit, no reasonable amount would tell"
    rows = _rounded_up(factor * loss.rows)
    also = "" if loss.groups is None else f" of {_rounded_up(factor * loss.groups)} groups"
    return f"about {rows} rows{also} would tell, if the loss stays what it is"


def _rounded_up(count: float) -> int:
    step = 10 ** max(0, int(np.floor(np.log10(max(count, 1)))) - 1)
    return int(np.ceil(count / step) * step)


def _summed(
    real: Sums, int8: Sums, group: npt.NDArray[np.intp] | None, resamples: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Losses of the resamples, without and with the imaginary row.

    Equal units are drawn together: with accuracy there are four kinds of rows, so 10,000 resamples cost nothing.
    """
    both = np.hstack([real.rows, int8.rows])
    if group is not None:
        units = np.zeros((int(group.max()) + 1, both.shape[1]))
        np.add.at(units, group, both)
        both = units
    kinds, counts = np.unique(both, axis=0, return_counts=True)
    sums = np.concatenate([drawn @ kinds for drawn in _weights(counts, resamples, rng)])
    once = rng.poisson(1.0, (resamples, 1))
    width = real.rows.shape[1]
    one, two = sums[:, :width], sums[:, width:]
    draws = real.percent(one) - int8.percent(two)
    return draws, real.percent(one + once * real.right) - int8.percent(two + once * int8.wrong)


def _ranked(
    real: Tally, int8: Tally, group: npt.NDArray[np.intp] | None, resamples: int, rng: np.random.Generator
) -> Array:
    units = np.arange(real.rows) if group is None else group
    counts = np.ones(int(units.max()) + 1, np.int64)
    drawn = (weights[:, units] for weights in _weights(counts, resamples, rng, wide=real.rows))
    return np.concatenate([real.percent(weights) - int8.percent(weights) for weights in drawn])


def _weights(
    counts: npt.NDArray[np.int64], resamples: int, rng: np.random.Generator, *, wide: int = 0
) -> Iterator[Array]:
    """Chunks of (m, kinds) how often each kind is drawn, in as many draws as there are units."""
    total = int(counts.sum())
    step = max(1, _CHUNK // max(len(counts), wide))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        yield rng.multinomial(total, counts / total, rows).astype(np.float64)
