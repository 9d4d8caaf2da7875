"""Plots of a comparison as SVG, to be put into a page.

In: a ``Comparison``. Out: one ``<svg>`` element per plot, the same bytes for the same numbers. Not here: the page.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from converters.evaluation.bootstrap import Loss
from converters.evaluation.comparison import Comparison
from converters.evaluation.layers import LayerTable
from converters.reports.markdown import chosen

FLOAT, INT8, BAD, LINE = "#3b6ea8", "#e08a1e", "#b3261e", "#555555"
"""Colours: float, int8, what is wrong, lines to compare with."""
POINTS = 2000
"""Points of a scatter plot, evenly over the values."""
BINS = 60
"""Of a histogram, at most."""
LONGEST = 34
"""Characters of a layer's name."""
_STYLE: Any = {
    "svg.hashsalt": "edge-mm", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "text.parse_math": False, "figure.facecolor": "white",
}  # fmt: skip


class Plot(NamedTuple):
    """One plot."""

    title: str
    says: str
    """How to read it, one sentence."""
    svg: str


def plots(comparison: Comparison) -> list[Plot]:
    """All that the comparison has numbers for."""
    found = []
    if comparison.table.layers:
        found.append(_layers(comparison.table, comparison.limits.floor("")))
    found += [_bootstrap(loss, comparison.limits.max_loss_pp) for loss in comparison.losses if loss.draws.size]
    return [*found, _scatter(comparison), _sizes(comparison)]


def _layers(table: LayerTable, floor: float) -> Plot:
    shown = [*table.inputs, *chosen(table)]
    worst = {one.name for one in table.worst()}
    with _figure(8.6, 1.3 + 0.27 * len(shown)) as (axes, svg):
        places = np.arange(len(shown))
        after = [one.fidelity.snr_db for one in shown]
        colours = [BAD if one.name in worst else INT8 if one.dtype != "float32" else FLOAT for one in shown]
        axes.barh(places, after, color=colours, height=0.66)
        before = [(one.input_snr_db, place) for place, one in enumerate(shown) if one.op != "INPUT"]
        axes.plot(*zip(*before, strict=True), "|", color=LINE, markersize=9, markeredgewidth=1.6)
        axes.axvline(0, color=LINE, linewidth=0.8)
        top = min(max([*after, *(ratio for ratio, _ in before), 20.0]), 80.0)
        axes.set_xlim(min(0.0, *after) * 1.08, top * 1.06)
        if top > floor:
            axes.axvline(floor, color=LINE, linewidth=0.8, linestyle=":")
        for place, ratio in zip(places, after, strict=True):
            axes.text(1.01, place, f"{ratio:.1f}", va="center", fontsize=8.5, transform=axes.get_yaxis_transform())
        axes.set_yticks(places, [f"{_short(one.label)} ({one.op.lower()})" for one in shown], fontsize=8.5)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel("signal-to-noise ratio of int8 against float (dB)")
    says = (
        "In the order of execution. The bar is the ratio at the layer's output, the tick that at its worst input: "
        "where the bar ends far left of the tick, the layer loses signal. Red loses most; blue ones stayed in "
        f"float. Dotted: the floor of the outputs, {floor:g} dB."
    )
    return Plot("Signal-to-noise ratio per layer", says, svg[0])


def _bootstrap(loss: Loss, limit: float) -> Plot:
    with _figure(8.6, 3.3) as (axes, svg):
        low, high = float(min(loss.draws.min(), 0.0)), float(max(loss.draws.max(), loss.high_pp, limit))
        values = np.unique(np.round(loss.draws, 9))
        step = float(np.diff(values).min()) if len(values) > 1 else 0.0
        if step and (high - low) / step <= BINS:  # one bar for each number of lost rows
            edges = np.arange(low - step / 2, high + step, step)
        else:
            edges = np.linspace(low, high, BINS + 1)
        axes.hist(
            loss.draws, bins=edges, weights=np.full(len(loss.draws), 100 / len(loss.draws)), color=INT8, alpha=0.85
        )
        axes.axvspan(loss.low_pp, loss.high_pp, color=FLOAT, alpha=0.13, linewidth=0)
        axes.axvline(loss.loss_pp, color="black", linewidth=1.4)
        axes.axvline(limit, color=BAD, linewidth=1.6, linestyle="--")
        pad = 0.04 * (high - low) or 0.1
        axes.set_xlim(low - pad, high + pad)
        top = axes.get_ylim()[1]
        axes.set_ylim(0, top * 1.22)
        middle = (low + high) / 2
        for place, height, text, colour in (
            (loss.loss_pp, 1.13, f"measured {loss.loss_pp:.2f}", "black"),
            (limit, 1.02, f"allowed {limit:g}", BAD),
        ):
            left = place <= middle  # the words go where there is room
            axes.annotate(
                text, (place, top * height), (5 if left else -5, 0), textcoords="offset points",
                ha="left" if left else "right", color=colour, fontsize=9,
            )  # fmt: skip
        axes.set_xlabel(f"loss of {_short(loss.metric.label)} from float to int8 (percentage points)")
        axes.set_ylabel("resamples (%)")
    says = (
        f"The loss in {len(loss.draws):,} resamples of the {'rows' if loss.groups is None else 'groups'}. The shaded "
        f"{100 * loss.confidence:g} % interval must end left of the red line; its upper end counts one imaginary lost "
        "row more."
    )
    return Plot("How sure the loss is", says, svg[0])


def _scatter(comparison: Comparison) -> Plot:
    names = list(comparison.outputs)
    across = min(3, len(names))
    down = -(-len(names) // across)
    with _figure(max(3.6, 3.0 * across), 3.2 * down, rows=down, columns=across) as (grid, svg):
        cells = np.atleast_1d(np.asarray(grid, object)).ravel()
        for axes in cells[len(names) :]:
            axes.set_axis_off()
        for name, axes in zip(names, cells, strict=False):
            real, int8 = (said[name].ravel() for said in comparison.said)
            places = np.unique(np.linspace(0, real.size - 1, min(POINTS, real.size)).round().astype(int))
            ends = [float(min(real.min(), int8.min())), float(max(real.max(), int8.max()))]
            axes.plot(ends, ends, color=LINE, linewidth=0.9)
            axes.scatter(real[places], int8[places], s=5, color=INT8, alpha=0.45, linewidths=0, rasterized=True)
            axes.set_title(f"{_short(name)}, {comparison.outputs[name].snr_db:.1f} dB")
            axes.set_xlabel("float value")
            axes.set_ylabel("int8 value")
            axes.set_box_aspect(1)
    says = f"Each point is one value of one row (at most {POINTS:,} are drawn); on the line both say the same."
    return Plot("Outputs, float against int8", says, svg[0])


def _sizes(comparison: Comparison) -> Plot:
    real, int8 = comparison.sizes
    groups = [
        ("file", real.bytes, int8.bytes),
        ("file, zlib 9", real.zlib_bytes, int8.zlib_bytes),
        ("arena, planned", real.arena_bytes, int8.arena_bytes),
    ]
    with _figure(8.6, 2.6) as (axes, svg):
        for place, (_, a, b) in enumerate(groups):
            for shift, value, colour in ((-0.2, a, FLOAT), (0.2, b, INT8)):
                axes.barh(place + shift, value / 1024, height=0.36, color=colour)
                share = f" ({b / a:.2f} of float)" if colour == INT8 and a else ""
                words = f"{value / 1024:,.1f}{share}"
                axes.annotate(
                    words, (value / 1024, place + shift), (4, 0), textcoords="offset points", va="center", fontsize=8.5
                )
        axes.set_yticks(range(len(groups)), [name for name, _, _ in groups])
        axes.invert_yaxis()
        axes.set_xlim(0, max(max(a, b) for _, a, b in groups) / 1024 * 1.22)
        axes.set_xlabel("KiB")
        axes.barh(0, 0, color=FLOAT, label="float")
        axes.barh(0, 0, color=INT8, label="int8")
        axes.legend(frameon=False, loc="lower right")
    return Plot("Size", "What has to be stored, sent and held in memory.", svg[0])


@contextmanager
def _figure(width: float, height: float, *, rows: int = 1, columns: int = 1) -> Iterator[tuple[Any, list[str]]]:
    """A figure without a display; its SVG is in the list afterwards."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    svg: list[str] = []
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure.subplots(rows, columns), svg
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    svg.append(text[text.index("<svg") :].strip())


def _short(name: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2 - 1]}...{text[-LONGEST // 2 + 2 :]}"
