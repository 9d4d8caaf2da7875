"""A float graph becomes a full-int8 graph, or one with a few layers left in float.

In: the bytes of a float ``.tflite`` (ours or anyone's), representative inputs that came through the device's own front
ends. Out: bytes, int8 in and out, batch of one. The same calibrator and quantizer that ``tf.lite.TFLiteConverter``
runs, called on the float graph itself, so that a user's ``.tflite`` takes the same way as a Keras model and both graphs
share their tensor names. Not here: whether the representative inputs are any good (``representative``), what it costs
(``evaluation``).

The quantizer is not deterministic for unrolled LSTMs: from one graph it now and then leaves the first cell's SPLIT in
float between DEQUANTIZE and QUANTIZE (8 of 24 times; that cell's forget gate is multiplied by a state of zeros and goes
nowhere). The graphs that are int8 throughout were equal byte for byte, so a graph with a float tensor that nobody asked
for is thrown away and the quantization is run again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.conversion.progress import Say, silent
from converters.graphs.reader import GraphFile, read_graph
from edge_mm.errors import ConvertError

Sample = Mapping[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]

TRIES = 20
"""Quantizations before a graph with float tensors is an error."""
QUANTIZED = ("int8", "uint8", "int16", "int4")
LOOPS = ("WHILE", "CALL_ONCE", "IF")


def quantize_graph(
    content: bytes,
    samples: Iterable[Sample],
    *,
    float_layers: Sequence[str] = (),
    percentile: float = 100.0,
    say: Say = silent,
) -> bytes:
    """Full-int8 post-training quantization: a scale for each channel of a convolution, one for a dense layer.

    Args:
        content: float ``.tflite`` with a signature.
        samples: input name -> float32 (1, ...), or whole numbers where an Embedding reads them; 100 to 500 of them.
        float_layers: layers that stay in float, with DEQUANTIZE before and QUANTIZE after them: the name of a layer
            stands for all its ops (``lstm``, ``lstm.2``, ...), a regular expression for the ops whose whole name it
            matches. The name of an op is that of its output tensor.
        percentile: 100 takes the smallest and largest value of each activation as its range; 99.9 leaves out the
            outermost 0.1 % (0.05 % on each side), for data with outliers.
        say: hears of the rows that have been gone through.

    Returns:
        The bytes of the int8 graph, with the signature of the float one.

    Raises:
        ConvertError: a loop, nothing to calibrate with, no such layer, an op without an int8 form.
    """
    graph = read_graph(content)
    _refuse(graph)
    stay = _float_tensors(graph, float_layers)
    types = {key: np.dtype(graph.tensors[place].dtype) for key, place in graph.signature_inputs.items()}
    rows = [{key: np.asarray(value, types.get(key, np.float32)) for key, value in sample.items()} for sample in samples]
    if not rows:
        raise ConvertError("no representative data: nothing to calibrate with")
    calibrated = _calibrated(content, rows, say)
    if percentile < 100.0:
        from converters.conversion.clipping import clipped

        say("clipping the ranges", 0, 0)
        calibrated = clipped(calibrated, content, rows, percentile=percentile)
    say("quantizing", 0, 0)
    left: list[str] = []
    for _ in range(TRIES):
        made = _quantized(calibrated, stay)
        left = [f"{op} ({name})" for op, name in _in_float(made) if not _meant(name, stay)]
        if not left:
            return made
    raise ConvertError(
        f"some ops have no int8 form: {'; '.join(left[:5])}: name them in float_layers (--float-layer, mixed "
        "precision) or replace them in the model"
    )


def float_ops(content: bytes) -> list[str]:
    """The ops of a graph that read or write a float tensor, each with its name; empty for pure int8.

    Where only conversions are left (DEQUANTIZE, QUANTIZE), those are named.
    """
    return [f"{op} ({name})" for op, name in _in_float(content)]


def _in_float(content: bytes) -> list[tuple[str, str]]:
    graph = read_graph(content)
    ops = [
        op for op in graph.ops if any(graph.tensors[i].dtype == "float32" for i in (*op.inputs, *op.outputs) if i >= 0)
    ]
    real = [op for op in ops if op.name not in ("QUANTIZE", "DEQUANTIZE")] or ops
    return [(op.name, graph.tensors[op.outputs[0]].name) for op in real]


def _meant(name: str, stay: Sequence[str]) -> bool:
    """Whether it is one of them; the quantizer may put a number behind a name."""
    return any(re.fullmatch(rf"{re.escape(one)}\d*", name) for one in stay)


def _refuse(graph: GraphFile) -> None:
    loops = sorted({op.name for op in graph.ops if op.name in LOOPS})
    if loops or graph.subgraphs > 1:
        raise ConvertError(
            f"the graph has a loop ({', '.join(loops) or 'several subgraphs'}), which int8 calibration cannot take: "
            "build recurrent layers with unroll=True and few steps, or use the recipe dynamic-range"
        )
    if not graph.signature_inputs:
        raise ConvertError("the graph has no signature: its inputs have no names; convert it again from a SavedModel")
    integers = [tensor for tensor in graph.tensors if tensor.dtype in QUANTIZED and tensor.scales]
    if any(not tensor.constant for tensor in integers):
        raise ConvertError("the graph is quantized already (it has int8 activations): give the float model")
    if integers:
        raise ConvertError("the graph's weights are quantized already (dynamic range): give the float model")
    for name, index in graph.signature_inputs.items():
        tensor = graph.tensors[index]
        if -1 in tensor.shape:
            raise ConvertError(
                f"input {name!r} has a free size: a board needs fixed sizes; convert it with a batch of one"
            )
        if tensor.dtype != "float32" and not _looked_up(graph, index):
            raise ConvertError(
                f"input {name!r} holds {tensor.dtype}, and an int8 graph reads measured values (float32) or the rows "
                "of a table (an Embedding as the first layer): change the first layers, or use the recipe dynamic-range"
            )


def _looked_up(graph: GraphFile, index: int) -> bool:
    """Whether a tensor of whole numbers only ever says which rows of a table to take (after sums and comparisons)."""
    if graph.tensors[index].dtype not in ("int32", "int64"):
        return False
    places, looked_up = {index}, False
    for op in graph.ops:  # in the order in which they run
        if not places.intersection(op.inputs):
            continue
        if op.name == "GATHER" and op.inputs[0] not in places:
            looked_up = True
        elif all(graph.tensors[place].dtype in ("int32", "int64", "bool") for place in op.outputs):
            places.update(op.outputs)
        else:
            return False
    return looked_up


def _float_tensors(graph: GraphFile, wanted: Sequence[str]) -> list[str]:
    outputs = [graph.tensors[op.outputs[0]].name for op in graph.ops if op.outputs]
    found: list[str] = []
    for pattern in wanted:
        try:
            fits = [name for name in outputs if pattern in (name, _layer(name)) or re.fullmatch(pattern, name)]
        except re.error as error:
            raise ConvertError(f"float_layers: {pattern!r} is not a regular expression: {error}") from error
        if not fits:
            raise ConvertError(f"float_layers: no layer is called {pattern!r}; there are {', '.join(outputs[:40])}")
        found += [name for name in fits if name not in found]
    return found


def _layer(name: str) -> str:
    """The layer that an op belongs to: ``lstm`` for ``lstm.2`` (``graphs.names`` numbers them)."""
    return re.sub(r"\.\d+$", "", name)


def _calibrated(content: bytes, rows: list[dict[str, npt.NDArray[Any]]], say: Say) -> bytes:
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    from edge_mm.quiet import quiet_stderr

    def given() -> Iterator[dict[str, npt.NDArray[Any]]]:
        for number, row in enumerate(rows):
            say("calibrating", number, len(rows))
            yield row

    try:
        with quiet_stderr():
            done: bytes = Calibrator(content).calibrate(given)
    except (ValueError, RuntimeError) as error:
        raise ConvertError(f"calibration failed: {' '.join(str(error).split())[:300]}") from error
    return done


def _quantized(calibrated: bytes, stay: Sequence[str]) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    from edge_mm.quiet import quiet_stderr

    options: dict[str, Any] = {"denylisted_nodes": list(stay)} if stay else {}
    try:
        with quiet_stderr():  # it writes a line of its settings each time
            made: bytes = mlir_quantize(
                calibrated, input_data_type=tf.int8, output_data_type=tf.int8,
                disable_per_channel_for_dense_layers=True, **options,
            )  # fmt: skip
    except Exception as error:  # TensorFlow's ConverterError and what it lets through
        raise ConvertError(f"no int8 form: {' '.join(str(error).split())[:300]}") from error
    return made
