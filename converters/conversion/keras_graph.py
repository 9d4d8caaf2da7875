"""A trained model becomes a float ``.tflite`` graph with a named signature and a batch of one.

In: a Keras 3 model, a ``.keras`` file or a SavedModel folder. Out: bytes of a float graph with short tensor names. The
path (``tf.Module`` -> SavedModel -> converter) is the one that freezes Keras 3 models and keeps inputs apart; others
leave VAR_HANDLE ops, free batches or shuffled inputs. A SavedModel takes letters and digits only in the names of its
signature, so inputs and outputs go through it by number. Not here: int8.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from converters.conversion.agreement import Model
from converters.conversion.naming import renamed
from converters.graphs.keras_nodes import functional
from converters.graphs.names import shortened
from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.quiet import quiet_stderr

with quiet_stderr():  # it greets, and looks for a GPU, on the standard error
    import tensorflow as tf

HALF = ("float16", "bfloat16")
_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
"""Names that TensorFlow traces a layer under (``Graph.name_scope``)."""


class _Traced(NamedTuple):
    """A Keras model as a function with numbered inputs and outputs."""

    module: Any
    names: dict[str, str]
    """``in0``, ``out1`` -> what the model calls it."""
    layers: frozenset[str]


def load_keras(path: Path) -> Any:
    """The model in a ``.keras`` file.

    Raises:
        ConvertError: no such file, not a Keras 3 model, or one that needs code of its own: nothing in a model file is
            run here, so ``Lambda`` layers and custom classes are refused.
    """
    import keras

    if not path.is_file():
        raise ConvertError(f"{path}: no such file")
    if path.suffix == ".tflite":
        raise ConvertError(f"{path}: a .tflite cannot be trained any more: give the .keras model that it was made of")
    if not zipfile.is_zipfile(path):
        raise ConvertError(
            f"{path}: not a whole .keras file: it is truncated, or of another format (.h5 from Keras 2); save the "
            "model again with model.save('NAME.keras')"
        )
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its file formats and layers raise
        raise ConvertError(f"{path}: {_why_not_loaded(error)}") from error


def _why_not_loaded(error: Exception) -> str:
    import keras

    text = " ".join(str(error).split())
    if "Lambda" in text or "lambda" in text:
        return (
            "it has a Lambda layer, which is code inside a model file, and no code of a file is run here; replace it "
            "by Keras's own layers or keras.ops, or give a SavedModel folder"
        )
    strange = re.search(r"Could not locate \w+ '([^']+)'", text)
    if strange:
        return (
            f"it needs {strange[1]!r}, which Keras does not have; replace it by Keras's own layers, or give a "
            "SavedModel folder (model.export('FOLDER'))"
        )
    return f"Keras {keras.__version__} cannot load it: {text[:240]}; save it again with model.save('NAME.keras')"


def float_graph(model: Any) -> bytes:
    """The float graph of a Keras 3 model; its outputs equal the model's.

    Args:
        model: functional or Sequential; each input has a shape that is known but for the batch.

    Raises:
        ConvertError: an input has no fixed shape, the model did not freeze, or an op has no TFLite form.
    """
    return _of_keras(model, weights_only=False)


def saved_model_graph(folder: Path) -> bytes:
    """The float graph of a SavedModel; a free batch of its signature becomes one.

    Raises:
        ConvertError: it is not a SavedModel with a signature, it did not freeze, or an op has no TFLite form.
    """
    with _one_row(folder) as converter:
        return shortened(_converted(converter, str(folder)))


def signature_model(folder: Path) -> Model:
    """The signature of a SavedModel as a function of its inputs by name."""
    loaded, concrete, _ = _signature(folder)

    def says(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(concrete(**{name: tf.constant(value) for name, value in inputs.items()}))

    says.held = loaded  # type: ignore[attr-defined]  # its weights live as long as it does
    return says


def keras_model(model: Any) -> Model:
    """A Keras model as a function of its inputs by name."""
    names = [tensor.name for tensor in functional(model).inputs]
    return lambda inputs: model_answers(model, [inputs[name] for name in names])


def dynamic_range_graph(source: Path | Any) -> bytes:
    """Weights in int8, activations in float: for what cannot be static, such as loops.

    Dense layers keep one scale for the whole kernel: with one per channel the converter writes FULLY_CONNECTED
    version 12, which tflite-runtime 2.14 does not have. Kernels of fewer than 1024 values stay in float.

    Args:
        source: a SavedModel folder, or a Keras 3 model.
    """
    if not isinstance(source, Path):
        return _of_keras(source, weights_only=True)
    with _one_row(source) as converter:
        return shortened(_converted(converter, str(source), weights_only=True))


def model_answers(model: Any, values: Sequence[Any]) -> dict[str, Any]:
    """What a Keras model says.

    Args:
        model: functional or Sequential.
        values: a batch for each of ``model.inputs``, in their order.

    Returns:
        Output name -> batch: the keys where the model gives a dict, else the layers' names, each once.
    """
    import keras

    source = functional(model)
    said = source(keras.tree.pack_sequence_as(source.input, list(values)), training=False)
    if isinstance(said, dict) and not any(isinstance(value, dict | list | tuple) for value in said.values()):
        return dict(said)
    found: dict[str, Any] = {}
    for name, value in zip(source.output_names, keras.tree.flatten(said), strict=True):
        free, number = name, 1
        while free in found:  # an LSTM that gives its states has one name for all of them
            free, number = f"{name}_{number}", number + 1
        found[free] = value
    return found


def _of_keras(model: Any, *, weights_only: bool) -> bytes:
    traced = _traced(model)
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder:
        tf.saved_model.save(traced.module, folder, signatures={"serving_default": traced.module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = _converted(converter, f"model {model.name}", weights_only=weights_only)
    return shortened(renamed(content, model=model.name, signature=traced.names, layers=traced.layers))


@contextmanager
def _one_row(folder: Path) -> Iterator[Any]:
    """A converter for the signature with a batch of one; it reads its files until the block ends."""
    loaded, concrete, name = _signature(folder)
    _, specs = concrete.structured_input_signature
    fixed = {
        key: tf.TensorSpec(_one(key, spec.shape, str(folder)), spec.dtype, name=key) for key, spec in specs.items()
    }
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


def _signature(folder: Path) -> tuple[Any, Any, str]:
    """What holds the weights, the function, and its name."""
    try:
        with quiet_stderr():
            loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError) as error:
        raise ConvertError(f"{folder}: not a SavedModel: {' '.join(str(error).split())[:200]}") from error
    signatures = dict(loaded.signatures)
    if len(signatures) != 1 and "serving_default" not in signatures:
        raise ConvertError(
            f"{folder}: it has the signatures {', '.join(signatures) or 'none'}; save it with one named serving_default"
        )
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    return loaded, signatures[name], name


def _one(name: str, shape: Any, where: str) -> list[int]:
    """The shape of an input with a batch of one."""
    sizes = [1 if size is None and axis == 0 else size for axis, size in enumerate(shape)]
    if shape.rank is None or None in sizes:
        raise ConvertError(
            f"{where}: input {name!r} has the shape {tuple(shape)}: a board needs fixed sizes; give the model an input "
            "of the size that the device will feed"
        )
    return sizes


def _converted(converter: Any, where: str, *, weights_only: bool = False) -> bytes:
    if weights_only:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # the only door to it
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
    return content


def _traced(model: Any) -> _Traced:
    source = functional(model)
    inputs = [tensor.name for tensor in source.inputs]
    halves = sorted({one.name for one in _layers(source) if getattr(one, "compute_dtype", "") in HALF})
    if halves:
        raise ConvertError(
            f"model {model.name} computes in 16 bits ({halves[0]}): build it again under "
            "keras.config.set_dtype_policy('float32'), give it the weights of the trained one (set_weights) and save it"
        )
    odd = [one.name for one in _layers(source) if one.name not in inputs and not _SCOPE.fullmatch(one.name)]
    if odd:
        raise ConvertError(
            f"model {model.name}: TensorFlow cannot trace a layer called {odd[0]!r}: build it again with letters, "
            "digits, '.', '_' and '-' in the names of layers (an input may have any name)"
        )
    specs, names = [], {}
    for number, tensor in enumerate(source.inputs):
        if tensor.name == "self":
            raise ConvertError(f"model {model.name}: an input is called self, which no call can name: rename it")
        names[f"in{number}"] = tensor.name
        dtype = tf.float32 if "float" in tensor.dtype else tf.as_dtype(tensor.dtype)
        shape = _one(tensor.name, tf.TensorShape([None, *tensor.shape[1:]]), f"model {model.name}")
        specs.append(tf.TensorSpec(shape, dtype, name=f"in{number}"))
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*values: Any) -> dict[str, Any]:
        said = model_answers(model, values)
        names.update({f"out{number}": name for number, name in enumerate(said)})
        return {f"out{number}": value for number, value in enumerate(said.values())}

    module.serve = serve
    serve.get_concrete_function()  # traces it, so that the names are known
    return _Traced(module, names, frozenset(layer.name for layer in _layers(source)))


def _layers(model: Any) -> Iterator[Any]:
    """Those that hold no layers of their own."""
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else (layer,)
