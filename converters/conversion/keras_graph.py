"""A trained model becomes a float ``.tflite`` graph with a named signature and a batch of one.

In: a Keras 3 model, a ``.keras`` file or a SavedModel folder. Out: bytes of a float graph with short tensor names. The
path (``tf.Module`` -> SavedModel -> converter) is the one that freezes Keras 3 models and keeps input names; the others
leave VAR_HANDLE ops, free batches or shuffled inputs. Not here: int8.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from converters.graphs.names import shortened
from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.quiet import quiet_stderr

with quiet_stderr():  # it greets, and looks for a GPU, on the standard error
    import tensorflow as tf


def load_keras(path: Path) -> Any:
    """The model in a ``.keras`` file.

    Raises:
        ConvertError: no such file, not a Keras 3 model, or one that needs code of its own: nothing in a model file is
            run here, so ``Lambda`` layers and custom classes are refused.
    """
    import keras

    if not path.is_file():
        raise ConvertError(f"{path}: no such file")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its file formats and layers raise
        text = " ".join(str(error).split())[:240]
        raise ConvertError(
            f"{path}: Keras {keras.__version__} cannot load it: {text}. Save it again with model.save('NAME.keras'); "
            "Lambda layers and classes of your own must be replaced by Keras's layers, or give a SavedModel folder"
        ) from error


def float_graph(model: Any) -> bytes:
    """The float graph of a Keras 3 model; its outputs equal the model's.

    Args:
        model: functional or Sequential; each input has a shape that is known but for the batch.

    Raises:
        ConvertError: an input has no fixed shape, the model did not freeze, or an op has no TFLite form.
    """
    module = _module(model)
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        return saved_model_graph(Path(folder))


def saved_model_graph(folder: Path) -> bytes:
    """The float graph of a SavedModel; a free batch of its signature becomes one.

    Raises:
        ConvertError: it is not a SavedModel with a signature, it did not freeze, or an op has no TFLite form.
    """
    with _one_row(folder) as converter:
        return _converted(converter, str(folder))


def dynamic_range_graph(source: Path | Any) -> bytes:
    """Weights in int8, activations in float: for what cannot be static, such as loops.

    Dense layers keep one scale for the whole kernel: with one per channel the converter writes FULLY_CONNECTED
    version 12, which tflite-runtime 2.14 does not have.

    Args:
        source: a SavedModel folder, or a Keras 3 model.
    """
    if isinstance(source, Path):
        return _quantized_weights(source)
    module = _module(source)
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        return _quantized_weights(Path(folder))


def _quantized_weights(folder: Path) -> bytes:
    with _one_row(folder) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # the only door to it
        return _converted(converter, str(folder))


@contextmanager
def _one_row(folder: Path) -> Iterator[Any]:
    """A converter for the signature with a batch of one; it reads its files until the block ends."""
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError) as error:
        raise ConvertError(f"{folder}: not a SavedModel: {' '.join(str(error).split())[:200]}") from error
    signatures = dict(loaded.signatures)
    if len(signatures) != 1 and "serving_default" not in signatures:
        raise ConvertError(
            f"{folder}: it has the signatures {', '.join(signatures) or 'none'}; save it with one named serving_default"
        )
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    concrete = signatures[name]
    _, specs = concrete.structured_input_signature
    fixed = {key: _fixed(key, spec.shape, spec.dtype, str(folder)) for key, spec in specs.items()}
    if all(specs[key].shape == spec.shape for key, spec in fixed.items()):
        yield tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[name])
        return
    again = tf.Module()
    again.held = loaded

    def serve(**inputs: Any) -> Any:  # a function: a loaded signature cannot be traced again by itself
        return concrete(**inputs)

    again.serve = tf.function(serve).get_concrete_function(**fixed)
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as anew:
        tf.saved_model.save(again, anew, signatures={"serving_default": again.serve})
        yield tf.lite.TFLiteConverter.from_saved_model(anew)


def _fixed(name: str, shape: Any, dtype: Any, where: str) -> Any:
    sizes = [1 if size is None and axis == 0 else size for axis, size in enumerate(shape)]
    if shape.rank is None or None in sizes:
        raise ConvertError(
            f"{where}: input {name!r} has the shape {tuple(shape)}: a board needs fixed sizes; give the model an input "
            "of the size that the device will feed"
        )
    return tf.TensorSpec(sizes, dtype, name=name)


def _converted(converter: Any, where: str) -> bytes:
    try:
        content: bytes = converter.convert()
    except Exception as error:  # the converter raises several of its own
        lines = [line for line in str(error).splitlines() if "error" in line.lower()] or str(error).splitlines()[:1]
        raise ConvertError(f"{where}: no TFLite form: {' '.join(lines)[:300]}") from error
    graph = read_graph(content)
    unfrozen = sorted({op.name for op in graph.ops if op.name in ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")})
    if unfrozen:
        raise ConvertError(
            f"{where}: the graph was not frozen, {', '.join(unfrozen)} is left: its weights are not in it"
        )
    return shortened(content)


def _module(model: Any) -> Any:
    specs = {}
    for tensor in model.inputs:
        name = tensor.name.split(":")[0]
        specs[name] = _fixed(name, tf.TensorShape([1, *tensor.shape[1:]]), tf.float32, model.name)
    names = list(specs)
    outputs = getattr(model, "output_names", None) or [model.layers[-1].name]  # a Sequential model has no such list
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]

    @tf.function(input_signature=[specs[name] for name in names])  # type: ignore[untyped-decorator]
    def serve(*values: Any) -> dict[str, Any]:
        inputs = dict(zip(names, values, strict=True))
        result = model(inputs if len(names) > 1 else values[0], training=False)
        if isinstance(result, dict):
            return dict(result)
        results = result if isinstance(result, list | tuple) else [result]
        return dict(zip(outputs, results, strict=True))

    module.serve = serve
    return module
