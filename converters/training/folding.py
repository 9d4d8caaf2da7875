"""Fold BatchNorm into the layer before it, as the TFLite converter does: what is quantized are the folded weights.

In: a trained Keras 3 model. Out: a model of its own with the same answers, without the BatchNorm that follows a
convolution or Dense layer; names of inputs and outputs are kept. BatchNorm anywhere else stays. Not here: rounding.

``gamma (w x + b - mean) / sqrt(var + eps) + beta`` is ``w' x + b'`` with ``w' = s w``, ``b' = s (b - mean) + beta``,
``s = gamma / sqrt(var + eps)``, per output channel (Jacob et al. 2018, section 3.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Call, functional, walk
from converters.training.readers import readings
from edge_mm.errors import ConvertError

FOLDS = ("Conv2D", "DepthwiseConv2D", "Conv1D", "Dense")


class Fold(NamedTuple):
    """A layer and the BatchNorm that it takes in."""

    layer: Any
    norm: Any
    name: str
    """Of the layer that they become."""


def fold_batch_norm(model: Any) -> Any:
    """The model with BatchNorm folded in; its answers differ by float rounding only.

    Args:
        model: Keras 3 functional or Sequential model; it is not changed.

    Returns:
        A functional model with weights of its own.

    Raises:
        ConvertError: the graph is not known, or a layer cannot be made again from its config.
    """
    import keras

    source = functional(model)
    folds = _folds(source)
    by_layer = {id(fold.layer): fold for fold in folds}
    norms = {id(fold.norm) for fold in folds}
    made: dict[int, tuple[Any, Any]] = {}

    def call(one: Call) -> list[Any]:
        if id(one.op) in norms:
            return [one.values[0]]
        if id(one.op) not in made:
            made[id(one.op)] = (one.op, _again(one.op, by_layer.get(id(one.op))))
        result = made[id(one.op)][1](*one.args, **one.kwargs)
        return list(keras.tree.flatten(result))

    inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in source.inputs]
    outputs = walk(source, inputs, call)
    folded = keras.Model(
        keras.tree.pack_sequence_as(source.input, inputs),
        keras.tree.pack_sequence_as(source.output, outputs),
        name=model.name,
    )
    for old, new in made.values():
        if isinstance(old, keras.Layer):
            fold = by_layer.get(id(old))
            new.trainable = old.trainable
            new.set_weights(old.get_weights() if fold is None else _folded(fold))
    return folded


def _folds(source: Any) -> list[Fold]:
    """Pairs in which each is called once, and only the BatchNorm reads the layer."""
    known = readings(source)
    once = known.once()
    maker = {id(mark): call.op for call in known.calls for mark in call.makes}
    shown = {id(mark) for mark in known.outputs}
    # an output of a model without a dict is called like the layer that makes it
    by_layer = not isinstance(source.output, dict)
    return [
        Fold(layer, call.op, call.op.name if by_layer and id(call.makes[0]) in shown else layer.name)
        for call in known.calls
        if type(call.op).__name__ == "BatchNormalization"
        and (layer := maker.get(id(call.reads[0]))) is not None
        and type(layer).__name__ in FOLDS
        and {id(call.op), id(layer)} <= once
        and known.readers(call.reads[0]) == 1
        and layer.activation.__name__ == "linear"
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and call.op.axis in (-1, len(layer.output.shape) - 1)
    ]


def _again(op: Any, fold: Fold | None) -> Any:
    try:
        config = op.get_config()
        if fold is not None:
            config.update(use_bias=True, name=fold.name)
        return type(op).from_config(config)
    except (TypeError, ValueError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConvertError(
            f"layer {op.name} ({type(op).__name__}) cannot be made again from its config: {first}"
        ) from error


def _folded(fold: Fold) -> list[npt.NDArray[np.float32]]:
    """Kernel and bias."""
    layer, norm = fold.layer, fold.norm
    mean, variance = np.asarray(norm.moving_mean, np.float64), np.asarray(norm.moving_variance, np.float64)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * np.asarray(norm.gamma, np.float64)
    kernel = np.asarray(layer.get_weights()[0], np.float64)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros_like(mean)
    # a depthwise kernel is (h, w, in, multiplier): its outputs are in * multiplier
    factor = scale.reshape(kernel.shape[2:]) if type(layer).__name__ == "DepthwiseConv2D" else scale
    shift = np.asarray(norm.beta, np.float64) if norm.center else 0.0
    return [(kernel * factor).astype(np.float32), ((bias - mean) * scale + shift).astype(np.float32)]
