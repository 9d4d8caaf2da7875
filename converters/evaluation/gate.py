"""The gate: an int8 graph that loses too much, or of which too little is known, is not packaged.

In: a float graph, its int8 graph, rows with targets that neither was trained nor calibrated on, the limits. Out: a
``Verdict`` with its reasons in sentences, the layer that hurts most and what to try. Not here: the numbers themselves
(``bootstrap``, ``fidelity``, ``layers``, ``remedies``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from converters.evaluation.answers import Answers, paired_answers
from converters.evaluation.bootstrap import Judgement, Loss, judge, paired_bootstrap
from converters.evaluation.fidelity import Fidelity, by_output
from converters.evaluation.layers import CUT, Layer, LayerTable, layer_table
from converters.evaluation.metrics import Metric, default_metric
from converters.evaluation.remedies import Quantize, Remedy, Samples, remedies
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

MIN_SNR_DB = 15.0
"""Floor of every output unless the limits say otherwise: an error of 18 % of the output's size (root mean square)."""
TRIED = 3
"""Layers that are tried in float."""
GAIN_DB = 1.0
"""A remedy that gains less is not advised."""


class Limits(NamedTuple):
    """What the int8 graph may lose."""

    max_loss_pp: float = 1.0
    """Of the metric, percentage points."""
    confidence: float = 0.95
    """Of the interval that must be within it."""
    min_snr_db: float | Mapping[str, float] = MIN_SNR_DB
    """Floor for all outputs, or output name -> floor; outputs that the mapping does not name have ``MIN_SNR_DB``."""

    def floor(self, output: str) -> float:
        """Of one output, dB."""
        return self.min_snr_db.get(output, MIN_SNR_DB) if isinstance(self.min_snr_db, Mapping) else self.min_snr_db


class Verdict(NamedTuple):
    """Whether the graph may be packaged, and why."""

    passed: bool
    sentences: tuple[str, ...]
    """Reasons: what failed where it did not pass, else what was found."""
    metric: str
    loss_pp: float
    """Of the metric from float to int8, percentage points."""
    interval: tuple[float, float]
    """Of the loss, percentage points."""
    n: int
    """Rows."""
    groups: int | None
    snr_db: dict[str, float]
    """Output -> ratio."""
    worst_layer: str
    """The layer that hurts most; empty where none does or the layers could not be compared."""
    advice: tuple[str, ...]
    """What to try, measured ones first; empty where it passed."""


def verdict(
    float_content: bytes,
    int8_content: bytes,
    data: DataSet,
    *,
    metric: Metric | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    samples: Samples = (),
    quantize: Quantize | None = None,
) -> Verdict:
    """Judge an int8 graph.

    Args:
        float_content: the float ``.tflite``.
        int8_content: made of it.
        data: held-out rows with targets.
        metric: the task's; ``default_metric`` of the data otherwise.
        limits: what it may lose.
        samples: what it was calibrated with; given, remedies for the worst layers are measured (a conversion each).
        quantize: makes the graphs of the remedies; TensorFlow in this process by default.

    Raises:
        ConvertError: the data has no targets for the metric, or does not fit the graphs.
    """
    metric = metric or default_metric(data)
    real, int8 = paired_answers(float_content, int8_content, data)
    loss = measure(metric, real, int8, data, confidence=limits.confidence)
    table = layer_table(float_content, int8_content, data)
    return settle(
        loss, by_output(real, int8), table, limits,
        lambda output: (
            remedies(float_content, samples, data, table.worst(TRIED), output=output, quantize=quantize)
            if samples
            else []
        ),
    )  # fmt: skip


def measure(metric: Metric, real: Answers, int8: Answers, data: DataSet, *, confidence: float = 0.95) -> Loss:
    """The loss of a metric with its interval.

    Raises:
        ConvertError: the graphs have no such output, the data has no targets for it, or they do not fit.
    """
    if metric.output not in real:
        raise ConvertError(f"metric {metric}: the graph says {', '.join(real)}, not {metric.output!r}")
    if metric.output not in data.targets:
        raise ConvertError(
            f"metric {metric}: the data has no targets under {metric.output!r}, only under "
            f"{', '.join(data.targets) or 'none of the outputs'}"
        )
    said = real[metric.output], int8[metric.output]
    return paired_bootstrap(metric, said, data.targets[metric.output], groups=data.groups, confidence=confidence)


def settle(
    loss: Loss,
    outputs: Mapping[str, Fidelity],
    table: LayerTable,
    limits: Limits,
    measured: Callable[[str], Sequence[Remedy]] = lambda output: (),
) -> Verdict:
    """The verdict on what was measured.

    Args:
        loss: of the metric.
        outputs: fidelity of each output.
        table: of the layers.
        limits: what may be lost.
        measured: gives the remedies for one output; asked only where the graph loses something.
    """
    judgement = judge(loss, max_loss_pp=limits.max_loss_pp)
    low = {name: one.snr_db for name, one in outputs.items() if one.snr_db < limits.floor(name)}
    failed = [judgement.sentence] if judgement.outcome != "passes" else []
    failed += [
        f"output {name}: a signal-to-noise ratio of {ratio:.1f} dB, at least {limits.floor(name):g} dB needed"
        for name, ratio in low.items()
    ]
    worst = next(iter(table.worst()), None)
    advice = []
    if failed:
        damaged = bool(low) or judgement.outcome == "loses" or loss.loss_pp > 0
        output = min(low, key=lambda name: low[name] - limits.floor(name)) if low else loss.metric.output
        advice = _advice(judgement, table, worst, measured(output) if damaged else (), damaged=damaged)
    floors = ", ".join(f"{name} {one.snr_db:.1f} dB" for name, one in outputs.items())
    return Verdict(
        passed=not failed,
        sentences=tuple(failed) or (judgement.sentence, f"signal-to-noise ratio of the outputs: {floors}"),
        metric=str(loss.metric),
        loss_pp=loss.loss_pp,
        interval=(loss.low_pp, loss.high_pp),
        n=loss.rows,
        groups=loss.groups,
        snr_db={name: one.snr_db for name, one in outputs.items()},
        worst_layer=worst.name if worst else "",
        advice=tuple(advice),
    )


def _advice(
    judgement: Judgement, table: LayerTable, worst: Layer | None, measured: Sequence[Remedy], *, damaged: bool
) -> list[str]:
    said = []
    if judgement.outcome == "too little data":
        said.append("give more held-out rows, of more people where rows are grouped")
    if not damaged:
        return said
    if worst is not None and worst.op == "INPUT":
        said.append(
            f"what hurts most is the input {worst.label} itself: {worst.fidelity.snr_db:.1f} dB are left in int8"
        )
    elif worst is not None:
        said.append(
            f"the layer that hurts most is {worst.label} ({worst.op}): {worst.input_snr_db:.1f} dB before it, "
            f"{worst.fidelity.snr_db:.1f} dB after it"
        )
    elif table.note:
        said.append(f"which layer hurts most is not known: {table.note}")
    helped = [one for one in measured if one.after_db - one.before_db >= GAIN_DB]
    said += [str(one) for one in helped[:TRIED]]
    cut = next((layer for layer in (*table.inputs, *table.layers) if layer.cut > CUT), None)
    if cut is not None:  # the first one: what comes after it has its errors from there
        kind = "input" if cut.op == "INPUT" else "layer"
        said.append(
            f"calibrate with data like this: {kind} {cut.label} goes from {cut.fidelity.low:.3g} to "
            f"{cut.fidelity.high:.3g} here, its int8 range only from {cut.low:.3g} to {cut.high:.3g}"
        )
    else:
        said.append("calibrate with more or cleaner data")
    if measured and not helped:
        said.append(f"none of {len(measured)} remedies tried gains {GAIN_DB:g} dB; the best, {measured[0]}")
    if not measured:
        name = f" ({worst.name})" if worst and worst.op != "INPUT" else ""
        said.append(f"not measured: clip the calibration (percentile = 99.9), leave the worst layer{name} in float")
    said.append("fine-tune with quantization in the loop (recipe int8-qat)")
    return said
