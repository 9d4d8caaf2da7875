"""What to try when a graph may not be packaged: first what is measured, then what usually helps.

In: what failed, where the signal is lost, what remedies gave. Out: sentences. Not here: whether it failed (``gate``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from converters.evaluation.bootstrap import Loss
from converters.evaluation.layers import CUT, LayerTable
from converters.evaluation.remedies import CLIPPED, Remedy

SHOWN = 3
"""Remedies that are told of those that help."""
GAIN_DB = 1.0
"""A remedy that gains less is not advised."""
LATE = 0.2
"""Where quantization has less than this share of a loss, it is not what has to be mended."""


class Failure(NamedTuple):
    """A metric that does not pass."""

    loss: Loss
    outcome: str
    """As ``bootstrap.Judgement`` has it."""
    early_pp: float
    """Points of the loss that were lost before quantization."""

    @property
    def by_quantization(self) -> bool:
        """Whether quantization has a share in it that is worth mending."""
        if self.outcome == "no better than chance":
            return False
        late = self.loss.loss_pp - self.early_pp
        return late > 0 and late >= LATE * self.loss.loss_pp


def advised(
    failures: Sequence[Failure], table: LayerTable, measured: Sequence[Remedy], *, mode: str, damaged: bool
) -> list[str]:
    """Sentences, the most certain first.

    Args:
        failures: metrics that do not pass.
        table: of the layers, int8 against float of the same model.
        measured: remedies, the best first.
        mode: ``int8``, ``dynamic-range`` or ``float``.
        damaged: whether quantization is to blame for any of it.
    """
    said = list(_data(failures))
    for one in failures:
        if one.early_pp > 0 and one.loss.loss_pp > 0:
            share = "all" if one.early_pp >= one.loss.loss_pp else f"{one.early_pp:.2f}"
            said.append(
                f"{share} of the {one.loss.loss_pp:.2f} points of {one.loss.metric.output} were lost before "
                "quantization: let the smaller model learn longer (train.epochs) or from more rows (training), or "
                "leave more of it (prune.keep nearer to 1, less sparsity, a larger student)"
            )
    if not damaged or mode == "float":
        return said
    said += _layer(table)
    if mode == "dynamic-range":
        return [*said, 'only weights were rounded: leave this graph in float (quantize.mode = "float")']
    helped = [one for one in measured if one.after_db - one.before_db >= GAIN_DB]
    said += [str(one) for one in helped[:SHOWN]]
    said += _calibration(table)
    if measured and not helped:
        said.append(f"none of {len(measured)} remedies tried gains {GAIN_DB:g} dB; the best, {measured[0]}")
    if not measured:
        worst = next(iter(table.worst()), None)
        name = f" ({worst.name})" if worst and worst.op != "INPUT" else ""
        said.append(
            f"not measured: clip the calibration (percentile = {CLIPPED:g}), leave the worst layer{name} in float"
        )
    said.append("fine-tune with quantization in the loop (recipe int8-qat)")
    return said


def _data(failures: Sequence[Failure]) -> Iterator[str]:
    outcomes = [one.outcome for one in failures]
    if "no better than chance" in outcomes:
        yield "look whether the targets belong to these rows, in this order, and whether the model was trained"
    if "too little data" in outcomes:
        yield "give more held-out rows, of more people where rows are grouped"


def _layer(table: LayerTable) -> Iterator[str]:
    worst = next(iter(table.worst()), None)
    if worst is not None and worst.op == "INPUT":
        yield f"what hurts most is the input {worst.label} itself: {worst.fidelity.snr_db:.1f} dB are left in int8"
    elif worst is not None:
        yield (
            f"the layer that hurts most is {worst.label} ({worst.op}): {worst.input_snr_db:.1f} dB before it, "
            f"{worst.fidelity.snr_db:.1f} dB after it"
        )
    elif table.note:
        yield f"which layer hurts most is not known: {table.note}"


def _calibration(table: LayerTable) -> Iterator[str]:
    cut = next((layer for layer in (*table.inputs, *table.layers) if layer.cut > CUT), None)
    if cut is None:
        yield "calibrate with more or cleaner data"
        return
    kind = "input" if cut.op == "INPUT" else "layer"  # the first one: what comes after it has its errors from there
    yield (
        f"calibrate with data like this: {kind} {cut.label} goes from {cut.fidelity.low:.3g} to "
        f"{cut.fidelity.high:.3g} here, its int8 range only from {cut.low:.3g} to {cut.high:.3g}"
    )
