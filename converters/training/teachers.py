"""What a student learns from: a Keras model or a ``.tflite`` graph that answers batches by name.

In: inputs by name, a batch at a time. Out: outputs by name, float32. Not here: losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.training.answers import answers
from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

Array = npt.NDArray[np.float32]
Teacher = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Inputs name -> (b, ...) to outputs name -> (b, ...)."""


def keras_teacher(model: Any) -> Teacher:
    """A Keras model as it answers when it is used: BatchNorm and Dropout not in training."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def asked(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return answers(model, inputs)

    def teacher(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        tensors = {name: tf.convert_to_tensor(value, tf.float32) for name, value in inputs.items()}
        return {name: np.asarray(value, np.float32) for name, value in asked(tensors).items()}

    return teacher


def graph_teacher(graph: Graph) -> Teacher:
    """A ``.tflite`` graph, float or int8, one row after the other: that is what it takes."""

    def teacher(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        count = len(next(iter(inputs.values())))
        rows = [graph(**{name: value[i : i + 1] for name, value in inputs.items()}) for i in range(count)]
        return {name: np.stack([row[name] for row in rows]) for name in graph.outputs}

    return teacher


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
