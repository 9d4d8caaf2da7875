"""Ask a Keras model by names, however its inputs and outputs are put together.

In: a Keras 3 functional or Sequential model, its inputs by name. Out: its outputs by name. Not here: ``.tflite``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from converters.graphs.keras_nodes import functional


def answers(model: Any, inputs: Mapping[str, Any], *, training: bool = False) -> dict[str, Any]:
    """One pass.

    Args:
        model: Keras 3 functional or Sequential model.
        inputs: input name -> (batch, ...) array or tensor; others than the model's are left out.
        training: BatchNorm and Dropout as in training.

    Returns:
        Output name -> (batch, ...) tensor: the keys of a dict of outputs, else ``model.output_names``.

    Raises:
        ConvertError: another kind of model.
    """
    import keras

    source = functional(model)
    given = keras.tree.pack_sequence_as(source.input, [inputs[name] for name in input_names(source)])
    return _named(source, source(given, training=training))


def input_names(model: Any) -> list[str]:
    """The names of the inputs in the model's order."""
    return [tensor.name for tensor in model.inputs]


def symbolic_outputs(model: Any) -> dict[str, Any]:
    """Output name -> the Keras tensor of the graph that it is."""
    source = functional(model)
    return _named(source, source.output)


def _named(model: Any, outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, dict):
        return dict(outputs)
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    return dict(zip(model.output_names, several, strict=True))
