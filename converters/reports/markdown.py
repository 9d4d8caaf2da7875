"""A comparison as Markdown.

In: a ``Comparison``. Out: text with tables. Not here: plots (``plots``), the page (``page``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from converters.evaluation.comparison import Comparison
from converters.evaluation.layers import PASSED_ON, Layer, LayerTable

SHOWN = 40
"""Layers in the table; of more, those that lose most."""

Rows = list[tuple[str, ...]]


def report(comparison: Comparison, *, title: str) -> str:
    """The whole report.

    Args:
        comparison: what was measured.
        title: e.g. the names of the two files.
    """
    parts = [f"# {safe(title)}", f"**{safe(comparison.sentence)}**"]
    if comparison.verdict and comparison.verdict.advice:
        parts += ["## What to try", "\n".join(f"- {safe(text)}" for text in comparison.verdict.advice)]
    parts += ["## Task", table(TASK, task(comparison)) if comparison.losses else "The data has no targets."]
    parts += ["## Outputs", table(OUTPUTS, outputs(comparison))]
    parts += ["## Size and time", table(COST, cost(comparison)), time_note(comparison)]
    parts += ["## Layers"]
    if comparison.table.layers:
        parts += [table(LAYERS, layers(comparison.table))]
    parts += [safe(layers_note(comparison.table))]
    if comparison.remedies:
        parts += ["## Remedies tried", "\n".join(f"- {safe(str(one))}" for one in comparison.remedies)]
    parts += [f"{comparison.rows} rows, SHA-256 `{comparison.digest}`."]
    return "\n\n".join(part for part in parts if part) + "\n"


TASK = ("metric", "float", "int8", "loss", "interval", "rows", "allowed")
OUTPUTS = ("output", "SNR (dB)", "floor (dB)", "cosine", "largest error", "float range")
COST = ("", "float", "int8", "int8 / float")
LAYERS = ("layer", "op", "SNR before (dB)", "SNR after (dB)", "fall (dB)", "cosine", "largest error", "float range")


def task(comparison: Comparison) -> Rows:
    """One row per metric with its loss."""
    return [
        (
            str(loss.metric), f"{loss.float_percent:.2f} %", f"{loss.int8_percent:.2f} %", f"{loss.loss_pp:.2f} points",
            f"{loss.low_pp:.2f} to {loss.high_pp:.2f} ({100 * loss.confidence:g} %)",
            f"{loss.rows:,}" + ("" if loss.groups is None else f" in {loss.groups:,} groups"),
            f"{comparison.limits.max_loss_pp:g} points",
        )
        for loss in comparison.losses
    ]  # fmt: skip


def outputs(comparison: Comparison) -> Rows:
    """One row per output."""
    return [
        (
            name, f"{one.snr_db:.1f}", f"{comparison.limits.floor(name):g}", f"{one.cosine:.4f}",
            f"{one.max_error:.3g}", f"{one.low:.3g} to {one.high:.3g}",
        )
        for name, one in comparison.outputs.items()
    ]  # fmt: skip


def cost(comparison: Comparison) -> Rows:
    """Ratios first in meaning, last in the row: latency, bytes, memory, multiplications."""
    rows: Rows = [
        (f"median invoke in {one.runtime}", f"{one.float_us:.1f} us", f"{one.int8_us:.1f} us", f"{one.ratio:.2f}")
        for one in comparison.latencies
    ]
    real, int8 = comparison.sizes
    for name, unit, a, b in (
        ("file", "bytes", real.bytes, int8.bytes),
        ("file, zlib 9", "bytes", real.zlib_bytes, int8.zlib_bytes),
        ("arena of activations, planned", "bytes", real.arena_bytes, int8.arena_bytes),
        ("multiply-accumulates", "", real.macs, int8.macs),
    ):
        ratio = f"{b / a:.2f}" if a else "-"
        rows.append((name, f"{a:,} {unit}".strip(), f"{b:,} {unit}".strip(), ratio))
    return rows


def time_note(comparison: Comparison) -> str:
    """What the times are worth."""
    pairs = ", ".join(f"{one.pairs} of each in {one.runtime}" for one in comparison.latencies)
    return (
        f"Times are medians of single invokes on one thread of this computer, in turns ({pairs}): the ratio is meant, "
        "the board has its own."
    )


def chosen(table: LayerTable, count: int = SHOWN) -> list[Layer]:
    """About so many layers, in the order of execution: all, or those that lose most and the outputs."""
    if len(table.layers) <= count:
        return list(table.layers)
    ranks = [(layer.op in PASSED_ON, -layer.fall_db, i) for i, layer in enumerate(table.layers)]
    kept = {i for _, _, i in sorted(ranks)[:count]}
    return [layer for i, layer in enumerate(table.layers) if i in kept or layer.output]


def layers(table: LayerTable) -> Rows:
    """One row per input and chosen layer."""
    return [
        (
            one.label if one.dtype != "float32" else f"{one.label} (in float)", one.op,
            "" if one.op == "INPUT" else f"{one.input_snr_db:.1f}", f"{one.fidelity.snr_db:.1f}",
            "" if one.op == "INPUT" else f"{one.fall_db:.1f}", f"{one.fidelity.cosine:.4f}",
            f"{one.fidelity.max_error:.3g}", f"{one.fidelity.low:.3g} to {one.fidelity.high:.3g}",
        )
        for one in (*table.inputs, *chosen(table))
    ]  # fmt: skip


def layers_note(table: LayerTable) -> str:
    """What the table leaves out."""
    said = []
    if table.layers:
        said.append(f"Over {table.rows} rows; a fall counts from 40 dB down, which is what int8 can keep.")
        worst = table.worst()
        if worst:
            said.append(f"Most is lost in {worst[0].label} ({worst[0].op}).")
        if len(table.layers) > SHOWN:
            said.append(f"The {SHOWN} of {len(table.layers)} layers that lose most are shown, and the outputs.")
    if table.note:
        said.append(f"{table.note[0].upper()}{table.note[1:]}.")
    return " ".join(said)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are anybody's text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(safe, line)) + " |" for line in lines)


def safe(text: str) -> str:
    """Names are anybody's: no table cell, line or HTML tag of theirs gets through."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
    return text.replace("&", "&amp;").replace("<", "&lt;")
