"""What a student learns from: a Keras model or a ``.tflite`` graph that answers batches by name.

In: inputs by name, a batch at a time. Out: outputs by name, float32. Not here: losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.graphs.reader import read_graph
from converters.training.answers import answers, symbolic_outputs
from edge_mm.errors import BundleError, ConvertError
from edge_mm.perception.litert import Graph

Array = npt.NDArray[np.float32]
Teacher = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Inputs name -> (b, ...) to outputs name -> (b, ...)."""


def keras_teacher(model: Any) -> Teacher:
    """A Keras model as it answers when it is used: BatchNorm and Dropout not in training."""
    import tensorflow as tf

    # any number of rows by one trace: the last batch is a smaller one
    specs = {tensor.name: tf.TensorSpec((None, *tensor.shape[1:]), tf.float32) for tensor in model.inputs}

    @tf.function(input_signature=[specs])  # type: ignore[untyped-decorator]
    def asked(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return answers(model, inputs)

    traced = asked.get_concrete_function()

    def teacher(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        tensors = {name: tf.convert_to_tensor(inputs[name], tf.float32) for name in specs}
        return {name: np.asarray(value, np.float32) for name, value in traced(tensors).items()}

    return teacher


def graph_teacher(graph: Graph) -> Teacher:
    """A ``.tflite`` graph, float or int8, one row after the other: that is what it takes."""

    def teacher(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        count = len(next(iter(inputs.values())))
        rows = [graph(**{name: value[i : i + 1] for name, value in inputs.items()}) for i in range(count)]
        return {name: np.stack([row[name] for row in rows]) for name in graph.outputs}

    return teacher


class Known(NamedTuple):
    """A teacher that was read from a file."""

    ask: Teacher
    inputs: dict[str, tuple[int, ...]]
    """Name -> shape without batch."""
    outputs: tuple[str, ...]
    parameters: int


def read_teacher(path: Path, *, taps: Sequence[str] = ()) -> Known:
    """A teacher from a file.

    Args:
        path: ``.keras``, or ``.tflite`` (float or int8).
        taps: names that must be among the outputs; of a Keras model a layer's name will do.

    Raises:
        ConvertError: no such file, another kind of file, a graph that the runtime refuses, no output of that name.
    """
    if path.suffix == ".keras":
        return _read_keras(path, taps)
    if path.suffix != ".tflite":
        raise ConvertError(f"teacher {path.name}: must be a .keras or a .tflite file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConvertError(f"teacher {path}: {error.strerror or error}") from error
    file = read_graph(content)
    try:
        graph = Graph(content, name=path.name)
    except BundleError as error:
        raise ConvertError(str(error)) from error
    missing = [tap for tap in taps if tap not in graph.outputs]
    if missing:
        raise ConvertError(f"teacher {path.name}: no output {missing[0]!r}; it has {', '.join(graph.outputs)}")
    # shapes and axes are constants too, but have no scale
    weights = [t for t in file.tensors if t.constant and (t.scales or t.dtype in ("float32", "float16"))]
    inputs = {name: tuple(shape[1:]) for name, shape in graph.inputs.items()}
    return Known(graph_teacher(graph), inputs, tuple(graph.outputs), sum(math.prod(t.shape) for t in weights))


def _read_keras(path: Path, taps: Sequence[str]) -> Known:
    import keras

    from converters.conversion.keras_graph import load_keras

    model = load_keras(path)
    outputs = symbolic_outputs(model)
    for tap in taps:
        outputs[tap] = tapped(model, tap, who=f"teacher {path.name}")
    inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    seen = keras.Model(model.inputs, outputs)
    return Known(keras_teacher(seen), inputs, tuple(outputs), model.count_params())


def tapped(model: Any, name: str, *, who: str) -> Any:
    """The Keras tensor of an output, or else of a layer.

    Raises:
        ConvertError: the model has neither.
    """
    outputs = symbolic_outputs(model)
    layers = {layer.name: layer for layer in model.layers}
    if name not in outputs and name not in layers:
        raise ConvertError(f"{who}: no output or layer {name!r}; it has {', '.join([*outputs, *layers])}")
    return outputs[name] if name in outputs else layers[name].output


def lessons(teacher: Teacher, inputs: Mapping[str, Array], *, batch: int = 64) -> dict[str, Array]:
    """All that a teacher answers, asked once for each row.

    Args:
        teacher: what is asked.
        inputs: input name -> (n, ...).
        batch: rows that are asked at once.

    Returns:
        Output name -> (n, ...), float32.

    Raises:
        ConvertError: the teacher gives another number of rows than it was asked.
    """
    from tqdm import tqdm

    count = len(next(iter(inputs.values())))
    parts = []
    for start in tqdm(range(0, count, batch), desc="asking the teacher", unit="batch", disable=None, leave=False):
        asked = {name: value[start : start + batch] for name, value in inputs.items()}
        parts.append(teacher(asked))
        rows = len(next(iter(asked.values())))
        wrong = [name for name, value in parts[-1].items() if len(value) != rows]
        if wrong:
            raise ConvertError(
                f"the teacher gives {len(parts[-1][wrong[0]])} rows of {wrong[0]!r} for {rows} rows of input"
            )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
