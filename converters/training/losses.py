"""What a student is charged for each of its outputs: what labels say and what a teacher says.

In: the student's outputs, labels and the teacher's answers for all rows. Out: terms, each a function of a batch.
Not here: the loop (``finetune``), how a teacher is asked (``teachers``).

What an output is decides how it is judged, and its last activation says what it is:

=========  =================================  ================================  =====================================
kind       is                                 labels                            teacher
=========  =================================  ================================  =====================================
classes    softmax                            cross-entropy                     KL at temperature T, times T**2
logits     linear, with labels that are       cross-entropy                     the same, from logits
           class indices
yes_no     sigmoid                            binary cross-entropy              binary cross-entropy on soft labels
values     anything else                      Huber, in units of the labels'    squared error over the teacher's
                                              spread                            variance
=========  =================================  ================================  =====================================

KL at a temperature: Hinton, Vinyals, Dean 2015, section 2; probabilities p stand for logits log p, which differ by a
constant that softmax does not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.training.answers import symbolic_outputs
from edge_mm.errors import ConvertError

Array = npt.NDArray[Any]

SHAPERS = ("reshape", "flatten", "squeeze", "identity", "dropout")
"""Layers behind which an activation is still the last one."""
TINY = 1e-7


class Term(NamedTuple):
    """One part of the loss."""

    output: str
    kind: str
    """``classes``, ``logits``, ``yes_no`` or ``values``."""
    source: str
    """``labels`` or ``teacher``."""
    weight: float
    wanted: Array
    """(n, ...) what the output should say; (n,) class indices for sparse labels."""
    scale: float
    """What an error is measured in; 1 where it has no unit."""


def terms(
    student: Any,
    targets: Mapping[str, Array],
    taught: Mapping[str, Array],
    *,
    label_weight: float,
    temperature: float,
) -> list[Term]:
    """The parts of the loss, in the order of the student's outputs.

    Args:
        student: Keras model.
        targets: output name -> (n, ...) labels; names that the student does not have are left out.
        taught: output name -> (n, ...) what the teacher answers.
        label_weight: 0..1 the labels' part where an output has both; an output with one of them is judged by that one.
        temperature: of the KL divergence, above 0.

    Raises:
        ConvertError: labels or answers do not fit an output, or there is nothing to learn from.
    """
    found = []
    outputs = symbolic_outputs(student)
    for name, tensor in outputs.items():
        kind = kind_of(tensor)
        labels, answer = targets.get(name), taught.get(name)
        if kind == "values" and labels is not None and labels.dtype.kind in "iu" and _are_indices(labels, tensor.shape):
            kind = "logits"
        share = label_weight if labels is not None and answer is not None else 1.0
        if labels is not None and share > 0:
            wanted, scale = _from_labels(name, kind, labels, tuple(tensor.shape[1:]))
            found.append(Term(name, kind, "labels", share, wanted, scale))
        share = 1.0 if labels is None else 1.0 - label_weight
        if answer is not None and share > 0:
            wanted, scale = _from_teacher(name, kind, answer, tuple(tensor.shape[1:]), temperature=temperature)
            found.append(Term(name, kind, "teacher", share, wanted, scale))
    if not found:
        raise ConvertError(
            f"nothing to learn from: the student answers {', '.join(outputs)}; labels are there for "
            f"{', '.join(targets) or 'nothing'}, the teacher answers {', '.join(taught) or 'nothing'}; "
            "name labels or the teacher's outputs as the student's"
        )
    return found


def loss(term: Term, said: Any, wanted: Any, *, temperature: float) -> Any:
    """What one batch costs, without the term's weight.

    Args:
        term: which loss.
        said: (b, ...) the student's output.
        wanted: (b, ...) the rows of ``term.wanted``.
        temperature: that ``term.wanted`` was made with.

    Returns:
        A scalar tensor: the mean over the batch.
    """
    import keras
    from keras import ops

    if term.kind in ("classes", "logits"):
        logits = term.kind == "logits"
        if term.source == "teacher":
            raw = said if logits else ops.log(said + TINY)
            told = ops.log(wanted + TINY) - ops.log_softmax(raw / temperature, axis=-1)
            return temperature**2 * ops.mean(ops.sum(wanted * told, axis=-1))
        if wanted.dtype.is_integer:
            return ops.mean(ops.sparse_categorical_crossentropy(wanted, said, from_logits=logits))
        return ops.mean(ops.categorical_crossentropy(wanted, said, from_logits=logits))
    if term.kind == "yes_no":
        return ops.mean(ops.binary_crossentropy(wanted, said))
    if term.source == "teacher":
        return ops.mean(ops.square(said - wanted)) / term.scale
    return ops.mean(keras.losses.huber(wanted / term.scale, said / term.scale))


def kind_of(tensor: Any) -> str:
    """``classes``, ``yes_no`` or ``values``, by the last activation before a Keras tensor of a graph."""
    import keras

    while True:
        history = tensor._keras_history
        operation = history.operation
        if isinstance(operation, keras.Model):
            tensor = operation.outputs[history.tensor_index]
            continue
        function = getattr(operation, "activation", None)
        name = getattr(function, "__name__", "") or type(operation).__name__.lower()
        if name in ("softmax", "sigmoid"):
            return "classes" if name == "softmax" else "yes_no"
        if type(operation).__name__.lower() not in SHAPERS:
            return "values"
        tensor = operation._inbound_nodes[history.node_index].input_tensors[0]


def _are_indices(labels: Array, shape: tuple[int | None, ...]) -> bool:
    """Whether labels are whole numbers, one for each row of an output of several values."""
    if len(shape) < 2 or (shape[-1] or 0) < 2 or not (labels == np.rint(labels)).all():
        return False
    return labels.ndim == len(shape) - 1 or (labels.ndim == len(shape) and labels.shape[-1] == 1)


def _from_labels(name: str, kind: str, labels: Array, shape: tuple[int | None, ...]) -> tuple[Array, float]:
    where = f"labels of output {name!r}"
    _refuse_nan(labels, where)
    if kind in ("classes", "logits") and _are_indices(labels, (None, *shape)):
        indices = labels.reshape(labels.shape[: len(shape)]).astype(np.int32)
        least, most, classes = indices.min(), indices.max(), shape[-1] or 0
        if least < 0 or most >= classes:
            raise ConvertError(
                f"{where}: class indices run from {least} to {most}, the model's from 0 to {classes - 1}"
            )
        return indices, 1.0
    wanted = _fitted(labels, shape, where)
    if kind in ("classes", "yes_no") and (wanted.min() < 0 or wanted.max() > 1):
        raise ConvertError(f"{where}: {wanted.min():g} to {wanted.max():g}, but the output is a probability: 0 to 1")
    return wanted, float(np.sqrt(_variance(wanted))) if kind == "values" else 1.0


def _from_teacher(
    name: str, kind: str, answer: Array, shape: tuple[int | None, ...], *, temperature: float
) -> tuple[Array, float]:
    where = f"the teacher's output {name!r}"
    _refuse_nan(answer, where)
    wanted = _fitted(answer, shape, where)
    sums = wanted.sum(axis=-1)
    shares = bool(wanted.min() > -0.01 and abs(np.median(sums) - 1) < 0.1)  # an int8 softmax does not sum to 1 sharply
    if kind == "classes" and not shares:
        raise ConvertError(
            f"{where}: the student's is a softmax, the teacher's rows sum to {np.median(sums):.3g}: end it in a softmax"
        )
    if kind in ("classes", "logits") and shares:
        # an int8 softmax knows only steps of 1/256: what it calls 0 is taken as half of the least that it can say
        least = np.min(wanted, initial=1.0, where=wanted > 0) / 2
        wanted = np.log(np.maximum(wanted, np.clip(least, TINY, 1 / 512)))
    if kind in ("classes", "logits"):
        raised = np.exp((wanted - wanted.max(axis=-1, keepdims=True)) / temperature)
        wanted = raised / raised.sum(axis=-1, keepdims=True)
    if kind == "yes_no":
        wanted = np.clip(wanted, 0, 1)
    return wanted.astype(np.float32), _variance(wanted) if kind == "values" else 1.0


def _refuse_nan(values: Array, where: str) -> None:
    bad = int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
    if bad:
        raise ConvertError(f"{where}: {bad} of {len(values)} rows hold NaN or infinity: remove or mend them")


def _fitted(values: Array, shape: tuple[int | None, ...], where: str) -> Array:
    """As float32 in the output's shape; only axes of length one may differ."""
    want, have = [[n for n in s if n != 1] for s in (shape, values.shape[1:])]
    if len(want) != len(have) or any(n not in (None, m) for n, m in zip(want, have, strict=True)):
        raise ConvertError(f"{where}: rows have shape {values.shape[1:]}, the student's output {shape}")
    if None in shape:
        return values.astype(np.float32)
    return values.astype(np.float32).reshape(len(values), *(n or 1 for n in shape))


def _variance(values: Array) -> float:
    """Of all components about their own means; what hardly moves is measured against its own size instead."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    return float(max(rows.var(axis=0).mean(), 1e-3 * np.square(rows).mean(), 1e-12))
