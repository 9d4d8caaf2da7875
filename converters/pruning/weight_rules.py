"""Layers with weights: where in them the channels lie that they read and make.

In and out: as ``rules``. Axes are those of Keras's own kernels, channels last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Call
from converters.pruning.flow import Flow, Slice
from converters.pruning.groups import Ids
from converters.pruning.layouts import Layout, along_last

_MIXING = ("softmax", "log_softmax", "sparsemax", "sparse_plus", "glu")
"""Activations in which a channel depends on the others."""
_LAST = "reads them along another axis than the last"


def mixing(activation: Any) -> str:
    """Why channels under this activation may not go; empty where they may."""
    name = getattr(activation, "__name__", type(activation).__name__)
    if name in _MIXING:
        return f"takes a {name} over them"
    known = activation is None or str(getattr(activation, "__module__", "")).startswith("keras.")
    return "" if known else "has an activation that is not one of Keras's"


def _convolution(flow: Flow, call: Call) -> list[Layout]:
    return _filters(flow, call, size="filters", read=-2, made=-1)


def _transposed(flow: Flow, call: Call) -> list[Layout]:
    return _filters(flow, call, size="filters", read=-1, made=-2)


def _dense(flow: Flow, call: Call) -> list[Layout]:
    return _filters(flow, call, size="units", read=-2, made=-1)


def _filters(flow: Flow, call: Call, *, size: str, read: int, made: int) -> list[Layout]:
    op = call.op
    (x,) = call.values
    why = _unreadable(op, x)
    if why:
        return flow.stop(call, why)
    ids = flow.made(op, _norms(op.kernel, made))
    rank = len(op.kernel.shape)
    slices = [_slice(op, op.kernel, rank + read, x.ids), _slice(op, op.kernel, rank + made, ids)]
    if op.use_bias:
        slices.append(_slice(op, op.bias, 0, ids))
    flow.site(op, slices=slices, sizes={size: ids})
    return [_activated(flow, call, ids)]


def _depthwise(flow: Flow, call: Call) -> list[Layout]:
    op = call.op
    (x,) = call.values
    why = _unreadable(op, x)
    if why:
        return flow.stop(call, why)
    rank = len(op.kernel.shape)
    ids, own = (np.repeat(numbers, op.depth_multiplier) for numbers in (x.ids, x.own))
    slices = [_slice(op, op.kernel, rank - 2, x.ids)]
    if op.use_bias:
        slices.append(_slice(op, op.bias, 0, ids))
    flow.site(op, slices=slices)
    flow.scaled(x.own, _norms(op.kernel, -2))
    return [_activated(flow, call, ids, own)]


def _separable(flow: Flow, call: Call) -> list[Layout]:
    op = call.op
    (x,) = call.values
    why = _unreadable(op, x)
    if why:
        return flow.stop(call, why)
    rank = len(op.depthwise_kernel.shape)
    ids = flow.made(op, _norms(op.pointwise_kernel, -1))
    between = np.repeat(x.ids, op.depth_multiplier)
    slices = [
        _slice(op, op.depthwise_kernel, rank - 2, x.ids),
        _slice(op, op.pointwise_kernel, rank - 2, between),
        _slice(op, op.pointwise_kernel, rank - 1, ids),
    ]
    if op.use_bias:
        slices.append(_slice(op, op.bias, 0, ids))
    flow.site(op, slices=slices, sizes={"filters": ids})
    return [_activated(flow, call, ids)]


def _batch_norm(flow: Flow, call: Call) -> list[Layout]:
    op = call.op
    (x,) = call.values
    axis = op.axis if isinstance(op.axis, int) else None
    if axis is None or axis % (len(x.shape) + 1) != x.axis + 1:
        return flow.stop(call, "normalises along another axis")
    flow.site(op, slices=[_slice(op, weight, 0, x.ids) for weight in op.weights])
    if op.scale:
        flow.scaled(x.own, np.abs(np.asarray(op.gamma, np.float64)))
    return [Layout(call.shapes[0], x.axis, x.ids, x.own)]


def _prelu(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    shape = tuple(call.op.alpha.shape)
    if shape[x.axis] != 1:
        flow.site(call.op, slices=[_slice(call.op, call.op.alpha, x.axis, x.ids)])
    return [Layout(call.shapes[0], x.axis, x.ids, x.own)]


def _recurrent(flow: Flow, call: Call) -> list[Layout]:
    op = call.op
    x, *states = call.values
    if not x.is_last:
        return flow.stop(call, _LAST)
    for state in states:
        flow.groups.freeze(state.ids, f"{op.name} takes them as its first state")
    runs = [op.forward_layer, op.backward_layer] if type(op).__name__ == "Bidirectional" else [op]
    if any(type(run).__name__ not in ("LSTM", "GRU", "SimpleRNN") for run in runs):
        return flow.stop(call, "reads them, which pruning does not know")
    flow.site(op, slices=[_slice(op, run.cell.kernel, 0, x.ids) for run in runs])
    return [flow.fixed(shape, f"{op.name} keeps its own units") for shape in call.shapes]


def _unreadable(op: Any, x: Layout) -> str:
    if not x.is_last or getattr(op, "data_format", "channels_last") != "channels_last":
        return _LAST
    if getattr(op, "groups", 1) != 1:
        return f"has {op.groups} groups of filters"
    return ""


def _activated(flow: Flow, call: Call, ids: Ids, own: Ids | None = None) -> Layout:
    why = mixing(call.op.activation)
    if why:
        flow.groups.freeze(ids, f"{call.op.name} ({type(call.op).__name__}) {why}")
    return along_last(call.shapes[0], ids, own)


def _norms(weight: Any, axis: int) -> npt.NDArray[np.float64]:
    values = np.abs(np.asarray(weight, np.float64))
    sums: npt.NDArray[np.float64] = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).sum(axis=1)
    return sums


def _slice(op: Any, weight: Any, axis: int, ids: Ids) -> Slice:
    return Slice(next(i for i, one in enumerate(op.weights) if one is weight), axis, ids)


LAYERS: dict[str, Any] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "Conv1DTranspose": _transposed,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "BatchNormalization": _batch_norm,
    "PReLU": _prelu,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "SimpleRNN": _recurrent,
    "Bidirectional": _recurrent,
}
