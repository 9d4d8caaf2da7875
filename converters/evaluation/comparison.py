"""Everything that can be said of an int8 graph beside its float graph, measured once.

In: two graphs and rows. Out: a ``Comparison``, and the same as plain data for JSON. Not here: how it is shown
(``converters.reports``), whether a bundle is made of it (``gate``).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from converters.conversion.trial import find_runtime, try_graph
from converters.evaluation.answers import Answers, paired_answers
from converters.evaluation.bootstrap import Loss
from converters.evaluation.fidelity import Fidelity, by_output
from converters.evaluation.gate import TRIED, Limits, Verdict, measure, settle
from converters.evaluation.latency import Latency, latency
from converters.evaluation.layers import Layer, LayerTable, layer_table
from converters.evaluation.metrics import Metric, all_metrics
from converters.evaluation.remedies import Quantize, Remedy, Samples, remedies
from converters.graphs.cost import arena_bytes, macs
from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

OTHER_RUNTIME = "tflite_runtime"
ROUNDS, INVOKES = 3, 100
"""Of the runtime in processes of its own: the graphs take turns, so many times; invokes timed each time."""


class Size(NamedTuple):
    """What a graph takes."""

    bytes: int
    zlib_bytes: int
    """Compressed at level 9: what it adds to a compressed download."""
    arena_bytes: int
    """Planned memory of the activations (``graphs.cost``)."""
    macs: int
    """Multiply-accumulates of one invoke."""


class Comparison(NamedTuple):
    """Float beside int8."""

    rows: int
    digest: str
    """SHA-256 of the data."""
    outputs: dict[str, Fidelity]
    table: LayerTable
    losses: tuple[Loss, ...]
    """Of the metric, then of those of the other outputs with targets; empty where the data has none."""
    verdict: Verdict | None
    """None where there are no losses."""
    limits: Limits
    remedies: tuple[Remedy, ...]
    """Empty where nothing to calibrate with was given."""
    sizes: tuple[Size, Size]
    """Float, int8."""
    latencies: tuple[Latency, ...]
    """One per runtime."""
    said: tuple[Answers, Answers]
    """What each graph said of the rows."""

    @property
    def passed(self) -> bool:
        """Whether nothing is known against the int8 graph; without targets that is its outputs alone."""
        low = any(one.snr_db < self.limits.floor(name) for name, one in self.outputs.items())
        return self.verdict.passed if self.verdict else not low

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        if self.verdict is None:
            worst = min(self.outputs, key=lambda name: self.outputs[name].snr_db)
            fit = "follow" if self.passed else "do not follow"
            return (
                f"The int8 outputs {fit} the float ones (worst: {worst}, {self.outputs[worst].snr_db:.1f} dB); the "
                "task was not judged, because the data has no targets."
            )
        said = "; ".join(self.verdict.sentences)
        return f"{'The int8 graph passes' if self.passed else 'The int8 graph does not pass'}: {said}."


def compare(
    float_content: bytes,
    int8_content: bytes,
    data: DataSet,
    *,
    metric: Metric | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    samples: Samples = (),
    quantize: Quantize | None = None,
) -> Comparison:
    """Measure everything.

    Args:
        float_content: the float ``.tflite``.
        int8_content: made of the same model.
        data: held-out rows; without targets only the outputs are compared.
        metric: the task's; ``default_metric`` of the data otherwise.
        limits: what the verdict holds it against.
        samples: what it was calibrated with; given, remedies for the worst layers are measured.
        quantize: makes their graphs; TensorFlow in this process by default.

    Raises:
        ConvertError: the graphs are not of one model, or do not fit the data; a metric without targets.
    """
    real, int8 = paired_answers(float_content, int8_content, data)
    outputs = by_output(real, int8)
    table = layer_table(float_content, int8_content, data)
    tried: list[Remedy] = []
    if samples:
        tried = remedies(float_content, samples, data, table.worst(TRIED), quantize=quantize)
    losses, verdict = [], None
    if metric or data.targets:
        losses = [measure(one, real, int8, data, confidence=limits.confidence) for one in all_metrics(data, metric)]
        verdict = settle(losses, outputs, table, limits, lambda output: tried)
    sizes = _size(float_content), _size(int8_content)
    latencies = [latency(float_content, int8_content), *_elsewhere(float_content, int8_content, data)]
    return Comparison(
        len(data),
        data.digest,
        outputs,
        table,
        tuple(losses),
        verdict,
        limits,
        tuple(tried),
        sizes,
        tuple(latencies),
        (real, int8),
    )


def as_data(comparison: Comparison) -> dict[str, Any]:
    """For JSON: names and numbers, no values of rows."""
    real, int8 = comparison.sizes
    verdict = comparison.verdict._asdict() if comparison.verdict else None
    if verdict is not None:
        verdict["interval"] = [_finite(end) for end in verdict["interval"]]
    return {
        "passed": comparison.passed,
        "sentence": comparison.sentence,
        "rows": comparison.rows,
        "data_sha256": comparison.digest,
        "verdict": verdict,
        "losses": [_loss(loss) for loss in comparison.losses],
        "outputs": {name: _numbers(one._asdict()) for name, one in comparison.outputs.items()},
        "inputs": [_layer(layer) for layer in comparison.table.inputs],
        "layers": [_layer(layer) for layer in comparison.table.layers],
        "layers_note": comparison.table.note,
        "worst_layers": [layer.name for layer in comparison.table.worst(TRIED)],
        "remedies": [_numbers(one._asdict()) for one in comparison.remedies],
        "size": {"float": real._asdict(), "int8": int8._asdict(), "ratio": int8.bytes / real.bytes},
        "latency": [one._asdict() for one in comparison.latencies],
    }


def _loss(loss: Loss) -> dict[str, Any]:
    known = {key: value for key, value in loss._asdict().items() if key not in ("draws", "metric")}
    return {"metric": str(loss.metric), **_numbers(known)}


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _finite(value) for key, value in values.items()}


def _finite(value: Any) -> Any:
    """JSON has no NaN: an interval that could not be drawn is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _layer(layer: Layer) -> dict[str, Any]:
    numbers = {"input_snr_db": layer.input_snr_db, "fall_db": layer.fall_db, **layer.fidelity._asdict()}
    limits = [layer.low, layer.high] if math.isfinite(layer.low) else None
    return {
        "name": layer.name,
        "label": layer.label,
        "op": layer.op,
        "dtype": layer.dtype,
        **_numbers(numbers),
        "int8_range": limits,
    }


def _size(content: bytes) -> Size:
    graph = read_graph(content)
    return Size(len(content), len(zlib.compress(content, 9)), arena_bytes(graph), macs(graph))


def _elsewhere(float_content: bytes, int8_content: bytes, data: DataSet) -> list[Latency]:
    """The same in tflite-runtime, where it is installed: in turns, each in a process of its own."""
    found = find_runtime(OTHER_RUNTIME)
    if found is None:
        return []
    rows = [data.sample(0)]
    try:
        taken = [
            [try_graph(one, OTHER_RUNTIME, rows, invokes=INVOKES).us for one in (float_content, int8_content)]
            for _ in range(ROUNDS)
        ]
    except ConvertError:
        return []  # that a graph does not run there is the business of lint and build
    real, int8 = np.median(np.array(taken), axis=0).tolist()
    return [Latency(int8 / real, real, int8, ROUNDS * INVOKES, f"{OTHER_RUNTIME} {found.version}")]
