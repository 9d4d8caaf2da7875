"""Turn a trained Keras 3 model into a full-int8 ``.tflite`` graph with a named signature.

In: a Keras model whose inputs have names, and representative inputs that came through the device's own front ends.
Out: bytes, int8 in and out, batch of one. The path (``tf.Module`` -> SavedModel -> converter) is the one that freezes
Keras 3 models and keeps input names; see the README of this folder. Not here: training, packaging.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Representative = Iterable[Mapping[str, npt.NDArray[np.float32]]]


def quantize(model: Any, representative: Representative) -> bytes:
    """Full-int8 post-training quantization.

    Args:
        model: Keras 3 functional model; recurrent layers must be ``unroll=True`` (calibrating a WHILE loop crashes
            the interpreter). Outputs must be a dict or have names.
        representative: dicts input name -> float32 array with a batch of one; 100 to 500 of them.

    Returns:
        The ``.tflite`` bytes; signature ``serving_default`` with the model's input and output names.

    Raises:
        ValueError: the graph did not freeze or contains a loop.
    """
    module = _module(model)
    samples = [{k: np.asarray(v, np.float32) for k, v in item.items()} for item in representative]
    if not samples:
        raise ValueError("no representative data: nothing to calibrate with")
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        _refuse_loops(folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter(samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        content: bytes = converter.convert()
    if b"VAR_HANDLE" in content or b"ReadVariable" in content:
        raise ValueError("the graph was not frozen: it still reads variables")
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
