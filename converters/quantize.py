"""Turn a trained Keras 3 model into a full-int8 ``.tflite`` graph with a named signature.

In: a Keras model whose inputs have names, and representative inputs that came through the device's own front ends.
Out: bytes, int8 in and out, batch of one. The path (``tf.Module`` -> SavedModel -> converter) is the one that freezes
Keras 3 models and keeps input names; see the README of this folder. Not here: training, packaging.

The converter is not deterministic for unrolled LSTMs: from one SavedModel it now and then leaves the first cell's SPLIT
in float between DEQUANTIZE and QUANTIZE (8 of 24 times; that cell's forget gate is multiplied by a state of zeros and
goes nowhere). The graphs that are int8 throughout were equal byte for byte, so a graph with a float tensor is thrown
away and the conversion is run again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Representative = Iterable[Mapping[str, npt.NDArray[np.float32]]]

TRIES = 10
"""Conversions before a graph with float tensors is an error."""


def quantize(model: Any, representative: Representative) -> bytes:
    """Full-int8 post-training quantization.

    Args:
        model: Keras 3 functional model; recurrent layers must be ``unroll=True`` (calibrating a WHILE loop crashes
            the interpreter). Outputs must be a dict or have names.
        representative: dicts input name -> float32 array with a batch of one; 100 to 500 of them.

    Returns:
        The ``.tflite`` bytes; signature ``serving_default`` with the model's input and output names.

    Raises:
        ValueError: the graph did not freeze, contains a loop, or keeps an op in float.
    """
    module = _module(model)
    samples = [{k: np.asarray(v, np.float32) for k, v in item.items()} for item in representative]
    if not samples:
        raise ValueError("no representative data: nothing to calibrate with")
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        _refuse_loops(folder)
        for _ in range(TRIES):
            content = _converted(folder, samples)
            floats = float_ops(content)
            if not floats:
                break
        else:
            raise ValueError(f"in each of {TRIES} conversions ops stayed in float, the last time {'; '.join(floats)}")
    if b"VAR_HANDLE" in content or b"ReadVariable" in content:
        raise ValueError("the graph was not frozen: it still reads variables")
    return content


def float_ops(content: bytes) -> list[str]:
    """The ops of a graph that read or write a float tensor, each with the name of that tensor; empty for pure int8."""
    from tensorflow.lite.python import schema_py_generated as schema

    codes = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    said = []
    for graph in model.subgraphs:
        floats = {i: t.name.decode() for i, t in enumerate(graph.tensors) if t.type == schema.TensorType.FLOAT32}
        for op in graph.operators:
            touched = [floats[int(i)] for i in (*op.inputs, *op.outputs) if int(i) in floats]
            if touched:
                said.append(f"{codes[model.operatorCodes[op.opcodeIndex].builtinCode]} ({touched[-1].split(';')[0]})")
    return said


def _converted(folder: str, samples: list[dict[str, npt.NDArray[np.float32]]]) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def _module(model: Any) -> Any:
    names = [tensor.name for tensor in model.inputs]
    specs = {t.name: tf.TensorSpec((1, *t.shape[1:]), tf.float32, name=t.name) for t in model.inputs}
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]

    @tf.function(input_signature=[specs[name] for name in names])  # type: ignore[untyped-decorator]
    def serve(*values: Any) -> dict[str, Any]:
        inputs = dict(zip(names, values, strict=True))
        result = model(inputs if len(names) > 1 else values[0], training=False)
        if isinstance(result, dict):
            return dict(result)
        results = result if isinstance(result, list | tuple) else [result]
        return dict(zip(model.output_names, results, strict=True))

    module.serve = serve
    return module


def _refuse_loops(folder: str) -> None:
    definition = tf.saved_model.load(folder).signatures["serving_default"].graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    if any(node.op in ("While", "StatelessWhile") for node in nodes):
        raise ValueError("the graph has a WHILE loop, which int8 calibration cannot take: build RNNs with unroll=True")
