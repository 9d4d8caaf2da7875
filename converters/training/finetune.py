"""Train a Keras model further: on labels, on what a teacher answers, or on both.

In: a student, rows of data, perhaps a teacher. Out: the student, trained in place, and the loss of each epoch.
Not here: what is charged (``losses``), what is asked of the command line (``converters.verbs.distill``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet
from converters.training.answers import answers, input_names
from converters.training.losses import Term, loss, terms
from converters.training.strategy import Strategy
from converters.training.teachers import Teacher, lessons
from edge_mm.errors import ConvertError

WEIGHT_DECAY = 1e-4
"""Of kernels only: a decayed bias or BatchNorm scale shifts what the layer says for nothing."""
CLIP_NORM = 1.0
"""One bad batch must not undo a trained net."""
MOMENTUM = 0.9
"""Of BatchNorm's means at most, while we train: at Keras's 0.99 they are half of the old ones after 70 steps, and what
a short training taught is lost when the model is used (digits, 76 steps, three seeds: 91 % right, 93 % with 0.9)."""


class FineTune(NamedTuple):
    """How long and on what."""

    epochs: int = 10
    batch: int = 64
    """At most; all batches have the same size."""
    rate: float = 1e-3
    """Learning rate of the first step; falls to 0 along a cosine (Loshchilov, Hutter 2017)."""
    label_weight: float = 0.5
    """0..1: the labels' part where an output has labels and a teacher."""
    temperature: float = 2.0
    seed: int = 0


def finetune(
    student: Any,
    data: DataSet,
    *,
    teacher: Teacher | None,
    plan: FineTune,
    on_step: Callable[[Any], None] | None = None,
) -> list[float]:
    """Train in place with AdamW; BatchNorm and Dropout as in training.

    An output that has neither labels nor a counterpart among the teacher's outputs costs nothing. The same student,
    data, plan and TensorFlow give the same weights on one machine.

    Args:
        student: Keras 3 functional model.
        data: inputs by the student's names; ``targets`` may be empty where there is a teacher.
        teacher: asked once for each row before the first step.
        plan: epochs, batch, rate and weights.
        on_step: called with the student after each step, for example to keep pruned weights at zero.

    Returns:
        Mean loss of each epoch.

    Raises:
        ConvertError: data does not fit, there is nothing to learn from, or the loss is no longer finite.
    """
    check(student, data, plan)
    return learn(
        student, data, taught={} if teacher is None else lessons(teacher, data.inputs), plan=plan, on_step=on_step
    )


def learn(
    student: Any,
    data: DataSet,
    *,
    taught: Mapping[str, npt.NDArray[np.float32]],
    plan: FineTune,
    on_step: Callable[[Any], None] | None = None,
    on_epoch: Callable[[int, float], bool] | None = None,
    strategy: Strategy | None = None,
) -> list[float]:
    """``finetune`` by a teacher that has answered already.

    Args:
        student: as there; made in the scope of the strategy.
        data: as there.
        taught: output name -> (n, ...) what the teacher said; may be empty.
        plan: as there.
        on_step: as there.
        on_epoch: is told the number of each epoch, from 0, and its mean loss; True ends the training.
        strategy: how a step is spread over devices; one device when None.

    Returns:
        Mean loss of each epoch.

    Raises:
        ConvertError: as there.
    """
    import keras

    check(student, data, plan)
    parts = terms(student, data.targets, taught, label_weight=plan.label_weight, temperature=plan.temperature)
    keras.utils.set_random_seed(plan.seed)
    _seed_dropout(student, plan.seed)
    over = strategy or Strategy()
    if len(data) < over.replicas:
        raise ConvertError(f"{len(data)} rows cannot be shared between {over.replicas} replicas")
    step = _step(student, parts, plan, over, total=-(-len(data) // plan.batch) * plan.epochs)
    with _quick_norms(student):
        return _epochs(student, step, parts, data, plan=plan, on_step=on_step, on_epoch=on_epoch, over=over)


def _epochs(
    student: Any,
    step: Callable[..., Any],
    parts: list[Term],
    data: DataSet,
    *,
    plan: FineTune,
    on_step: Callable[[Any], None] | None,
    on_epoch: Callable[[int, float], bool] | None,
    over: Strategy,
) -> list[float]:
    import tensorflow as tf
    from tqdm import tqdm

    steps = -(-len(data) // plan.batch)
    size = len(data) // steps
    rng = np.random.default_rng(plan.seed)
    losses = []
    for epoch in range(plan.epochs):
        chosen = rng.permutation(len(data))[: steps * size].reshape(steps, size)
        costs = []
        for drawn in tqdm(chosen, desc=f"epoch {epoch + 1} of {plan.epochs}", unit="step", disable=None, leave=False):
            rows = over.even(drawn)
            # tensors, so that the step is traced once
            given = {name: tf.convert_to_tensor(data.inputs[name][rows], tf.float32) for name in input_names(student)}
            costs.append(float(step(given, [tf.convert_to_tensor(part.wanted[rows]) for part in parts])))
            if not np.isfinite(costs[-1]):
                raise ConvertError(
                    f"the loss is {costs[-1]} at step {epoch * steps + len(costs)} (epoch {epoch + 1}): "
                    "take a lower rate, and look for outliers in the data"
                )
            if on_step is not None:
                on_step(student)
        losses.append(float(np.mean(costs)))
        if on_epoch is not None and on_epoch(epoch, losses[-1]):
            break
    return losses


def _step(student: Any, parts: list[Term], plan: FineTune, over: Strategy, *, total: int) -> Callable[..., Any]:
    import keras
    import tensorflow as tf

    weights = student.trainable_variables
    with over.scope():
        optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(plan.rate, total),
            weight_decay=WEIGHT_DECAY,
            global_clipnorm=CLIP_NORM / over.replicas,  # of as large a part of the gradient, see Strategy.step
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        optimizer.build(weights)

    def cost(inputs: Mapping[str, Any], wanted: list[Any]) -> Any:
        said = answers(student, inputs, training=True)
        costs = [
            part.weight * loss(part, said[part.output], rows, temperature=plan.temperature)
            for part, rows in zip(parts, wanted, strict=True)
        ]
        return tf.add_n([*costs, *student.losses])

    def apply(gradients: list[Any]) -> None:
        # the branches of outputs that cost nothing have no gradient
        known = [
            (gradient, weight) for gradient, weight in zip(gradients, weights, strict=True) if gradient is not None
        ]
        optimizer.apply([g for g, _ in known], [w for _, w in known])

    return over.step(cost, weights, apply)  # type: ignore[no-any-return]


def check(student: Any, data: DataSet, plan: FineTune) -> None:
    """Refuse what cannot be trained, before a teacher is asked.

    Raises:
        ConvertError: a number of the plan is out of its range; inputs are missing, of another shape or not finite.
    """
    if plan.epochs < 1 or plan.batch < 1 or not plan.rate > 0:
        raise ConvertError(f"epochs {plan.epochs}, batch {plan.batch}, rate {plan.rate:g}: all must be above 0")
    if not 0 <= plan.label_weight <= 1 or not plan.temperature > 0:
        raise ConvertError(
            f"label weight {plan.label_weight:g} must be from 0 to 1, temperature {plan.temperature:g} above 0"
        )
    if len(data) == 0:
        raise ConvertError("no rows to train on")
    if not student.trainable_variables:
        raise ConvertError("the student has no weights that may be trained: set trainable on its layers")
    for tensor in student.inputs:
        values = data.inputs.get(tensor.name)
        shape = tuple(tensor.shape[1:])
        if values is None:
            raise ConvertError(f"no data for input {tensor.name!r}; there is {', '.join(data.inputs) or 'nothing'}")
        if values.ndim - 1 != len(shape) or any(
            n not in (None, m) for n, m in zip(shape, values.shape[1:], strict=True)
        ):
            raise ConvertError(f"input {tensor.name!r}: rows have shape {values.shape[1:]}, the student takes {shape}")
        bad = int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
        if bad:
            raise ConvertError(f"input {tensor.name!r}: {bad} of {len(values)} rows hold NaN or infinity: remove them")


@contextlib.contextmanager
def _quick_norms(student: Any) -> Iterator[None]:
    import keras

    norms = [layer for layer in student._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [layer.momentum for layer in norms]
    try:
        for layer in norms:
            layer.momentum = min(layer.momentum, MOMENTUM)
        yield
    finally:
        for layer, momentum in zip(norms, usual, strict=True):
            layer.momentum = momentum


def _seed_dropout(student: Any, seed: int) -> None:
    """A loaded model has drawn its own seeds; what is left in them from earlier training counts too."""
    states = [variable for variable in student.variables if variable.name == "seed_generator_state"]
    for i, state in enumerate(states):
        state.assign([seed, i])
