"""The golden sample of a bundle: an input for each graph, and what the graph made of it where it was built.

In: graphs, perhaps inputs of a freely available recording. Out: arrays ``GRAPH/in/NAME`` and ``GRAPH/out/NAME``, which
the device's self-test compares with. Without a recording the inputs are waves by formula: rows of a data set would put
somebody's face or heart into the bundle. Not here: the self-test (``edge_mm.perception.selftest``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

_TURN = 0.7
"""Radians from one value of a wave to the next."""


def golden(
    graphs: Mapping[str, bytes], given: Mapping[str, npt.NDArray[Any]], stateful: Mapping[str, bool]
) -> dict[str, npt.NDArray[Any]]:
    """Inputs and outputs of each graph.

    Args:
        graphs: name -> bytes.
        given: ``GRAPH/in/NAME`` -> array; what is missing becomes a wave over the input's int8 range.
            ``GRAPH/out/NAME`` is not read: the graphs themselves say it.
        stateful: name -> whether its state is reset.

    Raises:
        ConvertError: an input that was given has another size, or no graph reads it.
    """
    read = {name: read_graph(content) for name, content in graphs.items()}
    keys = {f"{name}/in/{key}" for name, graph in read.items() for key in graph.signature_inputs}
    strangers = [key for key in given if key not in keys and "/out/" not in key]
    if strangers:
        raise ConvertError(f"golden sample: no graph reads {strangers[0]}; they read {', '.join(sorted(keys))}")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, graph in read.items():
        inputs: dict[str, npt.NDArray[np.float32]] = {}
        for key, place in graph.signature_inputs.items():
            tensor, known = graph.tensors[place], given.get(f"{name}/in/{key}")
            if known is None:
                low, high = _range(tensor.scales, tensor.zero_points)
                wave = np.sin(_TURN * np.arange(math.prod(tensor.shape)) + len(inputs))
                known = ((wave + 1) / 2 * (high - low) + low).astype(np.float32).reshape(tensor.shape[1:])
            if known.size != math.prod(tensor.shape):
                raise ConvertError(
                    f"golden sample: {name}/in/{key} has {known.size} values, {math.prod(tensor.shape)} needed"
                )
            inputs[key] = np.asarray(known, np.float32)
        said = Graph(graphs[name], name=name, stateful=stateful.get(name, False))(**inputs)
        arrays |= {f"{name}/in/{key}": value for key, value in inputs.items()}
        arrays |= {f"{name}/out/{key}": value for key, value in said.items()}
    return arrays


def _range(scales: tuple[float, ...], zeros: tuple[int, ...]) -> tuple[float, float]:
    if not scales:
        return -1.0, 1.0
    return (-128 - zeros[0]) * scales[0], (127 - zeros[0]) * scales[0]
