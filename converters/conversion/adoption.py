"""Somebody's float ``.tflite`` becomes a graph like ours: named inputs and outputs, a batch of one, short names.

In: the bytes of a file. Out: bytes. What ``TFLiteConverter.from_keras_model`` writes has a free batch; what is made of
a concrete function has no signature. To know the sizes of all tensors the graph is run once, so call it where a crash
does no harm (``worker``). Not here: int8.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.graphs.editing import packed, unpacked
from converters.graphs.names import shortened
from converters.graphs.plain import plain_interpreter
from converters.graphs.reader import GraphFile, read_graph
from edge_mm.errors import ConvertError
from edge_mm.quiet import quiet_stderr


def adopted(content: bytes) -> bytes:
    """The graph, ready to be calibrated and compared.

    Raises:
        ConvertError: it is damaged, has weights of 16 bits, or an input whose size is free beyond the batch.
    """
    graph = read_graph(content)
    if any(tensor.dtype == "float16" for tensor in graph.tensors):
        raise ConvertError(
            "this graph's weights have 16 bits (float16), which cannot be calibrated: give the float32 one"
        )
    free = [tensor.index for tensor in graph.tensors if -1 in tensor.shape]
    if free or not graph.signature_inputs:
        model = unpacked(content)
        if not graph.signature_inputs:
            model.signatureDefs = [_signature(graph)]
        if free and graph.subgraphs == 1:
            for index, shape in _sizes(content, graph).items():
                tensor = model.subgraphs[0].tensors[index]
                tensor.shapeSignature = None
                if not graph.tensors[index].constant:
                    tensor.shape = shape
        content = packed(model, len(content))
    return shortened(content)


def _signature(graph: GraphFile) -> Any:
    """A signature from the names of the tensors."""
    one = schema.SignatureDefT()
    one.signatureKey, one.subgraphIndex = b"serving_default", 0
    one.inputs, one.outputs = _named(graph, graph.inputs), _named(graph, graph.outputs)
    return one


def _named(graph: GraphFile, places: tuple[int, ...]) -> list[Any]:
    names: list[str] = []
    for place in places:
        plain = re.sub(r"^serving_default_|:\d+$", "", graph.tensors[place].name) or "tensor"
        names.append(plain if plain not in names else f"{plain}_{place}")
    made = []
    for name, place in zip(names, places, strict=True):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), place
        made.append(entry)
    return made


def _sizes(content: bytes, graph: GraphFile) -> dict[int, list[int]]:
    """Tensor index -> its shape for a batch of one."""
    for place in graph.inputs:
        tensor = graph.tensors[place]
        if -1 in tensor.shape[1:]:
            raise ConvertError(
                f"input {tensor.name!r} has the shape {tensor.shape}: only its batch may be free; convert it again "
                "with the size that the device will feed"
            )
    try:
        with quiet_stderr():
            runner = plain_interpreter(content)
            for place in graph.inputs:
                runner.resize_tensor_input(place, [1, *graph.tensors[place].shape[1:]])
            runner.allocate_tensors()
            for place in graph.inputs:
                tensor = graph.tensors[place]
                runner.set_tensor(place, np.zeros([1, *tensor.shape[1:]], tensor.dtype))
            runner.invoke()
    except (RuntimeError, ValueError) as error:
        raise ConvertError(f"ai-edge-litert refuses this graph: {' '.join(str(error).split())[:300]}") from error
    found = {one["index"]: [int(n) for n in one["shape"]] for one in runner.get_tensor_details()}
    return {tensor.index: found[tensor.index] for tensor in graph.tensors if tensor.index in found}
