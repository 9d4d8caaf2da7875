"""Where an int8 graph loses its signal: every tensor against the same tensor of its float graph.

In: a float graph, an int8 graph made of it, rows. Out: a ``LayerTable`` in the order of execution, each layer with the
signal-to-noise ratio at its inputs and at its output. Tensors are matched by name, as float and int8 graph of one
conversion have the same; where names were stripped, by the order of the ops; where that differs too there is no table
and ``note`` says so. Not here: what would help (``remedies``).

The graphs run without XNNPACK here: a delegate keeps what is between its ops to itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.fidelity import MOST_DB, Fidelity, Sums
from converters.graphs.plain import plain_interpreter
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
PASSED_ON = (
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE", "STRIDED_SLICE", "SLICE", "SPLIT",
    "SPLIT_V", "UNPACK", "PAD",
)  # fmt: skip
"""Ops that compute nothing: their output has values of their input. They are never the layer that hurts: a slice may
have a lower ratio than the whole, but that was so before."""
BETWEEN = ("QUANTIZE", "DEQUANTIZE")
"""Ops that only an int8 graph has, between its int8 and its float layers."""
FEW_NAMES = 0.5
"""Where fewer of the int8 graph's ops than this share have a namesake, names say nothing."""


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
    output: bool = False
    """Whether it is an output of the graph."""

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
        losing = [
            one
            for one in (*self.inputs, *self.layers)
            if one.fall_db > 0 and one.dtype != "float32" and one.op not in PASSED_ON
        ]
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
    real, int8 = read_graph(float_content), read_graph(int8_content)
    pairs = {**_by_order(real, int8), **_by_name(real, int8)}  # the quantizer renames what SPLIT and UNPACK write
    ops = [op for op in int8.ops if op.name not in BETWEEN]
    known = [op for op in ops if any(place in pairs for place in op.outputs)]
    if not known:
        return LayerTable(
            (), (), 0, "the two graphs have neither the same names nor the same ops: only outputs compared"
        )
    places = np.unique(np.linspace(0, len(data) - 1, min(rows, len(data))).round().astype(int))
    sums = {place: Sums() for place in pairs}
    runs = (
        _values(float_content, real, data, places, pairs.values()),
        _values(int8_content, int8, data, places, pairs.keys()),
    )
    unread: set[int] = set()
    for one, other in zip(*runs, strict=True):
        for place, twin in pairs.items():
            if twin in one and place in other and one[twin].shape == other[place].shape:
                sums[place].add(one[twin], other[place])
            else:
                unread.add(place)
    found = {place: one.fidelity() for place, one in sums.items() if place not in unread}
    known = [op for op in known if any(place in found for place in op.outputs)]
    names = {place: real.tensors[twin].name or f"tensor {twin}" for place, twin in pairs.items()}
    missing = len(ops) - len(known)
    note = ""
    if missing:
        note = f"{missing} of {len(ops)} ops of the int8 graph have no twin in the float graph that can be read"
    return LayerTable(tuple(_layers(int8, found, names)), tuple(_inputs(int8, found, names)), len(places), note)


def _by_name(real: GraphFile, int8: GraphFile) -> dict[int, int]:
    """Tensor of the int8 graph -> tensor of the float graph with the same name; empty where too few have one."""
    ours, theirs = _written(real), _written(int8)
    pairs = {
        place: ours[name]
        for name, place in theirs.items()
        if name in ours and real.tensors[ours[name]].shape == int8.tensors[place].shape
    }
    ops = [op for op in int8.ops if op.name not in BETWEEN]
    known = sum(any(place in pairs for place in op.outputs) for op in ops)
    return pairs if known and known >= FEW_NAMES * len(ops) else {}


def _by_order(real: GraphFile, int8: GraphFile) -> dict[int, int]:
    """The same where both have the same ops with the same shapes in the same order, whatever the names."""
    lists = []
    for graph in (real, int8):
        ops = [op for op in graph.ops if op.name not in BETWEEN]
        lists.append([(op.name, i, graph.tensors[i].shape) for op in ops for i in op.outputs if i >= 0])
    if [(op, shape) for op, _, shape in lists[0]] != [(op, shape) for op, _, shape in lists[1]]:
        return {}
    pairs = {theirs[1]: ours[1] for ours, theirs in zip(*lists, strict=True)}
    inputs = real.signature_inputs
    return {**{place: inputs[name] for name, place in int8.signature_inputs.items() if name in inputs}, **pairs}


def _written(graph: GraphFile) -> dict[str, int]:
    """Name -> index of what changes from row to row: the graph's inputs and what its ops write. Doubled names drop."""
    places = [*graph.inputs, *(i for op in graph.ops for i in op.outputs if i >= 0)]
    count = Counter(graph.tensors[i].name for i in places)
    return {name: i for i in places if (name := graph.tensors[i].name) and count[name] == 1}


def _layers(graph: GraphFile, found: Mapping[int, Fidelity], names: Mapping[int, str]) -> Iterator[Layer]:
    outputs = {place: name for name, place in graph.signature_outputs.items()}
    writer = {i: op for op in graph.ops for i in op.outputs}

    def ratio(place: int) -> float | None:
        """Of a tensor, or of what QUANTIZE and the like made it from."""
        while place not in found:
            op = writer.get(place)
            before = _value(graph, op) if op is not None else None
            if before is None:
                return None
            place = before
        return found[place].snr_db

    for op in graph.ops:
        changing = [i for i in op.inputs if i >= 0 and not graph.tensors[i].constant]
        before = [value for value in map(ratio, changing) if value is not None]
        for place in op.outputs:
            if place in found and before:
                tensor, name = graph.tensors[place], names[place]
                made = [names[one] for i in changing for one in _sources(graph, writer, i) if one in found]
                yield Layer(
                    name, outputs.get(place, name), op.name, found[place], min(before), tensor.dtype, *_range(tensor),
                    tuple(dict.fromkeys(made)), place in outputs,
                )  # fmt: skip


def _sources(graph: GraphFile, writer: Mapping[int, Op], place: int) -> Iterator[int]:
    step: int | None = place
    while step is not None and step in writer:
        yield step
        step = _value(graph, writer[step]) if writer[step].name in PASSED_ON else None


def _value(graph: GraphFile, op: Op) -> int | None:
    """What an op passes on: its first input that is not constant (SPLIT has its axis before)."""
    return next((i for i in op.inputs if i >= 0 and not graph.tensors[i].constant), None)


def _inputs(graph: GraphFile, found: Mapping[int, Fidelity], names: Mapping[int, str]) -> Iterator[Layer]:
    for label, place in graph.signature_inputs.items():
        if place in found:
            tensor = graph.tensors[place]
            yield Layer(names[place], label, "INPUT", found[place], MOST_DB, tensor.dtype, *_range(tensor))


def _range(tensor: Tensor) -> tuple[float, float]:
    if not tensor.scales or tensor.dtype not in ("int8", "uint8", "int16"):
        return -np.inf, np.inf
    bounds = np.iinfo(tensor.dtype)
    scale, zero = tensor.scales[0], tensor.zero_points[0]
    return float((bounds.min - zero) * scale), float((bounds.max - zero) * scale)


def _values(
    content: bytes, graph: GraphFile, data: DataSet, rows: npt.NDArray[Any], wanted: Iterable[int]
) -> Iterator[dict[int, npt.NDArray[np.float32]]]:
    """Row by row the wanted tensors in float; ``tqdm`` is left to those who run all rows."""
    try:
        interpreter = plain_interpreter(content)
        interpreter.allocate_tensors()
        for row in rows:
            interpreter.reset_all_variables()
            for key, place in graph.signature_inputs.items():
                tensor = graph.tensors[place]
                value = data.inputs[key][row].reshape([abs(side) for side in tensor.shape])
                interpreter.set_tensor(place, _stored(value, tensor.dtype, tensor.scales, tensor.zero_points))
            interpreter.invoke()
            values = {i: value for i in wanted if (value := _written_value(interpreter, i)) is not None}
            yield {
                i: _real(value, graph.tensors[i].scales, graph.tensors[i].zero_points) for i, value in values.items()
            }
    except (RuntimeError, ValueError, KeyError) as error:
        raise ConvertError(f"the graph does not run on the data: {str(error).splitlines()[0]}") from error


def _written_value(interpreter: Any, place: int) -> npt.NDArray[Any] | None:
    """What a tensor holds; None where the runtime keeps nothing of it, as of what only the body of a loop reads."""
    try:
        value: npt.NDArray[Any] = interpreter.get_tensor(place)
    except ValueError:
        return None
    return value


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
