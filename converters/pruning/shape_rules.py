"""Layers and operations that move channels or reduce along other axes: reshape, flatten, permute, slice, join, mean.

In and out: as ``rules``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.graphs.keras_nodes import Call
from converters.pruning.flow import Flow
from converters.pruning.layouts import Layout, reshaped, sliced

_SPREAD = "spreads them over two axes, or over a side that is not fixed"


def _reshape(flow: Flow, call: Call) -> list[Layout]:
    made = reshaped(call.values[0], call.shapes[0])
    if made is None:
        return flow.stop(call, _SPREAD)
    flow.site(call.op, shape=made)
    return [made]


def _flatten(flow: Flow, call: Call) -> list[Layout]:
    if call.op.data_format != "channels_last":
        return flow.stop(call, "moves the axes")
    made = reshaped(call.values[0], call.shapes[0])
    return flow.stop(call, _SPREAD) if made is None else [made]


def _reshape_operation(flow: Flow, call: Call) -> list[Layout]:
    kept = call.op.newshape and call.op.newshape[0] in (-1, None)  # else the batch is counted
    return _reshape(flow, call) if kept else flow.stop(call, _SPREAD)


def _permute(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    return [Layout(call.shapes[0], list(call.op.dims).index(x.axis + 1), x.ids, x.own)]


def _transpose(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    axes = call.op.axes
    if axes is None or axes[0] != 0:
        return flow.stop(call, "moves the batch")
    return [Layout(call.shapes[0], list(axes).index(x.axis + 1) - 1, x.ids, x.own)]


def _get_item(flow: Flow, call: Call) -> list[Layout]:
    key = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    made = sliced(call.values[0], key[1:]) if key and key[0] == slice(None) else None
    return flow.stop(call, "takes a part of them by number") if made is None else [made]


def _concatenate(flow: Flow, call: Call) -> list[Layout]:
    read: list[Layout] = list(call.values)
    rank = len(call.shapes[0])
    axis = call.op.axis - 1 if call.op.axis > 0 else call.op.axis + rank
    if any(x.axis != read[0].axis for x in read) or call.op.axis == 0:
        return flow.stop(call, "joins them along different axes")
    if axis == read[0].axis:
        ids, own = (np.concatenate([getattr(x, key) for x in read]) for key in ("ids", "own"))
        return [Layout(call.shapes[0], axis, ids, own)]
    for x in read[1:]:
        flow.groups.unite(read[0].ids, x.ids)
    own = np.where(np.all([x.own == read[0].own for x in read], axis=0), read[0].own, -1)
    return [Layout(call.shapes[0], read[0].axis, read[0].ids, own)]


def _reduce(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    rank = len(x.shape) + 1
    axes = call.op.axis if isinstance(call.op.axis, tuple | list) else [call.op.axis]
    if None in axes or any(axis % rank in (0, x.axis + 1) for axis in axes):
        return flow.stop(call, "reduces along them")
    gone = 0 if call.op.keepdims else sum(axis % rank < x.axis + 1 for axis in axes)
    return [Layout(call.shapes[0], x.axis - gone, x.ids, x.own)]


LAYERS: dict[str, Any] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Permute": _permute,
    "Concatenate": _concatenate,
}
OPERATIONS: dict[str, Any] = {
    "Reshape": _reshape_operation,
    "Transpose": _transpose,
    "GetItem": _get_item,
    "Concatenate": _concatenate,
    "Mean": _reduce,
    "Max": _reduce,
    "Sum": _reduce,
}
