"""Whether a float graph says what its model says: a conversion can lose weights without a word.

In: a model as a function, its float graph. Out: nothing, or an error with the output that differs. Not here: int8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

ROWS = 4
TOLERANCE = 1e-3
"""Largest difference, as a share of the largest value of the output: the two add up in another order."""

Model = Callable[[dict[str, npt.NDArray[Any]]], Mapping[str, Any]]
"""Input name -> batch of one, to output name -> batch of one."""


def check_agreement(model: Model, content: bytes, *, where: str) -> float:
    """Run both on the same random inputs.

    Args:
        model: says what the graph must say.
        content: what was made of it.
        where: for the message.

    Returns:
        The largest difference found, as a share of the largest value of its output.

    Raises:
        ConvertError: an output is missing, or differs by more than ``TOLERANCE``.
    """
    graph, file, rng = Graph(content, name=where, stateful=True), read_graph(content), np.random.default_rng(0)
    worst = 0.0
    for _ in range(ROWS):
        row = {}
        for name, index in file.signature_inputs.items():
            tensor = file.tensors[index]
            drawn = rng.normal(size=tensor.shape) if tensor.dtype == "float32" else rng.integers(0, 2, tensor.shape)
            row[name] = drawn.astype(tensor.dtype)
        said, expected = graph(**row), {name: np.asarray(value)[0] for name, value in model(row).items()}
        if set(said) != set(expected):
            raise ConvertError(
                f"{where}: the float graph has the outputs {sorted(said)}, the model {sorted(expected)}: give each "
                "output a layer with a name of its own"
            )
        for name, value in expected.items():
            gap = _gap(said[name], value)
            worst = max(worst, gap)
            if not gap <= TOLERANCE:
                raise ConvertError(
                    f"{where}: the float graph's output {name!r} differs from the model's by {gap:.1%} of its "
                    "largest value: the conversion lost weights; please report it with the model"
                )
    return worst


def _gap(said: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """The largest difference, as a share of the largest value; what is no number must be none in both."""
    said, expected = said.astype(np.float64), expected.astype(np.float64)
    numbers = np.isfinite(expected)
    if not np.array_equal(numbers, np.isfinite(said)):
        return float("inf")
    if not numbers.any():
        return 0.0
    most = max(float(np.abs(expected[numbers]).max()), 1e-6)
    return float(np.abs(said[numbers] - expected[numbers]).max()) / most
