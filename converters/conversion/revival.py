"""An int8 graph becomes a Keras model again, so that it can be trained further: transfer from nothing but a bundle.

In: the bytes of a ``.tflite`` graph. Out: a functional Keras 3 model in float32 with the same inputs, outputs and
weights (each int8 weight times its scale, so what rounding took stays lost), BatchNorm folded in, recurrent layers
unrolled as the converter left them; steps that shared a weight still share it. Not here: what each op is
(``revived_ops``), training (``converters.transfer``), int8 again (``int8``, ``heads``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from converters.conversion.revived_ops import Values
from converters.graphs.reader import GraphFile, Op, read_graph
from edge_mm.errors import ConvertError

_PLAIN = ("LOGISTIC", "SOFTMAX", "RESHAPE")
"""Ops without weights that may stand behind a last layer."""


class Head(NamedTuple):
    """The last dense layer of one output: what is trained while all before it is frozen."""

    layer: Any
    """In the model."""
    op: int
    """Its op's index in the file."""


class Revived(NamedTuple):
    """A model that can be trained again."""

    model: Any
    """Functional: inputs by name, a dict of outputs by name."""
    heads: dict[str, Head]
    """Output -> its own head; an output that shares its last weights with another one has none."""


def revived(content: bytes) -> Revived:
    """The model that an int8 (or float) graph was made of, as far as the file still knows it.

    Raises:
        ConvertError: the graph is damaged, has no signature, or an op that is not known here.
    """
    import keras

    graph = read_graph(content)
    if not graph.signature_inputs or not graph.signature_outputs:
        raise ConvertError("the graph has no signature: its inputs and outputs have no names; convert the model again")
    values = Values(content, graph)
    inputs = []
    for name, place in graph.signature_inputs.items():
        if graph.tensors[place].dtype not in ("int8", "float32"):
            kind = graph.tensors[place].dtype
            raise ConvertError(f"input {name!r} holds {kind}: a graph that looks rows up is not trained further")
        inputs.append(values.input(place, name))
    for op in graph.ops:
        values.take(op)
    outputs = {name: values.value(place) for name, place in graph.signature_outputs.items()}
    heads = {name: Head(values.layer_of(op), op.index) for name, op in _last_layers(graph).items()}
    return Revived(keras.Model(inputs, outputs, name="revived"), heads)


def _last_layers(graph: GraphFile) -> dict[str, Op]:
    """Output -> its last dense layer, if nothing else reads its weights or what it says (an embedding is no head)."""
    makers = {place: op for op in graph.ops for place in op.outputs}
    found: dict[str, Op] = {}
    for name, place in graph.signature_outputs.items():
        op = makers.get(place)
        while op is not None and op.name in _PLAIN:
            op = makers.get(op.inputs[0])
        if op is not None and op.name == "FULLY_CONNECTED":
            found[name] = op
    weights = Counter(op.inputs[1] for op in graph.ops if op.name == "FULLY_CONNECTED")
    ends = Counter(op.index for op in found.values())
    read = Counter(place for op in graph.ops for place in op.inputs) + Counter(graph.signature_outputs.values())
    return {
        name: op
        for name, op in found.items()
        if weights[op.inputs[1]] == 1 and ends[op.index] == 1 and read[op.outputs[0]] == 1
    }
