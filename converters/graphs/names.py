"""Short names for the tensors of a graph: ``re_lu_22`` instead of ``PartitionedCall/eye_1/re_lu_22_1/Relu;...``.

In: a float graph as the converter writes it. Out: the same graph with names that fit in a report and are a fifth of
the size (an unrolled LSTM has hundreds of tensors: 14 KB of names). Inputs and outputs are addressed by the signature,
whose names stay. To be done before int8 conversion, whose own writer then aligns the buffers. Not here: what is in it.
"""

from __future__ import annotations

import re

from converters.graphs.editing import packed, unpacked

_NOISE = re.compile(
    r"^(StatefulPartitionedCall|PartitionedCall|serving_default_?|functional(_\d+)?|sequential(_\d+)?)$"
)


def shortened(content: bytes) -> bytes:
    """The graph with short tensor names, each once: signature names, then layers, then ``c1``, ``c2`` for constants."""
    model = unpacked(content)
    for number, graph in enumerate(model.subgraphs):
        names: dict[int, str] = {}
        for signature in model.signatureDefs or []:
            if signature.subgraphIndex == number:
                for entry in [*signature.inputs, *signature.outputs]:
                    names.setdefault(int(entry.tensorIndex), _text(entry.name))
        used = set(names.values())
        made = [int(i) for op in graph.operators for i in op.outputs]
        for i in made:
            names.setdefault(i, _free(_layer(_text(graph.tensors[i].name)), used))
        for i, tensor in enumerate(graph.tensors):
            tensor.name = names.setdefault(i, _free("c1", used)).encode()
    return packed(model, len(content))


def _text(name: bytes | str | None) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name or ""


def _free(name: str, used: set[str]) -> str:
    """The name, or the next of ``c2``, ``c3`` and ``lstm.2``, ``lstm.3`` that nobody has."""
    stem, count, found = (name[:-1], 2, name) if name == "c1" else (f"{name}.", 2, name)
    while found in used:
        found, count = f"{stem}{count}", count + 1
    used.add(found)
    return found


def _layer(name: str) -> str:
    """The layer: the part before the op's own name, or the op where there is no layer."""
    first = name.split(";", maxsplit=1)[0].split(":", maxsplit=1)[0]
    parts = [part for part in first.split("/") if part and not _NOISE.match(part)]
    layer = parts[-2] if len(parts) > 1 else (parts[0] if parts else "tensor")
    return re.sub(r"_\d+$", "", layer) if re.search(r"_\d+_\d+$", layer) else layer
