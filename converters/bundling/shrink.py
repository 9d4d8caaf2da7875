"""What a recipe does to a model before it is quantized: prune, distil, train with rounding in view.

In: a ``Work`` whose recipe trains. Out: a Keras model. TensorFlow is imported here, in the process that builds. Not
here: how any of it works (``pruning``, ``training``).
"""

from __future__ import annotations

from typing import Any

from converters.bundling.plan import Work
from converters.conversion.one import rows_for


def shrunk_model(work: Work, dense: bytes) -> Any:
    """The model that is to be quantized.

    Args:
        work: its recipe prunes, distils or trains.
        dense: float graph of the trained model, which says what the rows look like.

    Raises:
        ConvertError: the model has nothing to prune, or the rows do not fit.
    """
    from converters.conversion.keras_graph import load_keras
    from converters.evaluation.metrics import parse_metric
    from converters.pruning.magnitude import prune_magnitude
    from converters.pruning.recovery import prune_and_train
    from converters.training.distillation import distil
    from converters.training.finetune import FineTune
    from converters.training.qat import quantization_aware
    from converters.training.teachers import keras_teacher, read_teacher

    recipe, train = work.recipe, work.recipe.train
    plan = FineTune(train.epochs, train.batch, train.rate, train.label_weight, train.temperature, train.seed)
    model, data = load_keras(work.model), rows_for(dense, work.training)
    metric = parse_metric(work.plan.metric) if work.plan.metric else None
    if metric is not None and metric.output not in data.targets:
        metric = None
    whole = model
    if recipe.distill and work.teacher is not None:
        teacher = read_teacher(work.teacher).ask
        distil(model, data, teacher=teacher, plan=plan, held_out=0.0, metric=metric)
    if recipe.prune.keep < 1:
        model = prune_and_train(
            model, data, keep=recipe.prune.keep, plan=plan, multiple=recipe.prune.multiple,
            protect=recipe.prune.protect, steps=recipe.prune.steps, held_out=0.0, metric=metric,
        ).model  # fmt: skip
    if recipe.prune.sparsity > 0:
        model = prune_magnitude(model, data, sparsity=recipe.prune.sparsity, plan=plan).model
    if recipe.quantize.aware:
        model = quantization_aware(model, data, teacher=keras_teacher(whole), plan=plan)
    return model
