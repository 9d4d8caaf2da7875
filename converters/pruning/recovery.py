"""Prune channels and train the rest: the smaller model learns from the whole one, and from labels where there are any.

In: a trained model, rows of data, how much to keep, how long to train. Out: the smaller model and what happened. Not
here: the surgery (``channels``), the training loop (``converters.training``), files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from converters.pruning.channels import Report, cell_sizes, prune_channels
from converters.pruning.rebuild import copied
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet
    from converters.evaluation.metrics import Metric
    from converters.training.finetune import FineTune


class Scores(NamedTuple):
    """Percent of a metric on rows that were not trained on (unless none were held out)."""

    metric: str
    rows: int
    before: float
    """The whole model."""
    pruned: float
    """All channels removed at once, before any training."""
    after: float


class Recovered(NamedTuple):
    """A pruned model that was trained."""

    model: Any
    report: Report
    losses: list[float]
    """Mean of each epoch, over all steps."""
    trained: int
    """Rows; 0 where no epoch was asked for."""
    scores: Scores | None
    """None without labels."""


def prune_and_train(
    model: Any,
    data: DataSet,
    *,
    keep: float,
    plan: FineTune,
    multiple: int = 8,
    minimum: int = 8,
    protect: Sequence[str] = (),
    steps: int = 1,
    held_out: float = 0.2,
    metric: Metric | None = None,
) -> Recovered:
    """Prune a part, train, prune on.

    Args:
        model: functional or Sequential Keras 3 model; not changed. It is the teacher.
        data: rows for the model; targets are optional.
        keep: share of channels at the end; what is removed is spread evenly over the steps.
        plan: ``epochs`` over all steps, the last one gets what is left over; 0 prunes only.
        multiple: see ``prune_channels``, as ``minimum`` and ``protect``.
        minimum: channels that a layer keeps at least.
        protect: layers that keep their channels.
        steps: at most one an epoch.
        held_out: share of the rows (of the groups where the data has them) kept for the scores when there are labels.
        metric: what the scores are; default: the data's own.

    Raises:
        ConvertError: as ``prune_channels`` and ``finetune``; data whose inputs do not fit.
    """
    from converters.training.finetune import check, finetune
    from converters.training.teachers import keras_teacher

    if steps < 1 or (plan.epochs and steps > plan.epochs) or (not plan.epochs and steps > 1):
        raise ConvertError(f"steps {steps}: must be at least 1 and at most one an epoch ({plan.epochs} epochs)")
    model = copied(model)  # functional, and nothing that is done here shows in the caller's
    _check_inputs(model, data)
    at_once = prune_channels(model, keep=keep, multiple=multiple, protect=protect, minimum=minimum)
    check(at_once.model, data, plan._replace(epochs=max(plan.epochs, 1)))
    train, judged = parted(data, held_out, seed=plan.seed)
    asked = known_metric(data, metric)
    losses: list[float] = []
    current, sizes = model, cell_sizes(model)
    for step in range(steps if plan.epochs else 0):
        share = 1 - (1 - keep) * (step + 1) / steps
        current = prune_channels(
            current, keep=share, multiple=multiple, protect=protect, minimum=minimum, sizes=sizes
        ).model
        rest = plan.epochs - len(losses) if step == steps - 1 else plan.epochs // steps
        part = plan._replace(epochs=rest)
        losses += finetune(current, train, teacher=keras_teacher(model), plan=part)
    small = current if plan.epochs else at_once.model
    scores = None
    if asked is not None:
        percents = [percent(one, judged, asked) for one in (model, at_once.model, small)]
        scores = Scores(str(asked), len(judged), *percents)
    return Recovered(small, at_once.report, losses, len(train) if plan.epochs else 0, scores)


def parted(data: DataSet, held_out: float, *, seed: int) -> tuple[DataSet, DataSet]:
    """Rows to train on and rows to score on; without labels, or with nothing held out, both are all rows."""
    from converters.training.distillation import split

    if not 0 <= held_out < 1:
        raise ConvertError(f"held out {held_out:g}: must be at least 0 and below 1")
    if not data.targets or not held_out:
        return data, data
    train, test = split(data, held_out, seed=seed)
    return data.rows(train), data.rows(test)


def percent(model: Any, data: DataSet, metric: Metric) -> float:
    """The metric of a Keras model on these rows."""
    from converters.evaluation.metrics import score
    from converters.training.teachers import keras_teacher, lessons

    return score(metric, lessons(keras_teacher(model), data.inputs)[metric.output], data.targets[metric.output])


def known_metric(data: DataSet, metric: Metric | None) -> Metric | None:
    """The metric that was asked for, else the data's own; None without labels.

    Raises:
        ConvertError: no labels for the output that was asked for.
    """
    from converters.evaluation.metrics import default_metric

    if metric is not None and metric.output not in data.targets:
        raise ConvertError(
            f"metric {metric}: no labels for {metric.output!r}; there are {', '.join(data.targets) or 'none'}"
        )
    return metric or (default_metric(data) if data.targets else None)


def _check_inputs(model: Any, data: DataSet) -> None:
    """Before the surgery, so that a wrong file is what is reported first."""
    for tensor in model.inputs:
        values, shape = data.inputs.get(tensor.name), tuple(tensor.shape[1:])
        if values is None:
            raise ConvertError(f"no data for input {tensor.name!r}; there is {', '.join(data.inputs) or 'nothing'}")
        if values.ndim - 1 != len(shape) or any(
            n not in (None, m) for n, m in zip(shape, values.shape[1:], strict=True)
        ):
            raise ConvertError(f"input {tensor.name!r}: rows have shape {values.shape[1:]}, the model takes {shape}")
