"""The gate: an int8 graph that loses too much, or of which too little is known, is not packaged.

In: a float graph, its int8 graph, rows with targets that neither was trained nor calibrated on, the limits. Out: a
``Verdict`` with its reasons in sentences, the layer that hurts most and what to try. Not here: the numbers themselves
(``bootstrap``, ``fidelity``, ``layers``, ``remedies``), what to try (``advice``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from converters.evaluation.advice import Failure, advised
from converters.evaluation.answers import Answers, paired_answers
from converters.evaluation.bootstrap import Loss, judge, paired_bootstrap
from converters.evaluation.fidelity import Fidelity, by_output
from converters.evaluation.layers import LayerTable, layer_table
from converters.evaluation.metrics import Metric, all_metrics, chance
from converters.evaluation.remedies import Quantize, Remedy, Samples, remedies
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

MIN_SNR_DB = 15.0
"""Floor of every output unless the limits say otherwise: an error of 18 % of the output's size (root mean square)."""
TRIED = 3
"""Layers that are tried in float."""


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


WORDS = {
    "int8": ("in float", "in int8"),
    "dynamic-range": ("in float", "with int8 weights"),
    "float": ("as trained", "as shrunk"),
}
"""How the numbers of a graph became integers -> what its two scores are of."""


class Verdict(NamedTuple):
    """Whether the graph may be packaged, and why."""

    passed: bool
    sentences: tuple[str, ...]
    """Reasons: what failed where it did not pass, else what was found."""
    metric: str
    """The first one; of the others ``sentences`` tell."""
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
        metric: the task's; ``default_metric`` of the data otherwise. Other outputs with targets are judged as well.
        limits: what it may lose.
        samples: what it was calibrated with; given, remedies for the worst layers are measured (a conversion each).
        quantize: makes the graphs of the remedies; TensorFlow in this process by default.

    Raises:
        ConvertError: the data has no targets for the metric, or does not fit the graphs.
    """
    metrics = all_metrics(data, metric)
    real, int8 = paired_answers(float_content, int8_content, data)
    losses = [measure(one, real, int8, data, confidence=limits.confidence) for one in metrics]
    table = layer_table(float_content, int8_content, data)
    return settle(
        losses, by_output(real, int8), table, limits,
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
    said, truth = (real[metric.output], int8[metric.output]), data.targets[metric.output]
    loss = paired_bootstrap(metric, said, truth, groups=data.groups, confidence=confidence)
    return loss._replace(chance=chance(metric, truth, said[0]))


def settle(
    losses: Sequence[Loss],
    outputs: Mapping[str, Fidelity],
    table: LayerTable,
    limits: Limits,
    measured: Callable[[str], Sequence[Remedy]] = lambda output: (),
    *,
    early: Mapping[str, float] = MappingProxyType({}),
    mode: str = "int8",
    words: tuple[str, str] | None = None,
) -> Verdict:
    """The verdict on what was measured.

    Args:
        losses: of the metric, and of those of the other outputs.
        outputs: fidelity of each output.
        table: of the layers.
        limits: what may be lost.
        measured: gives the remedies for one output; asked only where quantization loses something.
        early: output -> points of its loss that a model had lost before it was quantized (pruned, distilled, trained).
        mode: how its numbers became integers, a key of ``WORDS``.
        words: what the two scores are of, where it is not what ``WORDS`` says.
    """
    words = words or WORDS[mode]
    judged = [(loss, judge(loss, max_loss_pp=limits.max_loss_pp, words=words)) for loss in losses]
    failures = [
        Failure(loss, judgement.outcome, early.get(loss.metric.output, 0.0))
        for loss, judgement in judged
        if judgement.outcome != "passes"
    ]
    low = {name: one.snr_db for name, one in outputs.items() if one.snr_db < limits.floor(name)}
    failed = [judgement.sentence for _, judgement in judged if judgement.outcome != "passes"]
    failed += [
        f"output {name}: a signal-to-noise ratio of {ratio:.1f} dB, at least {limits.floor(name):g} dB needed"
        for name, ratio in low.items()
    ]
    first, worst = losses[0], next(iter(table.worst()), None)
    advice: list[str] = []
    if failed:
        damaged = [one.loss.metric.output for one in failures if one.by_quantization]
        output = min(low, key=lambda name: low[name] - limits.floor(name)) if low else next(iter(damaged), "")
        tried = measured(output) if output and mode == "int8" else ()
        advice = advised(failures, table, tried, mode=mode, damaged=bool(output))
    floors = ", ".join(f"{name} {one.snr_db:.1f} dB" for name, one in outputs.items())
    found = (*(judgement.sentence for _, judgement in judged), f"signal-to-noise ratio of the outputs: {floors}")
    return Verdict(
        passed=not failed,
        sentences=tuple(failed) or found,
        metric=str(first.metric),
        loss_pp=first.loss_pp,
        interval=(first.low_pp, first.high_pp),
        n=first.rows,
        groups=first.groups,
        snr_db={name: one.snr_db for name, one in outputs.items()},
        worst_layer=worst.name if worst else "",
        advice=tuple(advice),
    )
