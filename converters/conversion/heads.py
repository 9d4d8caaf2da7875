"""Other weights for the last dense layer of an int8 graph; every other byte of it stays.

In: a graph, an op, the layer's new weights, what the layer then answers. Out: a graph of the same size. What was frozen
in training is frozen in the file too: an embedding keeps its bits, so whatever reads it still fits. The numbers are
written over the old ones, so the file keeps its layout and alignment. Not here: training.

Symmetric int8 weights, int32 bias at the scale of input times weights, asymmetric int8 output: TFLite's quantization
specification for FULLY_CONNECTED.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from converters.graphs.reader import GraphFile, Op, read_graph
from edge_mm.errors import ConvertError

Array = npt.NDArray[np.float32]

TINY = 1e-8
"""Least scale and least range."""
_SCALE, _ZERO_POINT = 8, 10
"""Where the vtable of ``QuantizationParameters`` has the places of its ``scale`` and ``zero_point`` (schema.fbs)."""


def with_head(content: bytes, op: int, *, kernel: Array, bias: Array | None, least: float, most: float) -> bytes:
    """The graph with another last layer.

    Args:
        content: an int8 graph.
        op: index of a FULLY_CONNECTED.
        kernel: (inputs, outputs), as Keras has it.
        bias: (outputs,); None where the layer has none.
        least: the lowest value that the layer gives, before its activation.
        most: and the highest.

    Raises:
        ConvertError: the op is no int8 dense layer of this size, or something else reads what would be changed.
    """
    graph = read_graph(content)
    one = _dense(graph, op)
    given, weights = graph.tensors[one.inputs[0]], graph.tensors[one.inputs[1]]
    if kernel.T.shape != weights.shape:
        raise ConvertError(f"op {op} has weights of {weights.shape}, {kernel.T.shape} are given")
    size = np.abs(kernel).max(axis=0) if len(weights.scales) > 1 else np.abs(kernel).max(keepdims=True)[0]
    scales = np.maximum(size.astype(np.float64), TINY) / 127
    file = _File(content, graph)
    file.put(weights.index, np.clip(np.rint(kernel.T / scales[:, None]), -127, 127).astype(np.int8))
    file.scale(weights.index, scales)
    if bias is not None:
        both = scales * given.scales[0]
        file.put(one.inputs[2], np.rint(bias / both).astype(np.int32))
        file.scale(one.inputs[2], both)
    low, high = min(least, 0.0), max(most, 0.0)
    step = max(high - low, TINY) / 255
    for place in _passed_on(graph, one):
        file.scale(place, np.array([step]), zero=round(-128 - low / step))
    return file.bytes()


def _dense(graph: GraphFile, op: int) -> Op:
    one = graph.ops[op] if 0 <= op < len(graph.ops) else None
    if one is None or one.name != "FULLY_CONNECTED" or graph.tensors[one.inputs[1]].dtype != "int8":
        raise ConvertError(f"op {op} is no int8 dense layer")
    return one


def _passed_on(graph: GraphFile, op: Op) -> list[int]:
    """What the op answers, and what reshapes make of it: they keep its scale."""
    places = [op.outputs[0]]
    for after in graph.ops[op.index + 1 :]:
        if after.name == "RESHAPE" and after.inputs[0] in places:
            places.append(after.outputs[0])
    return places


class _File:
    """A graph's bytes, written over."""

    def __init__(self, content: bytes, graph: GraphFile) -> None:
        self._content, self._graph = bytearray(content), graph
        self._subgraph: Any = schema.Model.GetRootAs(self._content, 0).Subgraphs(0)
        self._shared = Counter(tensor.offset for tensor in graph.tensors if tensor.constant)

    def bytes(self) -> bytes:
        return bytes(self._content)

    def put(self, place: int, values: npt.NDArray[Any]) -> None:
        """Other numbers of the same type and shape."""
        tensor = self._graph.tensors[place]
        content = values.tobytes()
        if not tensor.constant or tensor.bytes != len(content) or tensor.dtype != values.dtype.name:
            raise ConvertError(f"tensor {place} ({tensor.name}) has {tensor.bytes} bytes of {tensor.dtype}")
        if self._shared[tensor.offset] > 1:
            raise ConvertError(f"tensor {place} ({tensor.name}) shares its numbers with another one")
        self._content[tensor.offset : tensor.offset + len(content)] = content

    def scale(self, place: int, scales: npt.NDArray[np.float64], *, zero: int | None = None) -> None:
        """Other scales, as many as there are; the zero point where one is given."""
        table = self._subgraph.Tensors(place).Quantization()
        if table is None or table.ScaleLength() != len(scales):
            raise ConvertError(f"tensor {place} does not have {len(scales)} scales")
        self._over(table, _SCALE, scales.astype("<f4"))
        if zero is not None:
            if table.ZeroPointLength() != 1:
                raise ConvertError(f"tensor {place} does not have one zero point")
            self._over(table, _ZERO_POINT, np.array([zero], "<i8"))

    def _over(self, table: Any, field: int, values: npt.NDArray[Any]) -> None:
        start = table._tab.Vector(table._tab.Offset(field))
        self._content[start : start + values.nbytes] = values.tobytes()
