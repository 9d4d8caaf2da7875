"""The names in a float graph: those of its signature, and those of the layers that its tensors come from.

In: a float graph as TensorFlow's converter writes it. Out: the same graph with other names. Not here: how short they
are (``graphs.names``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from converters.graphs.editing import packed, unpacked

_NUMBERED = re.compile(r"(.+)_\d+")
_TWICE = re.compile(r".+_\d+_\d+")
"""``graphs.names`` takes the last number of such a name itself."""


def renamed(content: bytes, *, model: str, signature: Mapping[str, str], layers: Collection[str]) -> bytes:
    """The graph of a Keras model with the model's own names.

    TensorFlow gives every layer of a traced Keras model a number more than its name has: the scope ``conv2d_1`` is the
    layer ``conv2d``, and ``conv2d_1_2`` is ``conv2d_1``. What lies inside of a layer, such as the cell of an LSTM,
    takes the layer's name.

    Args:
        content: with one signature.
        model: name of the model.
        signature: names of inputs and outputs in the file -> what they are called instead.
        layers: names of the model's layers, without those that hold layers themselves.
    """
    file = unpacked(content)
    for one in file.signatureDefs:
        for entry in (*one.inputs, *one.outputs):
            entry.name = signature[entry.name.decode()].encode()
    for graph in file.subgraphs:
        for tensor in graph.tensors:
            tensor.name = ";".join(_scoped(part, model, layers) for part in tensor.name.decode().split(";")).encode()
    return packed(file, len(content))


def _scoped(name: str, model: str, layers: Collection[str]) -> str:
    *scopes, op = name.split("/")
    kept = []
    for scope in scopes:
        numbered = _NUMBERED.fullmatch(scope)
        stem = numbered[1] if numbered else scope
        if stem in layers:
            kept.append(scope if _TWICE.fullmatch(scope) else stem)
            break
        if stem != model:
            kept.append(scope)
    return "/".join([*kept, op])
