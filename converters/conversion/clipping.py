"""Ranges of activations without their outliers: a few large values would otherwise coarsen all others.

In: a calibrated graph (smallest and largest value of each activation), the float graph, the representative rows. Out:
the calibrated graph with the ranges of percentiles. Each activation is read from the graph itself, run row by row with
all its tensors kept. Not here: when to do so (a recipe says ``percentile``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from converters.graphs.editing import packed, unpacked
from converters.graphs.plain import plain_interpreter
from converters.graphs.reader import read_graph
from edge_mm.quiet import quiet_stderr

_KEPT = 4096
"""Values of one activation that are kept of each row, evenly spread."""


def clipped(
    calibrated: bytes, content: bytes, rows: Sequence[Mapping[str, npt.NDArray[np.float32]]], *, percentile: float
) -> bytes:
    """The calibrated graph with narrower ranges.

    Args:
        calibrated: with the extreme values of each activation.
        content: the float graph it was made of, with the same tensors.
        rows: input name -> (1, ...).
        percentile: 99.9 leaves out 0.05 % of the values on each side. A range keeps 0 inside, as int8 needs it.
    """
    side = (100.0 - percentile) / 2
    ranges = {
        name: (min(float(np.percentile(values, side)), 0.0), max(float(np.percentile(values, 100 - side)), 0.0))
        for name, values in _activations(content, rows).items()
    }
    model = unpacked(calibrated)
    for tensor in model.subgraphs[0].tensors:
        limits = ranges.get(tensor.name.decode())
        known = tensor.quantization
        if limits is None or known is None or known.min is None or not len(known.min):
            continue
        low, high = max(limits[0], float(known.min[0])), min(limits[1], float(known.max[0]))
        if low < high:
            known.min, known.max = [low], [high]
    return packed(model, len(calibrated))


def _activations(
    content: bytes, rows: Sequence[Mapping[str, npt.NDArray[np.float32]]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Tensor name -> values seen in it."""
    graph = read_graph(content)
    with quiet_stderr():
        runner = plain_interpreter(content)
        runner.allocate_tensors()
    wanted = [t for t in graph.tensors if t.dtype == "float32" and not t.constant]
    seen: dict[str, list[npt.NDArray[np.float32]]] = {tensor.name: [] for tensor in wanted}
    for row in rows:
        for name, place in graph.signature_inputs.items():
            runner.set_tensor(place, row[name])
        runner.invoke()
        for tensor in wanted:
            values = runner.get_tensor(tensor.index).reshape(-1)
            seen[tensor.name].append(values[:: max(1, values.size // _KEPT)].copy())
    return {name: np.concatenate(parts) for name, parts in seen.items() if parts}
