"""Where an int8 graph loses its signal: every tensor against the same tensor of its float graph.

In: a float graph, an int8 graph made of it, rows. Out: a ``LayerTable`` in the order of execution, each layer with the
signal-to-noise ratio at its inputs and at its output. Tensors are matched by name, as float and int8 graph of one
conversion have the same; where the names were stripped there is no table and ``note`` says so. Not here: what would
help (``remedies``).

The graphs run without XNNPACK here: a delegate keeps what is between its ops to itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.fidelity import MOST_DB, Fidelity, Sums
from converters.graphs.reader import GraphFile, Op, Tensor, read_graph
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

ROWS = 64
"""Rows of the data that are looked at, evenly over it: a ratio over all values of a tensor settles early."""
CLEAN_DB = 40.0
"""About what int8 can keep of values that use its whole range; a layer's fall is counted from here at most. Otherwise
the first layer, whose input is still as clean as it will ever be, would always be the worst."""
CUT = 0.02
"""Share of the float values' range that may lie beyond the int8 range before it is told."""
PASSED_ON = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE", "STRIDED_SLICE", "PAD")
"""Ops that compute nothing: their output has the values of their input."""
FEW_NAMES = 0.5
"""Below this share of the int8 graph's ops with a namesake, the two are said not to match."""


class Layer(NamedTuple):
    """One tensor that an op writes."""

    name: str
    """The tensor's, as ``float_layers`` of the conversion takes it."""
    label: str
    """The same for people: the output's name where it is one, else the tensor's."""
    op: str
    """``CONV_2D``, ..."""
    fidelity: Fidelity
    input_snr_db: float
    """The lowest ratio among the op's inputs; that of the quantized input itself at the first layer."""
    dtype: str
    """``int8``, or ``float32`` for a layer that was left in float."""
    low: float
    high: float
    """What its int8 values can say; infinite in float."""
    sources: tuple[str, ...] = ()
    """Names of the layers that made its inputs, back to those that compute: what a RESHAPE passes on is made before."""

    @property
    def fall_db(self) -> float:
        """How much of the ratio is lost in this layer, from ``CLEAN_DB`` down."""
        return min(self.input_snr_db, CLEAN_DB) - self.fidelity.snr_db

    @property
    def cut(self) -> float:
        """Share of the range of the float values, 0..1, that lies beyond the int8 range."""
        beyond = max(0.0, self.low - self.fidelity.low) + max(0.0, self.fidelity.high - self.high)
        return beyond / max(self.fidelity.high - self.fidelity.low, 1e-12)


class LayerTable(NamedTuple):
    """All matched layers in the order of execution."""

    layers: tuple[Layer, ...]
    inputs: tuple[Layer, ...]
    """The graph's inputs as int8 has them, op ``INPUT``."""
    rows: int
    """Rows looked at."""
    note: str
    """Why there is no table, or what is missing in it; empty when all is there."""

    def worst(self, count: int = 1) -> list[Layer]:
        """Inputs and layers that lose most of the ratio, the worst first; not those that lose nothing or are float."""
        losing = [one for one in (*self.inputs, *self.layers) if one.fall_db > 0 and one.dtype != "float32"]
        return sorted(losing, key=lambda layer: -layer.fall_db)[:count]


def layer_table(float_content: bytes, int8_content: bytes, data: DataSet, *, rows: int = ROWS) -> LayerTable:
    """Compare all tensors of two graphs on the same rows.

    Args:
        float_content: the float ``.tflite``.
        int8_content: made of it.
        data: its inputs are those of the graphs.
        rows: at most so many are run.

    Raises:
        ConvertError: a graph is damaged, or does not run on the data.
    """
    graphs = read_graph(float_content), read_graph(int8_content)
    names = [_written(graph) for graph in graphs]
    shared = {
        name: (names[0][name], place)
        for name, place in names[1].items()
        if name in names[0] and graphs[0].tensors[names[0][name]].shape == graphs[1].tensors[place].shape
    }
    ops = [op for op in graphs[1].ops if op.name not in ("QUANTIZE", "DEQUANTIZE")]
    known = [op for op in ops if any(graphs[1].tensors[i].name in shared for i in op.outputs)]
    if not ops or len(known) < FEW_NAMES * len(ops):
        return LayerTable(
            (), (), 0, "the tensors of the two graphs have different names: only the outputs are compared"
        )
    places = np.unique(np.linspace(0, len(data) - 1, min(rows, len(data))).round().astype(int))
    sums = {name: Sums() for name in shared}
    runs = [
        _values(content, graph, data, places, {name: pair[side] for name, pair in shared.items()})
        for side, (content, graph) in enumerate(zip((float_content, int8_content), graphs, strict=True))
    ]
    for real, int8 in zip(*runs, strict=True):
        for name, one in sums.items():
            one.add(real[name], int8[name])
    found = {name: one.fidelity() for name, one in sums.items()}
    missing = len(ops) - len(known)
    note = f"{missing} of {len(ops)} ops of the int8 graph have no namesake in the float graph" if missing else ""
    return LayerTable(tuple(_layers(graphs[1], found)), tuple(_inputs(graphs[1], found)), len(places), note)


def _written(graph: GraphFile) -> dict[str, int]:
    """Name -> index of what changes from row to row: the graph's inputs and what its ops write. Doubled names drop."""
    places = [*graph.inputs, *(i for op in graph.ops for i in op.outputs if i >= 0)]
    names = [graph.tensors[i].name for i in places]
    return {name: i for name, i in zip(names, places, strict=True) if name and names.count(name) == 1}


def _layers(graph: GraphFile, found: Mapping[str, Fidelity]) -> Iterator[Layer]:
    outputs = {place: name for name, place in graph.signature_outputs.items()}
    writer = {i: op for op in graph.ops for i in op.outputs}

    def ratio(place: int) -> float | None:
        """Of a tensor, or of what QUANTIZE and the like made it from."""
        while graph.tensors[place].name not in found:
            op: Op | None = writer.get(place)
            if op is None or not op.inputs or op.inputs[0] < 0:
                return None
            place = op.inputs[0]
        return found[graph.tensors[place].name].snr_db

    for op in graph.ops:
        changing = [i for i in op.inputs if i >= 0 and not graph.tensors[i].constant]
        before = [value for value in map(ratio, changing) if value is not None]
        for place in op.outputs:
            tensor = graph.tensors[place]
            if tensor.name in found and before:
                label = outputs.get(place, tensor.name)
                made = [name for i in changing for name in _sources(graph, writer, i) if name in found]
                yield Layer(
                    tensor.name, label, op.name, found[tensor.name], min(before), tensor.dtype, *_range(tensor),
                    tuple(dict.fromkeys(made)),
                )  # fmt: skip


def _sources(graph: GraphFile, writer: Mapping[int, Op], place: int) -> Iterator[str]:
    while place in writer:
        yield graph.tensors[place].name
        op = writer[place]
        if op.name not in PASSED_ON or not op.inputs or op.inputs[0] < 0:
            return
        place = op.inputs[0]


def _inputs(graph: GraphFile, found: Mapping[str, Fidelity]) -> Iterator[Layer]:
    for label, place in graph.signature_inputs.items():
        tensor = graph.tensors[place]
        if tensor.name in found:
            yield Layer(tensor.name, label, "INPUT", found[tensor.name], MOST_DB, tensor.dtype, *_range(tensor))


def _range(tensor: Tensor) -> tuple[float, float]:
    if not tensor.scales or tensor.dtype not in ("int8", "uint8", "int16"):
        return -np.inf, np.inf
    bounds = np.iinfo(tensor.dtype)
    scale, zero = tensor.scales[0], tensor.zero_points[0]
    return float((bounds.min - zero) * scale), float((bounds.max - zero) * scale)


def _values(
    content: bytes, graph: GraphFile, data: DataSet, rows: npt.NDArray[Any], wanted: Mapping[str, int]
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """Row by row the wanted tensors in float; ``tqdm`` is left to those who run all rows."""
    runtime: Any = importlib.import_module("ai_edge_litert.interpreter")
    plain = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = runtime.Interpreter(
            model_content=content,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=plain,
        )
        interpreter.allocate_tensors()
        for row in rows:
            interpreter.reset_all_variables()
            for key, place in graph.signature_inputs.items():
                tensor = graph.tensors[place]
                value = data.inputs[key][row].reshape([abs(side) for side in tensor.shape])
                interpreter.set_tensor(place, _stored(value, tensor.dtype, tensor.scales, tensor.zero_points))
            interpreter.invoke()
            yield {
                name: _real(interpreter.get_tensor(i), graph.tensors[i].scales, graph.tensors[i].zero_points)
                for name, i in wanted.items()
            }
    except (RuntimeError, ValueError, KeyError) as error:
        raise ConvertError(f"the graph does not run on the data: {str(error).splitlines()[0]}") from error


def _stored(
    value: npt.NDArray[np.float32], dtype: str, scales: tuple[float, ...], zeros: tuple[int, ...]
) -> npt.NDArray[Any]:
    if not scales or dtype == "float32":
        return value.astype(dtype)
    bounds = np.iinfo(dtype)
    stored: npt.NDArray[Any] = np.clip(np.rint(value / scales[0]) + zeros[0], bounds.min, bounds.max).astype(dtype)
    return stored


def _real(value: npt.NDArray[Any], scales: tuple[float, ...], zeros: tuple[int, ...]) -> npt.NDArray[np.float32]:
    if not scales or value.dtype.kind == "f":
        return value.astype(np.float32)
    return np.asarray((value.astype(np.float32) - zeros[0]) * np.float32(scales[0]), np.float32)
