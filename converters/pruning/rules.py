"""How each kind of layer treats channels.

In: one call of a layer or operation and the layouts of what it reads. Out: the layouts of what it makes; slices, ties
and frozen channels go into the ``Flow``. What is not listed freezes what it reads: a wrong guess would be a wrong
model. Kinds are known by their exact class in Keras, since a user's subclass may do anything.

The elementwise and shape rules hold for zeros: a channel that is zero everywhere stays zero through every layer of
``_SAME`` but those that map 0 to something else (sigmoid, an offset), where the fine-tuning has to make up for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from converters.graphs.keras_nodes import Call
from converters.pruning import shape_rules, weight_rules
from converters.pruning.flow import Flow
from converters.pruning.layouts import Layout, along_last

Rule = Callable[[Flow, Call], list[Layout]]

_PLACES = ("MaxPooling", "AveragePooling", "ZeroPadding", "Cropping", "UpSampling")
_POOLS = [f"{kind}{n}D" for kind in _PLACES for n in (1, 2, 3)]
_DROPS = ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"]
_GLOBAL = [f"Global{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)]
_SAME = ["ReLU", "ELU", "LeakyReLU", "Identity", "GaussianNoise", "GaussianDropout", "AlphaDropout"]
_UNARY = [
    *("Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "HardTanh", "Tanh", "Gelu", "Elu", "Selu", "Celu"),
    *("LeakyRelu", "Softplus", "Softsign", "Absolute", "Abs", "Square", "Sqrt", "Exp", "Negative", "Clip", "Identity"),
]
_MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
_ARITHMETIC = ["Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"]


def follow(flow: Flow, call: Call) -> list[Layout]:
    """One call; what Keras did not make, or is not listed, freezes."""
    import keras

    kind = type(call.op)
    if not kind.__module__.startswith("keras."):
        return flow.stop(call, "reads them, a class of its own")
    if id(call.op) in flow.stopped:
        return flow.stop(call, "is called twice, and once in a way that pruning does not know")
    table = _LAYERS if isinstance(call.op, keras.Layer) else _OPERATIONS
    rule = table.get(kind.__name__)
    return rule(flow, call) if rule else flow.stop(call, "reads them, which pruning does not know")


def _same(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    return [Layout(call.shapes[0], x.axis, x.ids, x.own)]


def _spatial(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    if not x.is_last or getattr(call.op, "data_format", "channels_last") != "channels_last":
        return flow.stop(call, "reads them along another axis than the last")
    return [along_last(call.shapes[0], x.ids, x.own)]


def _activation(flow: Flow, call: Call) -> list[Layout]:
    why = weight_rules.mixing(call.op.activation)
    return flow.stop(call, why) if why else _same(flow, call)


def _dropout(flow: Flow, call: Call) -> list[Layout]:
    (x,) = call.values
    shape = call.op.noise_shape
    if shape is not None and tuple(shape)[x.axis + 1] not in (None, 1):
        return flow.stop(call, "has a noise_shape that counts them")
    return _same(flow, call)


def _rescaling(flow: Flow, call: Call) -> list[Layout]:
    if np.ndim(call.op.scale) or np.ndim(call.op.offset):
        return flow.stop(call, "scales each of them by a number of its own")
    return _same(flow, call)


def _elementwise(flow: Flow, call: Call) -> list[Layout]:
    import keras

    others = [a for a in keras.tree.flatten(call.args) if not isinstance(a, Layout)]
    if any(np.size(other) > 1 for other in others):
        return flow.stop(call, "joins them with an array of numbers")
    size = max(len(x.ids) for x in call.values)
    wide = [x for x in call.values if len(x.ids) == size]
    narrow = [x for x in call.values if len(x.ids) < size]
    if any(len(x.ids) > 1 for x in narrow) or len({x.from_end for x in wide}) > 1:
        return flow.stop(call, "joins them along different axes")
    for x in narrow:
        flow.groups.freeze(x.ids, f"{call.op.name} spreads it over {size} channels")
    first = wide[0]
    for x in wide[1:]:
        flow.groups.unite(first.ids, x.ids)
    full = max(_places(x) for x in wide)
    gates = [x for x in wide if type(call.op).__name__ == "Multiply" and _places(x) < full]
    flow.gates.update(one for x in gates for one in x.own.tolist())
    left = [x for x in wide if not any(x is gate for gate in gates)]
    own = np.where(np.all([x.own == left[0].own for x in left], axis=0), left[0].own, -1)
    shape = call.shapes[0]
    return [Layout(shape, len(shape) + first.from_end, first.ids, own)]


def _places(layout: Layout) -> int:
    """How many values one channel has; a side that is not fixed counts as many."""
    return int(np.prod([1000 if side is None else side for side in layout.shape])) // max(len(layout.ids), 1)


_LAYERS: dict[str, Rule] = {
    **dict.fromkeys(_POOLS + _DROPS + _GLOBAL, _spatial),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_MERGES, _elementwise),
    "RepeatVector": _spatial,
    "Activation": _activation,
    "Dropout": _dropout,
    "Rescaling": _rescaling,
    **weight_rules.LAYERS,
    **shape_rules.LAYERS,
}
_OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(_UNARY, _same),
    **dict.fromkeys(_ARITHMETIC, _elementwise),
    **shape_rules.OPERATIONS,
}
