"""Distil: a student learns the soft answers and the embeddings of a teacher that is larger than it.

In: a student, a teacher, rows of data, which embedding of the teacher belongs to which of the student. Out: the
student, trained in place, and what happened. Embeddings of another width are compared through a linear projection that
learns along and is thrown away (FitNets: Romero et al. 2015). Not here: losses, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet
from converters.evaluation.metrics import Metric, default_metric, score
from converters.training.answers import symbolic_outputs
from converters.training.finetune import FineTune, check, learn
from converters.training.losses import kind_of
from converters.training.teachers import Teacher, keras_teacher, lessons, tapped
from edge_mm.errors import ConvertError

Array = npt.NDArray[np.float32]


class Hint(NamedTuple):
    """An embedding that the student is to take over."""

    teacher: str
    """Name of an output of the teacher."""
    student: str
    """Name of an output of the student, or of one of its layers."""

    @property
    def name(self) -> str:
        """Of the output that it gets while it is learnt."""
        return f"{self.teacher} -> {self.student}"


class Scores(NamedTuple):
    """Percent of a metric on rows that were not trained on (unless none were held out)."""

    metric: str
    rows: int
    teacher: float | None
    """None where the teacher does not answer what is asked."""
    before: float
    after: float


class Outcome(NamedTuple):
    """What happened."""

    losses: list[float]
    """Mean of each epoch."""
    matched: list[str]
    """Outputs that both have, and hints of one width."""
    projected: list[str]
    """Hints that needed a projection."""
    student_alone: list[str]
    """Outputs that no teacher taught."""
    teacher_alone: list[str]
    """Outputs of the teacher that nobody learnt."""
    trained: int
    """Rows."""
    scores: Scores | None
    """None without labels."""


def distil(
    student: Any,
    data: DataSet,
    *,
    teacher: Teacher,
    plan: FineTune,
    hints: Sequence[Hint] = (),
    held_out: float = 0.2,
    metric: Metric | None = None,
) -> Outcome:
    """Train a student in place; outputs belong together by their names.

    Args:
        student: Keras 3 functional model, trained or not.
        data: inputs of student and teacher; labels are optional.
        teacher: asked once for each row.
        plan: epochs, temperature and weights.
        hints: embeddings whose names differ; those of one name are found, whatever their widths.
        held_out: share of the rows (of the groups where the data has them) kept for the scores when there are labels;
            0 scores on the rows that were trained on.
        metric: default: the data's own, see ``default_metric``.

    Raises:
        ConvertError: no output in common and no hint; data, labels or hints that do not fit.
    """
    check(student, data, plan)
    if not 0 <= held_out < 1:
        raise ConvertError(f"held out {held_out:g}: must be at least 0 and below 1")
    taught = lessons(teacher, data.inputs)
    outputs = symbolic_outputs(student)
    hints = [*hints, *_by_name(outputs, taught, data, hints)]
    matched = [name for name in outputs if name in taught and Hint(name, name) not in hints]
    if not matched and not hints:
        raise ConvertError(
            f"teacher and student have no output in common: {', '.join(taught)} against {', '.join(outputs)}; "
            "name those that belong together with --embedding-map TEACHER:STUDENT"
        )
    for name, values in taught.items():
        if not np.isfinite(values).all():
            raise ConvertError(f"the teacher says NaN or infinity at output {name!r}: mend it first")
    learner, projected = _with_hints(student, taught, hints, seed=plan.seed)
    lesson = {**{name: taught[name] for name in matched}, **{hint.name: taught[hint.teacher] for hint in hints}}
    own = DataSet(data.inputs, {k: v for k, v in data.targets.items() if k in outputs}, data.groups, data.digest)
    train, test = split(own, held_out, seed=plan.seed) if own.targets else (np.arange(len(data)), np.arange(0))
    judged = test if len(test) else train
    asked = (metric or default_metric(own)) if own.targets else None
    if asked is not None and (asked.output not in own.targets):
        raise ConvertError(f"metric {asked}: no labels for output {asked.output!r}; there are {', '.join(own.targets)}")
    before = _scored(student, own.rows(judged), asked)
    losses = learn(learner, own.rows(train), taught={name: values[train] for name, values in lesson.items()}, plan=plan)
    scores = None
    if asked is not None:
        known = asked.output in taught
        best = score(asked, taught[asked.output][judged], own.targets[asked.output][judged]) if known else None
        scores = Scores(str(asked), len(judged), best, before, _scored(student, own.rows(judged), asked))
    used = {*matched, *(hint.teacher for hint in hints)}
    guided = {*matched, *(hint.student for hint in hints)}
    return Outcome(
        losses,
        [*matched, *(hint.name for hint in hints if hint.name not in projected)],
        projected,
        [name for name in outputs if name not in guided],
        [name for name in taught if name not in used],
        len(train),
        scores,
    )


def split(data: DataSet, held_out: float, *, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows to train on and rows to score on, in rising order; a group is never on both sides.

    Raises:
        ConvertError: nothing would be left to train on or to score on.
    """
    if held_out == 0:
        return np.arange(len(data)), np.arange(0)
    groups = np.arange(len(data)) if data.groups is None else np.unique(data.groups, return_inverse=True)[1].ravel()
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    count = round(held_out * len(order))
    if not 0 < count < len(order):
        raise ConvertError(
            f"{len(order)} {'rows' if data.groups is None else 'groups'} cannot be parted with {held_out:g} held out: "
            "give more data, or --held-out 0 to score on the rows that are trained on"
        )
    test = np.isin(groups, order[:count])
    return np.flatnonzero(~test), np.flatnonzero(test)


def _by_name(
    outputs: Mapping[str, Any], taught: Mapping[str, Array], data: DataSet, hints: Sequence[Hint]
) -> list[Hint]:
    """Outputs of one name that are embeddings of another width: they need a projection too."""
    return [
        Hint(name, name)
        for name, tensor in outputs.items()
        if name in taught
        and name not in data.targets
        and Hint(name, name) not in hints
        and kind_of(tensor) == "values"
        and len(tensor.shape) > 1
        and tuple(tensor.shape[1:-1]) == taught[name].shape[1:-1]
        and tensor.shape[-1] != taught[name].shape[-1]
    ]


def _with_hints(
    student: Any, taught: Mapping[str, Array], hints: Sequence[Hint], *, seed: int
) -> tuple[Any, list[str]]:
    """The student with one more output for each hint; its layers are the student's own."""
    import keras

    outputs = symbolic_outputs(student)
    projected: list[str] = []
    for hint in hints:
        if hint.teacher not in taught:
            raise ConvertError(f"embedding {hint.name}: the teacher answers {', '.join(taught)}, no {hint.teacher!r}")
        tensor = tapped(student, hint.student, who="student")
        mine, wanted = tuple(tensor.shape[1:]), taught[hint.teacher].shape[1:]
        if not mine or not wanted or mine[:-1] != wanted[:-1]:
            raise ConvertError(
                f"embedding {hint.name}: {wanted} of the teacher, {mine} of the student differ in more than width"
            )
        if mine[-1] != wanted[-1]:
            # at the student's end: the teacher is to be followed, not to be made simple
            first = keras.initializers.GlorotUniform(seed=seed)
            name = f"projection_{len(projected)}"
            tensor = keras.layers.Dense(wanted[-1], kernel_initializer=first, name=name)(tensor)
            projected.append(hint.name)
        outputs[hint.name] = tensor
    return (keras.Model(student.inputs, outputs) if hints else student), projected


def _scored(student: Any, data: DataSet, metric: Metric | None) -> float:
    if metric is None:
        return float("nan")
    return score(metric, lessons(keras_teacher(student), data.inputs)[metric.output], data.targets[metric.output])
