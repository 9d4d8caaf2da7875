"""Each op of an int8 graph as what it is in Keras, with float weights.

In: ops of a graph in their order. Out: Keras tensors. Whatever an op gives is brought into the shape that the file
says. Not here: which ops a graph has (``revival``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.reader import GraphFile, Op, Tensor, values
from edge_mm.errors import ConvertError

Array = npt.NDArray[Any]

ACTIVATIONS = (None, "relu", None, "relu6", "tanh")
"""``ActivationFunctionType`` of the schema, what Keras calls it."""
QUANTIZED = ("int8", "int32")
WEIGHED = ("CONV_2D", "FULLY_CONNECTED")


class Values:
    """The values of a graph's tensors as Keras tensors, while its ops are gone through in order.

    A tensor of the file has a batch of one, mostly as its first axis; here a value has the batch first and then the
    file's axes, without that one.
    """

    def __init__(self, content: bytes, graph: GraphFile) -> None:
        self.tensors = graph.tensors
        self._content = content
        self._layers: dict[int, Any] = {}
        self._readers = Counter(op.inputs[1] for op in graph.ops if op.name in WEIGHED)
        self._known: dict[int, Any] = {}

    def input(self, place: int, name: str) -> Any:
        """A new Keras input that stands for a tensor."""
        import keras

        self._known[place] = keras.Input(_inner(self.tensors[place]), name=name)
        return self._known[place]

    def take(self, op: Op) -> None:
        """The next op.

        Raises:
            ConvertError: it is not known here, or does what cannot be trained.
        """
        call = OPS.get(op.name)
        if call is None:
            raise ConvertError(f"op {op.name} cannot be trained further; known are {', '.join(sorted(OPS))}")
        made = call(self, op)
        for place, value in zip(op.outputs, made if isinstance(made, list) else [made], strict=True):
            self._known[place] = self._shaped(value, self.tensors[place])

    def value(self, place: int) -> Any:
        """Of a tensor that an op has made."""
        return self._known[place]

    def read(self, op: Op, number: int = 0) -> Any:
        """The value of an op's input: a Keras tensor, or numbers where the file holds them."""
        place = op.inputs[number]
        if place in self._known:
            return self._known[place]
        return self.constant(place)

    def constant(self, place: int) -> Array:
        """A constant of the file in real numbers, without its quantization."""
        tensor = self.tensors[place]
        found = values(self._content, tensor)
        if not tensor.scales or tensor.dtype not in QUANTIZED:
            return found
        scales, zeros = np.array(tensor.scales), np.array(tensor.zero_points or [0])
        if len(scales) > 1:  # of each output channel, which is the first axis of the weights that are shipped
            across = (-1, *(1,) * (found.ndim - 1))
            scales, zeros = scales.reshape(across), zeros.reshape(across) if len(zeros) > 1 else zeros
        return np.asarray((found.astype(np.float64) - zeros) * scales, np.float32)

    def layer(self, op: Op, make: Callable[[Array, Array | None], Any]) -> Any:
        """An op's layer on its input; there is one layer for all ops that read the same weights.

        The bias of weights that several ops read (a recurrent layer, of whose steps the converter pulled the bias out)
        stays a constant.
        """
        import keras

        weights, bias = op.inputs[1], op.inputs[2] if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
        if weights in self._known:
            raise ConvertError(f"op {op.index} ({op.name}) multiplies two values: such a graph is not trained further")
        offset = None if bias is None else self.constant(bias)
        alone = self._readers[weights] == 1
        if weights not in self._layers:
            self._layers[weights] = make(self.constant(weights), offset if alone else None)
        value = self._layers[weights](self.read(op))
        return value if alone or offset is None else keras.ops.add(value, offset)

    def layer_of(self, op: Op) -> Any:
        """The layer that an op became."""
        return self._layers[op.inputs[1]]

    def activated(self, op: Op, value: Any) -> Any:
        """A value behind the activation that is fused into an op."""
        import keras

        number = int(getattr(op.options, "fusedActivationFunction", 0) or 0)
        if number >= len(ACTIVATIONS) or (number and ACTIVATIONS[number] is None):
            raise ConvertError(f"op {op.index} ({op.name}): activation {number} is not known here")
        name = ACTIVATIONS[number]
        return value if name is None else keras.layers.Activation(name)(value)

    def axis(self, op: Op, number: int, *, side: int = 0) -> int:
        """An axis of an op's input as the file says it -> the axis here."""
        tensor = self.tensors[op.inputs[side]]
        number %= len(tensor.shape)
        return number if _led(tensor) else number + 1

    def _shaped(self, value: Any, tensor: Tensor) -> Any:
        import keras

        inner = _inner(tensor)
        return value if tuple(value.shape[1:]) == inner else keras.ops.reshape(value, (-1, *inner))


def _led(tensor: Tensor) -> bool:
    return tensor.shape[:1] in ((1,), (-1,))


def _inner(tensor: Tensor) -> tuple[int, ...]:
    return tensor.shape[1:] if _led(tensor) else tensor.shape


def _dense(of: Values, op: Op) -> Any:
    import keras

    def make(weights: Array, bias: Array | None) -> Any:
        layer = keras.layers.Dense(weights.shape[0], use_bias=bias is not None)
        layer.build((None, weights.shape[1]))
        layer.set_weights([weights.T, *([] if bias is None else [bias])])
        return layer

    return of.activated(op, of.layer(op, make))


def _conv(of: Values, op: Op) -> Any:
    import keras

    how = op.options

    def make(weights: Array, bias: Array | None) -> Any:
        layer = keras.layers.Conv2D(
            weights.shape[0],
            weights.shape[1:3],
            strides=(how.strideH, how.strideW),
            dilation_rate=(how.dilationHFactor, how.dilationWFactor),
            padding="valid" if how.padding else "same",
            use_bias=bias is not None,
        )
        layer.build((None, None, None, weights.shape[3]))
        layer.set_weights([weights.transpose(1, 2, 3, 0), *([] if bias is None else [bias])])
        return layer

    return of.activated(op, of.layer(op, make))


def _two(name: str) -> Callable[[Values, Op], Any]:
    def call(of: Values, op: Op) -> Any:
        import keras

        first, second = of.read(op, 0), of.read(op, 1)
        return of.activated(op, getattr(keras.ops, name)(_float(first), _float(second)))

    return call


def _float(value: Any) -> Any:
    """A constant as it goes into Keras; its leading axes of one stand for the batch."""
    return value.astype(np.float32) if isinstance(value, np.ndarray) else value


def _one(name: str) -> Callable[[Values, Op], Any]:
    def call(of: Values, op: Op) -> Any:
        import keras

        return getattr(keras.ops, name)(of.read(op))

    return call


def _same(of: Values, op: Op) -> Any:
    return of.read(op)


def _transpose(of: Values, op: Op) -> Any:
    import keras

    order = of.constant(op.inputs[1]).tolist()
    if _led(of.tensors[op.inputs[0]]) and order[0] != 0:
        raise ConvertError(f"op {op.index} (TRANSPOSE) moves the batch: such a graph is not trained on")
    moved = order if order[0] == 0 else [0, *(one + 1 for one in order)]
    return keras.ops.transpose(of.read(op), moved)


def _split(of: Values, op: Op) -> list[Any]:
    import keras

    axis = of.axis(op, int(of.constant(op.inputs[0])), side=1)
    return list(keras.ops.split(of.read(op, 1), len(op.outputs), axis=axis))


def _unpack(of: Values, op: Op) -> list[Any]:
    import keras

    return list(keras.ops.unstack(of.read(op), axis=of.axis(op, op.options.axis)))


def _pack(of: Values, op: Op) -> Any:
    import keras

    # values of a batch of one are packed along a new axis; it stands behind ours
    return keras.ops.stack([of.read(op, i) for i in range(len(op.inputs))], axis=op.options.axis + 1)


def _joined(of: Values, op: Op) -> Any:
    import keras

    return keras.ops.concatenate([of.read(op, i) for i in range(len(op.inputs))], axis=of.axis(op, op.options.axis))


def _mean(of: Values, op: Op) -> Any:
    import keras

    axes = [of.axis(op, int(one)) for one in np.atleast_1d(of.constant(op.inputs[1]))]
    return keras.ops.mean(of.read(op), axis=axes)


def _sliced(of: Values, op: Op) -> Any:
    how = op.options
    begin, end, step = (of.constant(op.inputs[i]).tolist() for i in (1, 2, 3))
    if how.ellipsisMask or how.newAxisMask:
        raise ConvertError(f"op {op.index} (STRIDED_SLICE) adds axes: such a graph is not trained on")
    cuts: list[slice | int] = []
    for i, (first, last, by) in enumerate(zip(begin, end, step, strict=True)):
        if how.shrinkAxisMask >> i & 1:
            cuts.append(first)
            continue
        cuts.append(slice(None if how.beginMask >> i & 1 else first, None if how.endMask >> i & 1 else last, by))
    if _led(of.tensors[op.inputs[0]]):
        cuts[0] = slice(None)
        return of.read(op)[tuple(cuts)]
    return of.read(op)[(slice(None), *cuts)]


OPS: dict[str, Callable[[Values, Op], Any]] = {
    "ADD": _two("add"),
    "CONCATENATION": _joined,
    "CONV_2D": _conv,
    "FULLY_CONNECTED": _dense,
    "LOGISTIC": _one("sigmoid"),
    "MEAN": _mean,
    "MUL": _two("multiply"),
    "PACK": _pack,
    "QUANTIZE": _same,
    "RESHAPE": _same,
    "SOFTMAX": _one("softmax"),
    "SPLIT": _split,
    "STRIDED_SLICE": _sliced,
    "SUB": _two("subtract"),
    "TANH": _one("tanh"),
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
"""Op of the schema -> what it is in Keras. A reshape only needs to be brought into its own shape."""
