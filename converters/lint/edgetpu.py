"""Which ops of a graph would run on an Edge TPU, and at which op its partition ends.

In: a graph. Out: a verdict on each op, and findings. What holds for every op (coral.ai/docs/edgetpu/models-intro,
"Model requirements"): tensors are int8 or uint8, sizes are fixed, parameters are constants, tensors have up to three
axes or only their innermost three longer than one. The compiler makes one partition from the start of the graph: the
first op that it does not take, and every op after it, run on the CPU. "After" is taken as the order of the file, as the
documentation says it; a branch beside may still be mapped. Not here: the table of ops (``edgetpu_ops.py``); what the
compiler itself says (``compiler.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from converters.graphs.reader import GraphFile, Op, Tensor
from converters.lint.case import Case
from converters.lint.edgetpu_ops import COMPILER_NEWEST, INSTEAD, LARGE_RESHAPE_BYTES, TABLE
from converters.lint.findings import Finding, Verdict, title

COMPILED = "edgetpu-custom-op"
"""The op into which the compiler turns its partition."""
TYPES = ("int8", "uint8")
AXES = 3
"""Innermost axes that may be longer than one."""
_WHOLE_LAYER = "replace its layer, or move it to the end of the net"
_FLOAT = "quantize it first (edge-mm-convert quantize); layers that must stay in float belong at the end of the net"


class Partition(NamedTuple):
    """What would run where."""

    verdicts: tuple[Verdict, ...]
    """One per op."""
    end: Op | None
    """The op at which the partition ends; None: it reaches the end of the graph."""

    @property
    def mapped(self) -> int:
        """How many ops would run on the Edge TPU."""
        return sum(one.where == "edgetpu" for one in self.verdicts)

    def summary(self) -> str:
        """``38 of 41 ops would run on the Edge TPU; the partition ends at op 38 (SOFTMAX)``."""
        text = f"{self.mapped} of {len(self.verdicts)} ops would run on the Edge TPU"
        return text if self.end is None else f"{text}; the partition ends at {_short(self.end)}"


def partition(graph: GraphFile, content: bytes) -> Partition:
    """Judge every op.

    Args:
        graph: subgraph 0 of the file.
        content: the file.
    """
    verdicts: list[Verdict] = []
    end: Op | None = None
    compiled = any(op.custom == COMPILED for op in graph.ops)
    for op in graph.ops:
        reason = against(Case(op, graph, content))
        if compiled:  # the compiler has spoken: its op is the partition
            verdicts.append(
                Verdict(op, "edgetpu") if op.custom == COMPILED else Verdict(op, "cpu", "the compiler left it there")
            )
        elif _is_door(op, graph):
            verdicts.append(Verdict(op, "cpu", "it turns a float input into int8"))
        elif reason:
            verdicts.append(Verdict(op, "cpu", reason))
            end = end or op
        elif end is not None:
            verdicts.append(Verdict(op, "cpu", f"it comes after {title(end)}, where the partition ends"))
        else:
            verdicts.append(Verdict(op, "edgetpu"))
    return Partition(tuple(verdicts), end)


def against(case: Case) -> str:
    """Why an op does not run on an Edge TPU wherever it stands; empty when nothing is against it."""
    op = case.op
    known = TABLE.get(op.name)
    if known is None:
        return "an Edge TPU does not have this op"
    for tensor in case.data():
        reason = _unfit(tensor)
        if reason:
            return reason
    return next((said for one in known.limits if (said := one(case))), "")


def edgetpu_findings(graph: GraphFile, content: bytes, found: Partition) -> Iterator[Finding]:
    """What a person should know of a partition."""
    if not graph.ops:
        return
    if found.mapped == 0:
        yield Finding(
            "error",
            "edgetpu",
            "nothing of this graph would run on the Edge TPU",
            "see below what is against its first op; or choose a board without one",
        )
    sizes = [t for t in graph.tensors if -1 in t.shape]
    if sizes:
        yield Finding(
            "error",
            "edgetpu",
            f"edgetpu_compiler refuses graphs with sizes that are known only at run time ({sizes[0].name})",
            "convert with a fixed batch of 1",
        )
    if graph.subgraphs > 1:
        yield Finding(
            "warning",
            "edgetpu",
            f"the file has {graph.subgraphs} subgraphs (loops or branches), an Edge TPU takes one",
            INSTEAD["WHILE"],
        )
    after = {one.op.index: one.op for one in found.verdicts if one.reason.startswith("it comes after")}
    for verdict in found.verdicts:
        if verdict.where == "edgetpu":
            yield from _doubts(Case(verdict.op, graph, content))
        elif verdict.op.index not in after:
            yield Finding(
                "warning",
                "edgetpu",
                f"it runs on the CPU: {verdict.reason}",
                _FLOAT if verdict.reason.endswith("is float32") else INSTEAD.get(verdict.op.name, _WHOLE_LAYER),
                verdict.op,
            )
    if after:
        names = ", ".join(dict.fromkeys(op.name for op in after.values()))
        yield Finding(
            "warning",
            "edgetpu",
            f"{len(after)} ops after it that an Edge TPU would take run on the CPU as well ({names})",
            "remove what ends the partition",
            found.end,
        )
    for op in graph.ops:
        newest = COMPILER_NEWEST.get(op.name)
        if newest is not None and op.version > newest:
            yield Finding(
                "error",
                "edgetpu",
                f"edgetpu_compiler 16.0 reads it up to v{newest} and refuses the whole file",
                "replace its layer (UpSampling2D and Conv2D in the place of Conv2DTranspose)",
                op,
            )


def _short(op: Op) -> str:
    return f"op {op.index} ({op.custom or op.name})"


def _unfit(tensor: Tensor) -> str:
    if tensor.dtype not in TYPES:
        return f"{_called(tensor)} is {tensor.dtype}"
    if -1 in tensor.shape:
        return f"the size of {_called(tensor)} is known only at run time"
    if any(n != 1 for n in tensor.shape[:-AXES]):
        return f"{_called(tensor)} {list(tensor.shape)} has more than {AXES} axes longer than one"
    return ""


def _called(tensor: Tensor) -> str:
    return f"tensor {tensor.index}" + (f" ({tensor.name.split(';')[0][-60:]})" if tensor.name else "")


def _is_door(op: Op, graph: GraphFile) -> bool:
    """A QUANTIZE of a float input: the compiler leaves it to the CPU and begins behind it (published logs)."""
    return op.name == "QUANTIZE" and all(i in graph.inputs and graph.tensors[i].dtype == "float32" for i in op.inputs)


def _doubts(case: Case) -> Iterator[Finding]:
    op, known = case.op, TABLE.get(case.op.name)
    if known is not None and known.doubt:
        yield Finding(
            "warning", "unconfirmed", f"it is taken to be mapped, but {known.doubt}", "ask edgetpu_compiler", op
        )
    output, weights = case.output(), case.input(1)
    if op.name == "RESHAPE" and output is not None and output.bytes > LARGE_RESHAPE_BYTES:
        yield Finding("warning", "unconfirmed", "large reshapes are not always mapped", "ask edgetpu_compiler", op)
    if op.name == "FULLY_CONNECTED" and weights is not None and len(weights.scales) > 1:
        yield Finding(
            "note",
            "unconfirmed",
            "its weights have a scale for each unit, which is newer than the last compiler",
            "ask edgetpu_compiler, or quantize dense layers with one scale",
            op,
        )
