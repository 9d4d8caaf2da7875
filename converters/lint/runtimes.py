"""Whether a TFLite runtime takes every op of a graph and gives the right numbers.

In: a graph and the name of a runtime. Out: findings. What a runtime refuses was found by handing it graphs of one op
(tflite-runtime 2.14.0, ai-edge-litert 2.3.0, x86-64, November 2026). Not here: Edge TPU (``edgetpu.py``); whether the
numbers are good enough (``compare``).
"""

from __future__ import annotations

from collections.abc import Iterator

from converters.graphs.reader import GraphFile, Tensor
from converters.lint.case import Case
from converters.lint.findings import Finding
from converters.lint.kernel_versions import RUNTIMES, newest_version

CUSTOM = ("Mfcc", "AudioSpectrogram", "NumericVerify", "TFLite_Detection_PostProcess", "edgetpu-custom-op")
"""Custom ops that the runtimes register themselves (register.cc), and the one of a compiled Edge TPU graph."""
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
RANKS = {"STRIDED_SLICE": 5, "SLICE": 5, "PAD": 5}
"""Most axes in both runtimes: kMaxDim of strided_slice.cc, slice.cc and pad.cc."""
RANKS_LITERT = {"CONCATENATION": 6, "MEAN": 6}
"""Most axes of XNNPACK in ai-edge-litert 2.3: one more fails at allocation."""
QUANTIZED = ("int8", "uint8")


def runtime_findings(graph: GraphFile, content: bytes, *, runtime: str) -> Iterator[Finding]:
    """What would fail, or come out wrong, in one runtime.

    Args:
        graph: one subgraph of the file.
        content: the file.
        runtime: ``tflite_runtime`` or ``ai_edge_litert``.
    """
    for op in graph.ops:
        case = Case(op, graph, content)
        yield from _version(case, runtime)
        yield from _kernel(case, runtime)
        yield from _rank(case, runtime)
        yield from _sparse(case, runtime)
        yield from _hybrid(case, runtime)
    if runtime == "tflite_runtime" and _numbers(graph.min_runtime) > (2, 14):
        yield Finding(
            "warning",
            "version",
            f"the file says that it needs a runtime of {graph.min_runtime}, the board has {RUNTIMES[runtime]}",
            "try it there: edge-mm-convert quantize does so in both runtimes",
        )


def graph_findings(graph: GraphFile, content: bytes) -> Iterator[Finding]:
    """What concerns the graph in any runtime: variables left over, states, sizes that change, ops left in float."""
    for op in graph.ops:
        if op.name == "CUSTOM" and op.custom not in CUSTOM:
            flex = op.custom.startswith("Flex")
            yield Finding(
                "error",
                "custom",
                "it needs the Flex delegate (TensorFlow), which no runtime of a board has"
                if flex
                else "no runtime has this custom op",
                "convert with TFLITE_BUILTINS only, and replace the layer that it comes from",
                op,
            )
        elif op.name in VARIABLES:
            yield Finding(
                "error",
                "state",
                "the graph was not frozen: it reads variables that the file does not set",
                "convert with edge-mm-convert quantize, which freezes Keras 3 models",
                op,
            )
        elif op.name in ("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"):
            yield Finding(
                "warning",
                "state",
                "it keeps its state from one invoke to the next",
                "reset the state before each window (stateful = true in the bundle's manifest)",
                op,
            )
    moving = sorted({t for op in graph.ops for t in Case(op, graph, content).data() if -1 in t.shape})
    moving += [
        graph.tensors[i] for i in graph.inputs if -1 in graph.tensors[i].shape and graph.tensors[i] not in moving
    ]
    if moving:
        yield Finding(
            "warning",
            "shape",
            f"{len(moving)} tensors have a size known only at run time, first {moving[0].name} {moving[0].shape}",
            "convert with a fixed batch of 1; until then runtimes take each such axis as 1",
        )
    yield from _islands(graph, content)


def _version(case: Case, runtime: str) -> Iterator[Finding]:
    op = case.op
    if op.name == "CUSTOM":
        return
    newest = newest_version(op.name, runtime=runtime)
    if newest == 0:
        yield Finding("error", "version", f"{RUNTIMES[runtime]} does not have this op", "replace its layer", op)
    elif op.version > newest:
        hybrid = op.name == "FULLY_CONNECTED" and _is_hybrid(case)
        yield Finding(
            "error",
            "version",
            f"{RUNTIMES[runtime]} takes it up to v{newest}",
            "quantize with int8-static, or with one scale per dense layer (edge-mm-convert's dynamic-range recipe)"
            if hybrid
            else "convert for the older runtime, or replace its layer",
            op,
        )


def _kernel(case: Case, runtime: str) -> Iterator[Finding]:
    """What the version does not tell: the kernel is there and fails when it runs."""
    op = case.op
    if runtime == "tflite_runtime" and op.name == "DIV" and any(t.dtype == "int8" for t in case.data()):
        yield Finding(
            "error",
            "kernel",
            f"{RUNTIMES[runtime]} has DIV for float, int32 and uint8 only: it fails when it is invoked",
            "multiply with a constant reciprocal; for a mask add a large negative number instead",
            op,
        )


def _rank(case: Case, runtime: str) -> Iterator[Finding]:
    op, rank = case.op, max((len(t.shape) for t in case.data()), default=0)
    most = RANKS.get(op.name) or (RANKS_LITERT.get(op.name) if runtime == "ai_edge_litert" else None)
    if runtime == "tflite_runtime" and op.name == "SUB":
        sides = {t.shape for t in (case.input(0), case.input(1)) if t is not None}
        most = 5 if len(sides) > 1 else None  # with 6 axes and a broadcast it aborts the process
    if most is not None and rank > most:
        yield Finding(
            "error",
            "rank",
            f"it has {rank} axes, {RUNTIMES[runtime]} takes {most}",
            "merge axes with a RESHAPE before it",
            op,
        )


def _sparse(case: Case, runtime: str) -> Iterator[Finding]:
    for tensor in (case.input(i) for i in range(len(case.op.inputs))):
        if tensor is not None and tensor.sparse and case.op.name != "DENSIFY":
            fails = runtime == "ai_edge_litert"
            yield Finding(
                "error" if fails else "warning",
                "kernel",
                f"its weights are stored sparse, which {RUNTIMES[runtime]} "
                + ("refuses at allocation" if fails else "takes without being any faster"),
                "convert without EXPERIMENTAL_SPARSITY; the zeros still compress in the bundle",
                case.op,
            )


def _hybrid(case: Case, runtime: str) -> Iterator[Finding]:
    weights = case.input(1)
    if runtime == "tflite_runtime" and case.op.name == "FULLY_CONNECTED" and weights is not None:
        known = case.op.version <= newest_version("FULLY_CONNECTED", runtime=runtime)  # a newer one is refused anyway
        if known and _is_hybrid(case) and len(weights.scales) > 1:
            yield Finding(
                "error",
                "kernel",
                f"float values, int8 weights and {len(weights.scales)} scales need v12; {RUNTIMES[runtime]} reads this "
                "as one scale and gives wrong numbers without an error",
                "quantize with int8-static, or with one scale per dense layer",
                case.op,
            )


def _is_hybrid(case: Case) -> bool:
    values, weights = case.input(0), case.input(1)
    return values is not None and weights is not None and (values.dtype, weights.dtype) == ("float32", "int8")


def _islands(graph: GraphFile, content: bytes) -> Iterator[Finding]:
    cases = [Case(op, graph, content) for op in graph.ops]
    if not any(t.dtype in QUANTIZED for case in cases for t in case.data()):
        return
    for case in cases:
        if case.op.name not in ("QUANTIZE", "DEQUANTIZE") and _in_float(case.data()):
            yield Finding(
                "warning",
                "type",
                "it stays in float between int8 ops",
                "check that this is meant; without it two conversions and a float kernel fall away",
                case.op,
            )
    inputs = [graph.tensors[i] for i in (*graph.inputs, *graph.outputs)]
    if _in_float(inputs):
        yield Finding(
            "note",
            "type",
            "an input or output is float, the ops are int8",
            "quantize with int8 inputs and outputs, then nothing is converted on the way",
        )


def _in_float(tensors: list[Tensor]) -> bool:
    return any(t.dtype in ("float32", "float16") for t in tensors)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal() and len(part) < 6)
