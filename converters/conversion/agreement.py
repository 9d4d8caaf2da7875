"""Whether a float graph says what its Keras model says: a conversion can lose weights without a word.

In: a Keras 3 model, its float graph. Out: nothing, or an error with the output that differs. Not here: int8.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

ROWS = 4
TOLERANCE = 1e-3
"""Largest difference, as a share of the largest value of the output: the two add up in another order."""


def check_agreement(model: Any, content: bytes, *, where: str) -> float:
    """Run both on the same random inputs.

    Args:
        model: functional or Sequential.
        content: what ``float_graph`` made of it.
        where: for the message.

    Returns:
        The largest difference found, as a share of the largest value of its output.

    Raises:
        ConvertError: an output differs by more than ``TOLERANCE``.
    """
    graph, rng = Graph(content, name=where), np.random.default_rng(0)
    worst = 0.0
    for _ in range(ROWS):
        row = {name: rng.normal(size=shape).astype(np.float32) for name, shape in graph.inputs.items()}
        said = graph(**row)
        names = [tensor.name.split(":")[0] for tensor in model.inputs]
        result = model(row if len(names) > 1 else row[names[0]], training=False)
        if isinstance(result, dict):
            expected = {name: np.asarray(value)[0] for name, value in result.items()}
        else:
            values = result if isinstance(result, list | tuple) else [result]
            outputs = getattr(model, "output_names", None) or [model.layers[-1].name]
            expected = {name: np.asarray(value)[0] for name, value in zip(outputs, values, strict=True)}
        for name, value in expected.items():
            gap = float(np.abs(said[name] - value).max() / max(float(np.abs(value).max()), 1e-6))
            worst = max(worst, gap)
            if not gap <= TOLERANCE:
                raise ConvertError(
                    f"{where}: the float graph's output {name!r} differs from the Keras model's by {gap:.1%} of its "
                    "largest value: the conversion lost weights; please report it with the model"
                )
    return worst
