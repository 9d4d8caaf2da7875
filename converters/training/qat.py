"""Quantization-aware training: fine-tune with the rounding of int8 in the way, and give back a plain float model.

In: a trained Keras 3 model, rows, perhaps a teacher. Out: a float model with BatchNorm folded and weights that have
learnt to live with int8; the usual int8 conversion calibrates it. Where the rounding goes mirrors the graph that the
TFLite converter makes: after each op that has a scale of its own, not between an op and a ReLU that is fused into it,
not after ops that hand on the scale of their input (reshape, max pooling). Weights of recurrent layers are not rounded,
only what they say. Not here: the rounding (``rounding``), the loop (``finetune``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.dataset import DataSet
from converters.graphs.keras_nodes import Call, walk
from converters.training.answers import answers, symbolic_outputs
from converters.training.finetune import FineTune, check, finetune
from converters.training.folding import FOLDS, fold_batch_norm
from converters.training.readers import readings
from converters.training.teachers import Teacher
from edge_mm.errors import ConvertError

HAND_ON = (
    *("dropout", "spatialdropout1d", "spatialdropout2d", "gaussiannoise", "identity", "activityregularization"),
    *("reshape", "flatten", "permute", "transpose", "squeeze", "expanddims", "getitem", "cropping1d", "cropping2d"),
    *("maxpooling1d", "maxpooling2d", "averagepooling1d", "averagepooling2d", "upsampling2d", "zeropadding2d"),
    *("zeropadding1d", "repeatvector"),
)
"""Ops whose output has the scale of their input, or that are not there when the net is used."""
FIXED = ("softmax", "sigmoid", "tanh")
"""Their outputs have a scale that the spec fixes (1/256, 1/256, 1/128), which training cannot change."""
FUSED = ("relu", "relu6")
FUSE = ("Conv2DTranspose", "Add", "Subtract", "Multiply", "BatchNormalization")
"""Ops that a ReLU is fused into, beside those whose weights are rounded."""
BITS = (4, 8)
PRUNED = 0.1
"""A kernel with this share of zeros was pruned: chance does not make them."""


def quantization_aware(
    model: Any,
    data: DataSet,
    *,
    teacher: Teacher | None,
    plan: FineTune,
    weight_bits: int = 8,
) -> Any:
    """Fold, measure the ranges of the activations on the data, fine-tune with rounding; what was pruned stays zero.

    Args:
        model: trained Keras 3 functional or Sequential model; it is not changed.
        data: rows to measure and to train on.
        teacher: whom the rounded net is to follow, for example ``keras_teacher(model)``; None: labels alone.
        plan: of the fine-tuning; a tenth of the rate of the first training is a good start.
        weight_bits: 8, or 4 to 7 to see what narrower weights would cost.

    Returns:
        A float model without any rounding, names of inputs and outputs as before.

    Raises:
        ConvertError: as ``finetune``; ``weight_bits`` out of range.
    """
    if not BITS[0] <= weight_bits <= BITS[1]:
        raise ConvertError(f"weight bits {weight_bits}: must be from {BITS[0]} to {BITS[1]}")
    folded = fold_batch_norm(model)
    check(folded, data, plan)
    pruned = [
        (kernel, (np.asarray(kernel) != 0).astype(np.float32))
        for kernel in _kernels(folded)
        if (np.asarray(kernel) == 0).mean() >= PRUNED
    ]
    twin = rounded_twin(folded, data, weight_bits=weight_bits)
    finetune(twin, data, teacher=teacher, plan=plan, on_step=lambda _: _keep_zeros(pruned))
    for weight in folded.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ConvertError(f"weight {weight.path} is not finite after training: take a lower rate")
    return fold_batch_norm(folded)  # without the second use of its layers


def rounded_twin(folded: Any, data: DataSet, *, weight_bits: int = 8) -> Any:
    """A net on the weights of another that answers about as its int8 graph would.

    Args:
        folded: from ``fold_batch_norm``; what the twin learns, it learns.
        data: rows to measure the ranges of the activations on.
        weight_bits: of the weights.

    Returns:
        A functional model with the names of ``folded``; its outputs are a dict.
    """
    twin, rounders = _rounding(folded, weight_bits)
    _set(rounders, "measure")
    for start in range(0, len(data), 256):
        answers(twin, {name: value[start : start + 256] for name, value in data.inputs.items()})
    _set(rounders, "round")
    return twin


def _rounding(folded: Any, bits: int) -> tuple[Any, list[Any]]:
    """The net with rounding, on the weights of ``folded``, and all that can be switched in it."""
    import keras

    from converters.training.rounding import Rounded, RoundedWeights

    fused = _fused(folded)
    rounders: list[Any] = []
    wrapped: dict[int, Any] = {}

    def rounded() -> Any:
        rounders.append(Rounded(name=f"rounded_{len(rounders)}"))
        return rounders[-1]

    def call(one: Call) -> list[Any]:
        op, function = one.op, _function(one.op)
        if type(op).__name__ in FOLDS and getattr(op, "data_format", "channels_last") == "channels_last":
            if id(op) not in wrapped:
                apart = function not in ("linear", *FUSED)
                wrapped[id(op)] = RoundedWeights(
                    op, bits=bits, before=rounded() if apart else None, name=f"{op.name}_rounded"
                )
                rounders.append(wrapped[id(op)])
            made = [wrapped[id(op)](one.values[0])]
        else:
            made = list(keras.tree.flatten(op(*one.args, **one.kwargs)))
        kind = type(op).__name__.lower()
        if kind in HAND_ON or kind in FIXED or function in FIXED or id(one.op) in fused:
            return made
        return [rounded()(tensor) for tensor in made]

    inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in folded.inputs]
    outputs = walk(folded, [rounded()(tensor) for tensor in inputs], call)
    # by names, because a list of outputs would be called after the rounding
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], dict(zip(symbolic_outputs(folded), outputs, strict=True))
    ), rounders


def _function(op: Any) -> str:
    """Name of the activation that a layer is or ends in; empty for none."""
    if hasattr(op, "recurrent_activation"):
        return ""  # its activation is inside: what it says is a product with a scale of its own
    if type(op).__name__ == "ReLU":
        plain = not op.negative_slope and not op.threshold and op.max_value in (None, 6)
        return "relu" if plain else "leaky"
    return getattr(getattr(op, "activation", None), "__name__", "")


def _fused(folded: Any) -> set[int]:
    """Ids of the ops that are read by one ReLU and nothing else: int8 holds only what comes after it."""
    known = readings(folded)
    once = known.once()
    into = {id(call.reads[0]) for call in known.calls if call.reads and _is_relu(call.op)}
    return {
        id(call.op)
        for call in known.calls
        if id(call.op) in once
        and len(call.makes) == 1
        and id(call.makes[0]) in into
        and known.readers(call.makes[0]) == 1
        and type(call.op).__name__ in (*FOLDS, *FUSE)
        and _function(call.op) in ("", "linear")
    }


def _is_relu(op: Any) -> bool:
    return type(op).__name__ in ("ReLU", "Activation", "Relu", "Relu6") and (
        _function(op) in FUSED or type(op).__name__ in ("Relu", "Relu6")
    )


def _kernels(model: Any) -> list[Any]:
    return [weight for weight in model.trainable_weights if weight.name == "kernel"]


def _keep_zeros(pruned: list[tuple[Any, Any]]) -> None:
    for kernel, mask in pruned:
        kernel.assign(kernel * mask)


def _set(rounders: list[Any], mode: str) -> None:
    for one in rounders:
        one.mode = mode
