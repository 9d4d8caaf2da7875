"""Run one ``.tflite`` graph: ``ai_edge_litert`` first, ``tflite_runtime`` where that is what the board has.

In and out: named float32 arrays; the graph's own int8 scales are applied here, so no caller ever sees a scale. One
thread per graph: two threads under contention are 2x (LiteRT) to 30x (tflite-runtime) slower than one, and ``invoke``
releases the GIL. Not here: what the numbers mean.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError, ConfigError
from edge_mm.models.bundle import Bundle, Tap
from edge_mm.quiet import quiet_stderr

BACKENDS = ("ai_edge_litert", "tflite_runtime")
ENV_BACKEND = "EDGE_MM_BACKEND"
"""Set to one of ``BACKENDS`` to force it."""


class Runner(Protocol):
    """A graph that can be run: ``Graph``, or one that lives in another process (``graph_process``)."""

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]

    def __call__(self, **inputs: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        """Run it once; see ``Graph``."""
        ...


class _Tensor(NamedTuple):
    place: int
    shape: tuple[int, ...]
    dtype: type
    scale: float
    zero_point: int


def backend_name() -> str:
    """The runtime that will be used.

    Raises:
        ConfigError: neither runtime is installed, or the forced one is not.
    """
    forced = os.environ.get(ENV_BACKEND)
    if forced and forced not in BACKENDS:
        raise ConfigError(f"{ENV_BACKEND}={forced}: must be one of {', '.join(BACKENDS)}")
    for name in (forced,) if forced else BACKENDS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise ConfigError(
        f"no TFLite runtime ({forced or ' or '.join(BACKENDS)}): pip install ai-edge-litert, "
        "or 'edge-mm[tflite]' on Python 3.11 with numpy < 2"
    )


class Graph:
    """One graph with a batch of one, addressed by the names of its signature.

    Attributes:
        inputs: name -> shape.
        outputs: name -> shape.
    """

    def __init__(
        self, content: bytes, *, name: str, stateful: bool = False, tap: Tap | None = None, delegate: str = ""
    ) -> None:
        runtime: Any = importlib.import_module(f"{backend_name()}.interpreter")
        self.name = name
        self._stateful, self._tap = stateful, tap
        try:
            with quiet_stderr():  # the runtime writes a line for each graph
                helpers = [runtime.load_delegate(delegate)] if delegate else None
                self._interpreter = runtime.Interpreter(
                    model_content=content, num_threads=1, experimental_delegates=helpers
                )
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError, OSError) as error:
            what = " ".join(str(error).split())[:300] or type(error).__name__
            raise BundleError(f"graph {name}: {backend_name()} refuses it: {what}") from error
        self._in, self._out = _tensors(self._interpreter, name)
        self.inputs: Mapping[str, tuple[int, ...]] = {k: t.shape for k, t in self._in.items()}
        self.outputs: Mapping[str, tuple[int, ...]] = {k: t.shape for k, t in self._out.items()}

    def __call__(self, **inputs: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        """Run it once.

        Args:
            **inputs: one array per input name, in the input's shape (a missing batch axis is added). float32 values
                are quantized with the input's scale; int8 arrays are taken as they are (already quantized).

        Returns:
            Output name -> float32 array in the output's shape without the batch axis.

        Raises:
            BundleError: an input is missing or has another shape.
        """
        interpreter = self._interpreter
        if self._stateful:
            interpreter.reset_all_variables()  # a fused LSTM keeps h and c across invokes otherwise
        for key, tensor in self._in.items():
            try:
                value = np.asarray(inputs[key]).reshape(tensor.shape)
            except (KeyError, ValueError) as error:
                raise BundleError(f"graph {self.name}: input {key!r} must have shape {tensor.shape}: {error}") from None
            interpreter.set_tensor(tensor.place, _quantized(value, tensor))
        interpreter.invoke()
        answers = {key: _real(interpreter.get_tensor(t.place), t) for key, t in self._out.items()}
        if self._tap is not None:
            self._tap(self.name, inputs, answers)
        return answers


def load_graph(bundle: Bundle, name: str) -> Runner:
    """The graph ``name`` of a bundle, ready to run: in this process, or where the bundle is hosted."""
    content, stateful = bundle.graph(name), bundle.manifest.graphs[name].stateful
    if bundle.host is not None:
        hosted: Runner = bundle.host.graph(name, content, stateful=stateful)
        return hosted
    return Graph(content, name=name, stateful=stateful, tap=bundle.tap)


def _tensors(interpreter: Any, name: str) -> tuple[dict[str, _Tensor], dict[str, _Tensor]]:
    signatures = interpreter.get_signature_list()
    if not signatures:
        raise BundleError(f"graph {name}: no signature; build it again with 'make bundle'")
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    inputs = {k: _tensor(d) for k, d in runner.get_input_details().items()}
    outputs = {k: _tensor(d) for k, d in runner.get_output_details().items()}
    del runner  # while it lives, invoke() raises
    return inputs, outputs


def _tensor(detail: Mapping[str, Any]) -> _Tensor:
    scale, zero_point = detail["quantization"]
    return _Tensor(detail["index"], tuple(int(n) for n in detail["shape"]), detail["dtype"], scale, zero_point)


def _quantized(value: npt.NDArray[Any], tensor: _Tensor) -> npt.NDArray[Any]:
    if value.dtype == tensor.dtype:
        return value
    if tensor.dtype is np.int8:
        steps = np.rint(value * np.float32(1.0 / tensor.scale)) + np.float32(tensor.zero_point)
        return np.minimum(np.maximum(steps, -128), 127).astype(np.int8)  # a third of np.clip's time on small arrays
    return value.astype(tensor.dtype)


def _real(value: npt.NDArray[Any], tensor: _Tensor) -> npt.NDArray[np.float32]:
    value = value[0] if value.ndim and value.shape[0] == 1 else value
    if tensor.dtype is np.int8:
        return (value.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
    return value.astype(np.float32)
