"""The task's metric: a name, how it is written on the command line, and the score in percent.

In: what a graph said of n rows, the targets. Out: percent, 0..100, more is better. A metric is a ``Tally``: numbers per
row whose weighted sums give the score, so that the bootstrap can resample it without scoring anew. scikit-learn's
functions of the same names are the reference in the tests. Not here: how sure a score is (``bootstrap``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.labels import Decisions, decisions, numbers
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

Array = npt.NDArray[np.float64]

KINDS = ("accuracy", "f1", "auroc", "within")
RANGE_SHARE = 0.05
"""Default tolerance of ``within``: this share of the range between the 5th and the 95th percentile of the targets."""


class Metric(NamedTuple):
    """What the float and the int8 graph are judged by."""

    kind: str
    """``accuracy`` (right decisions), ``f1`` (macro), ``auroc`` (one against the rest, macro), ``within``."""
    output: str
    """The output it is about."""
    tolerance: float = 0.0
    """Of ``within``: the largest error that counts as right, in the targets' unit."""

    @property
    def label(self) -> str:
        """For people."""
        if self.kind == "within":
            return f"share of {self.output} within {self.tolerance:g}"
        return f"{'AUROC' if self.kind == 'auroc' else 'F1' if self.kind == 'f1' else self.kind} of {self.output}"

    def __str__(self) -> str:
        """As on the command line."""
        end = f":{self.tolerance:g}" if self.kind == "within" else ""
        return f"{self.kind}:{self.output}{end}"


class Sums(NamedTuple):
    """A metric that only needs sums over rows."""

    rows: Array
    """(n, k) terms of each row."""
    percent: Callable[[Array], Array]
    """Weighted sums of the terms, (m, k) -> percent (m,)."""
    right: Array
    """(k,) terms of an imaginary typical row that is answered rightly."""
    wrong: Array
    """(k,) terms of the same row answered wrongly."""


class Tally(NamedTuple):
    """A metric over fixed rows, to be weighted: a row that a resample draws twice has the weight 2."""

    rows: int
    percent: Callable[[Array], Array]
    """Weights (m, n) >= 0 -> percent (m,); NaN where the drawn rows cannot be scored (one class only)."""
    sums: Sums | None
    """None for ``auroc``, which needs the order of all rows."""


def parse_metric(text: str) -> Metric:
    """Read ``KIND:OUTPUT`` or ``within:OUTPUT:TOLERANCE``.

    Raises:
        ConvertError: another kind, no output, no tolerance.
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise ConvertError(f"metric {text!r}: must begin with one of {', '.join(KINDS)}")
    if kind != "within":
        if not rest:
            raise ConvertError(f"metric {text!r}: says no output; write {kind}:NAME")
        return Metric(kind, rest)
    output, _, number = rest.rpartition(":")
    try:
        tolerance = float(number)
    except ValueError:
        tolerance = float("nan")
    if not output or not 0 <= tolerance < float("inf"):
        raise ConvertError(f"metric {text!r}: write within:NAME:TOLERANCE, e.g. within:points:0.05")
    return Metric(kind, output, tolerance)


def default_metric(data: DataSet) -> Metric:
    """Accuracy of the first output whose targets are classes or yes/no; else ``within`` of the first output.

    The tolerance is then ``RANGE_SHARE`` of the targets' range.

    Raises:
        ConvertError: the data has no targets.
    """
    if not data.targets:
        raise ConvertError("the data has no targets: store an array of labels under the output's name")
    for name, truth in data.targets.items():
        if _decides(truth):
            return Metric("accuracy", name)
    return _near_enough(*next(iter(data.targets.items())))


def all_metrics(data: DataSet, first: Metric | None = None) -> list[Metric]:
    """``first`` (``default_metric`` if None), then one for each other output that has targets: of the same kind where
    its targets are decisions too, else ``within``. A model of several tasks is judged by all of them.

    Raises:
        ConvertError: the data has no targets.
    """
    first = first or default_metric(data)
    kind = "accuracy" if first.kind == "within" else first.kind
    others = {name: truth for name, truth in data.targets.items() if name != first.output}
    return [
        first,
        *(Metric(kind, name) if _decides(truth) else _near_enough(name, truth) for name, truth in others.items()),
    ]


def chance(metric: Metric, truth: npt.NDArray[Any], said: npt.NDArray[Any]) -> float | None:
    """Percent that a graph may reach on these rows without looking at them; arguments and errors as ``score``.

    ``accuracy``: always the most frequent class; ``auroc``: 50. Two standard errors are added (of a share; of the
    Mann-Whitney statistic of the rarest class, Mason and Graham, Q. J. R. Meteorol. Soc. 128, 2002). None where it is
    not known (``f1``, ``within``).
    """
    if metric.kind not in ("accuracy", "auroc"):
        return None
    read = decisions(said, truth, output=metric.output)
    columns = list(read.truth.T) if read.labels else [read.truth.ravel()]
    shares, margins = [], []
    for one in columns:
        counts, n = np.unique(one, return_counts=True)[1], one.size
        often, rare = counts.max() / n, counts.min()
        if metric.kind == "accuracy":
            shares.append(often)
            margins.append(np.sqrt(often * (1 - often) / n))
        elif rare < n:
            shares.append(0.5)
            margins.append(np.sqrt((n + 1) / (12 * rare * (n - rare))))
    return float(min(100.0, 100 * (np.mean(shares) + 2 * np.mean(margins)))) if shares else None


def _decides(truth: npt.NDArray[Any]) -> bool:
    """Whether targets are classes or yes/no, and not values."""
    if truth.dtype.kind in "biu" or (truth.size and np.isin(truth, (0, 1)).all()):
        return True
    return bool(truth.ndim > 1 and truth.size and truth.min() >= 0 and np.allclose(truth.sum(axis=-1), 1, atol=1e-3))


def _near_enough(name: str, truth: npt.NDArray[Any]) -> Metric:
    low, high = np.percentile(numbers(truth, truth, output=name)[0], (5, 95))
    tolerance = RANGE_SHARE * float(high - low)
    return Metric("within", name, float(f"{tolerance:.3g}"))


def score(metric: Metric, said: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """The metric in percent.

    Args:
        metric: which.
        said: (n, ...) what a graph said at ``metric.output``.
        truth: (n, ...) its targets, in one of the forms of ``labels.decisions``; for ``within`` in the output's shape.

    Raises:
        ConvertError: the shapes do not fit, a value is not a number, or ``auroc`` of targets of one class only.
    """
    made = tally(metric, said, truth)
    return float(made.percent(np.ones((1, made.rows)))[0])


def tally(metric: Metric, said: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Tally:
    """The metric over these rows, ready to be weighted; arguments and errors as ``score``."""
    if metric.kind == "within":
        return _shares(_near(metric, said, truth))
    read = decisions(said, truth, output=metric.output)
    if metric.kind == "accuracy":
        return _shares((read.said == read.truth).mean(axis=1))
    if metric.kind == "f1":
        return _f1(read)
    return _auroc(read, metric.output)


def _near(metric: Metric, said: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Array:
    real, true = numbers(said, truth, output=metric.output)
    if real.size != true.size or _core(real.shape) != _core(true.shape):
        raise ConvertError(
            f"output {metric.output}: {real.shape[1:]} per row said, {true.shape[1:]} per row in the targets; "
            "within needs targets in the output's own shape"
        )
    near = np.abs(real.reshape(len(real), -1) - true.reshape(len(true), -1)) <= metric.tolerance
    shares: Array = near.mean(axis=1)
    return shares


def _core(shape: tuple[int, ...]) -> list[int]:
    return [side for side in shape[1:] if side != 1]


def _shares(share: Array) -> Tally:
    """A mean over rows: of right decisions, of near values."""

    def of_sums(sums: Array) -> Array:
        result: Array = 100 * sums[:, 0] / sums[:, 1]
        return result

    return _additive(np.column_stack([share, np.ones(len(share))]), of_sums, np.array([1.0, 1.0]), np.array([0.0, 1.0]))


def _f1(read: Decisions) -> Tally:
    """Mean F1 of the classes that occur in the targets; of the yes of each label where there are several labels."""
    if read.labels:
        hit, said, true = (read.said & read.truth), read.said, read.truth
    else:
        kinds = np.unique(read.truth)
        mine, theirs = read.said[:, :, None] == kinds, read.truth[:, :, None] == kinds
        hit, said, true = (mine & theirs).sum(axis=1), mine.sum(axis=1), theirs.sum(axis=1)

    def of_sums(sums: Array) -> Array:
        both, one, other = np.split(sums, 3, axis=1)
        with np.errstate(invalid="ignore"):  # a class that a resample neither drew nor said is left out: 0 / 0
            return _mean_of_numbers(200 * both / (one + other))

    mean = true.mean(axis=0)
    right, wrong = np.hstack([mean, mean, mean]), np.hstack([0 * mean, mean, mean])
    return _additive(np.hstack([hit, said, true]).astype(np.float64), of_sums, right, wrong)


def _additive(sums: Array, of_sums: Callable[[Array], Array], right: Array, wrong: Array) -> Tally:
    return Tally(len(sums), lambda weights: of_sums(weights @ sums), Sums(sums, of_sums, right, wrong))


def _auroc(read: Decisions, output: str) -> Tally:
    if read.scores is None:
        raise ConvertError(f"output {output}: auroc needs probabilities, the output holds class indices")
    steps = read.truth.shape[1]
    if read.scores.ndim == 2:
        pairs = [(read.scores[:, [j]], read.truth[:, [j]] == 1) for j in range(steps)]
    else:
        wanted = [1] if read.scores.shape[2] == 2 else list(range(read.scores.shape[2]))
        pairs = [(read.scores[:, :, c], read.truth == c) for c in wanted]
    pairs = [(values, true) for values, true in pairs if true.any() and not true.all()]
    if not pairs:
        raise ConvertError(f"output {output}: auroc needs targets of two classes, all rows are of one class")
    ranked = [_Ranked.of(values, true) for values, true in pairs]

    def percent(weights: Array) -> Array:
        return _mean_of_numbers(np.column_stack([100 * one.area(weights) for one in ranked]))

    return Tally(len(read.truth), percent, None)


class _Ranked(NamedTuple):
    """Scores in rising order, equal ones together."""

    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    true: Array

    @classmethod
    def of(cls, values: Array, true: npt.NDArray[np.bool_]) -> _Ranked:
        flat = values.ravel()
        order = np.argsort(flat, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(flat[order]) > 0])
        return cls(order // values.shape[1], starts, true.ravel()[order].astype(np.float64))

    def area(self, weights: Array) -> Array:
        """(m, n) weights -> (m,): how often a true row is above a false one, ties count half; NaN without both."""
        drawn = weights[:, self.order]
        high = np.add.reduceat(drawn * self.true, self.starts, axis=1)
        low = np.add.reduceat(drawn, self.starts, axis=1) - high
        wins = (high * (np.cumsum(low, axis=1) - low / 2)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            result: Array = wins / (high.sum(axis=1) * low.sum(axis=1))
        return result


def _mean_of_numbers(values: Array) -> Array:
    """Row means without NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        result: Array = np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)
    return result
