"""One op with all that a rule may ask about it: its tensors, its constants, its options.

In: a ``GraphFile``, its bytes, an op. Out: answers. Not here: rules.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from converters.graphs.reader import GraphFile, Op, Tensor, values
from edge_mm.errors import ConvertError


class Case(NamedTuple):
    """One op in its graph."""

    op: Op
    graph: GraphFile
    content: bytes
    """The file."""

    def input(self, place: int) -> Tensor | None:
        """The tensor of an input; None when it is left out."""
        given = self.op.inputs[place] if place < len(self.op.inputs) else -1
        return self.graph.tensors[given] if given >= 0 else None

    def output(self, place: int = 0) -> Tensor | None:
        """The tensor of an output."""
        given = self.op.outputs[place] if place < len(self.op.outputs) else -1
        return self.graph.tensors[given] if given >= 0 else None

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of the op's options; what the schema says when the file leaves it out."""
        return getattr(self.op.options, name, default)

    def constant(self, place: int) -> list[int] | None:
        """The whole numbers of a constant input (axes, paddings), flat; None when it is not constant."""
        tensor = self.input(place)
        if tensor is None or not tensor.constant or tensor.dtype not in ("int32", "int64"):
            return None
        try:
            return [int(n) for n in values(self.content, tensor).ravel()]
        except ConvertError:
            return None

    def data(self) -> list[Tensor]:
        """What moves through the op: inputs that are neither constant nor a state, and outputs."""
        tensors = self.graph.tensors
        moving = [tensors[i] for i in self.op.inputs if i >= 0 and not tensors[i].constant and not tensors[i].variable]
        return moving + [tensors[i] for i in self.op.outputs if i >= 0]
