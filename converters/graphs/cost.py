"""What a graph costs: multiply-accumulates of one invoke, and the planned arena of its activations.

In: a ``GraphFile``. Out: whole numbers, from the file alone. Not here: milliseconds.

Both look at the subgraph that is invoked: the body of a loop is not counted, since the file does not say how often it
runs. ``edge_mm`` graphs have no loops.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from converters.graphs.reader import GraphFile, Op, Tensor

ALIGNMENT = 64
"""Bytes; the runtime starts every tensor at a multiple of it (``kDefaultTensorAlignment`` in tflite/util.h)."""


def macs(graph: GraphFile) -> int:
    """Multiply-accumulates of one invoke: convolutions, matrix products and the recurrent ops.

    Elementwise ops, pooling, reductions and activations are not counted; in an encoder they are a few percent.
    """
    return sum(_macs(op, graph.tensors) for op in graph.ops)


def arena_bytes(graph: GraphFile) -> int:
    """Bytes of one arena in which no two tensors that are alive at the same time overlap.

    Inputs of the graph and its variables live throughout, its outputs from the op that writes them to the end, any
    other tensor from the op that writes it to the last one that reads it. Tensors are placed by size, the largest
    first, each in the smallest gap that takes it, as the runtime's own planner does.

    Not counted: constants (they stay in the file), the scratch buffers of kernels (im2col), weights that XNNPACK packs
    anew, tensors whose size is known only at run time, the bodies of loops. Ops that the runtime runs in place make its
    arena smaller than this.
    """
    alive: list[list[_Placed]] = [[] for _ in range(len(graph.ops) + 1)]  # at each op, what was placed so far
    most = 0
    for life in sorted(_lives(graph), key=lambda one: (-one.size, one.first, one.tensor)):
        span = alive[life.first : life.last + 1]
        one = _Placed(_gap(life, {other for step in span for other in step}), life)
        most = max(most, one.offset + life.size)
        for step in span:
            step.append(one)
    return most


class _Life(NamedTuple):
    tensor: int
    size: int
    first: int
    last: int


class _Placed(NamedTuple):
    offset: int
    life: _Life


def _lives(graph: GraphFile) -> list[_Life]:
    end = len(graph.ops)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for op in graph.ops:
        for index in op.outputs:
            first.setdefault(index, op.index)
            last[index] = max(last.get(index, op.index), op.index)
        for index in op.inputs:
            last[index] = op.index
    for index in graph.inputs:
        first[index], last[index] = 0, end
    for index in graph.outputs:
        last[index] = end
    for tensor in graph.tensors:
        if tensor.variable:
            first[tensor.index], last[tensor.index] = 0, end
    return [
        _Life(i, -(-tensor.bytes // ALIGNMENT) * ALIGNMENT, first[i], last[i])
        for i, tensor in enumerate(graph.tensors)
        if i in first and not tensor.constant and tensor.bytes and -1 not in tensor.shape
    ]


def _gap(life: _Life, beside: set[_Placed]) -> int:
    """Where it goes among those that are alive at some time of its life: the smallest gap that takes it, or on top."""
    best, best_room, end = -1, 0, 0
    for one in sorted(beside):
        room = one.offset - end
        if room >= life.size and (best < 0 or room < best_room):
            best, best_room = end, room
        end = max(end, one.offset + one.life.size)
    return end if best < 0 else best


def _macs(op: Op, tensors: tuple[Tensor, ...]) -> int:
    def count(index: int) -> int:
        return math.prod(abs(n) for n in tensors[index].shape) if index >= 0 else 0

    def shape(index: int) -> tuple[int, ...]:
        return tensors[index].shape if index >= 0 else ()

    if not op.outputs:
        return 0
    weights = op.inputs[1] if len(op.inputs) > 1 else -1
    match op.name:
        case "CONV_2D" | "CONV_3D":  # filters: (out, height, width, in) and (depth, height, width, in, out)
            last = shape(op.outputs[0])[-1:]
            return count(op.outputs[0]) * count(weights) // max(1, abs(math.prod(last)))
        case "DEPTHWISE_CONV_2D":  # filter: (1, height, width, channels)
            return count(op.outputs[0]) * math.prod(shape(weights)[1:3])
        case "TRANSPOSE_CONV":  # inputs: shape, filter (out, height, width, in), values
            channels = shape(weights)[-1:]
            return count(op.inputs[2]) * count(weights) // max(1, abs(math.prod(channels))) if len(op.inputs) > 2 else 0
        case "FULLY_CONNECTED":  # weights: (units, in)
            return count(op.outputs[0]) * math.prod(shape(weights)[-1:])
        case "BATCH_MATMUL":  # (..., rows, k) x (..., k, columns), k first when adj_x
            k = shape(op.inputs[0])[-2 if getattr(op.options, "adjX", False) else -1 :][:1]
            return count(op.outputs[0]) * abs(math.prod(k))
        case "UNIDIRECTIONAL_SEQUENCE_LSTM" | "LSTM":  # inputs 1 to 8: four gates' weights of input and of state
            return _steps(op, tensors) * sum(count(i) for i in op.inputs[1:9])
        case "BIDIRECTIONAL_SEQUENCE_LSTM":  # inputs 1 to 8 forward, 18 to 25 backward
            return _steps(op, tensors) * sum(count(i) for i in (*op.inputs[1:9], *op.inputs[18:26]))
        case "UNIDIRECTIONAL_SEQUENCE_RNN" | "RNN":
            return _steps(op, tensors) * sum(count(i) for i in op.inputs[1:3])
        case _:
            return 0


def _steps(op: Op, tensors: tuple[Tensor, ...]) -> int:
    """How many times the weights are used: steps x batch, which is all of the input's shape but its last axis."""
    return math.prod(abs(n) for n in tensors[op.inputs[0]].shape[:-1]) if op.inputs and op.inputs[0] >= 0 else 0
