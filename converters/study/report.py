"""The comparison in words, numbers and one plot.

In: what ``run.study`` gives. Out: markdown, and an SVG of the AUROC per corruption. Not here: measuring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from converters.study.run import ATTENTION, CONCAT, NAIVE

CLEAN_LOSS, SWEEP_LEAD, HALVED, RANK = 0.01, 0.03, 0.8, 0.5
"""What was asked for before the first run: see the README of this folder."""


def markdown(
    studies: Sequence[Mapping[str, Any]], composed: Mapping[str, Any] | None = None, *, date: str, seed: int
) -> str:
    """The dated report."""
    lines = [
        f"# Attention fusion against concatenation and single senses ({date}, seed {seed})",
        "",
        "Mean AUROC within a person over people left out, with the 95 % interval over people. All models get the same "
        "frozen embeddings of encoders trained on the fold's other people. Concatenation gets zeros for what is "
        f"absent and the presence vector; '{CONCAT}' and the single senses learn from the same left-out and "
        f"corrupted senses as the attention, '{NAIVE}' from clean windows. The best single sense is picked on the "
        "people it is judged by, which flatters it. A sense that is off is known to be off; noise, a stuck value and "
        "lateness are not flagged.",
    ]
    for one in studies:
        lines += ["", *_one(one)]
    if composed is not None:
        lines += ["", *_composed(composed)]
    return "\n".join(lines) + "\n"


def verdicts(one: Mapping[str, Any]) -> list[tuple[str, float | None, bool]]:
    """What was asked, what was measured, whether that is reached."""
    found: list[tuple[str, float | None, bool]] = []
    for rival, lead in one["lead"].items():
        clean, sweep = lead["clean"]["mean"], lead["sweep"]["mean"]
        found.append((f"clean, against {rival}: at least -{CLEAN_LOSS:g}", clean, clean >= -CLEAN_LOSS))
        found.append((f"sweep, against {rival}: at least +{SWEEP_LEAD:g}", sweep, sweep >= SWEEP_LEAD))
    told = one["explanation"]
    halved, rank = told["halved_mean"], told["rank_correlation_within_windows"]
    found.append((f"attention at least halved by corruption: {HALVED:.0%} of windows", halved, halved >= HALVED))
    found.append((f"rank correlation with the contribution: {RANK:g}", rank, rank is not None and rank >= RANK))
    return found


def plot(studies: Sequence[Mapping[str, Any]], path: Path) -> None:
    """AUROC per condition, one panel per data set, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    most = max(len(one["conditions"]) for one in studies)
    figure, axes = pyplot.subplots(
        1, len(studies), figsize=(7 * len(studies), 1.5 + 0.24 * most), squeeze=False, layout="constrained"
    )
    for panel, one in zip(axes[0], studies, strict=True):
        names = list(one["conditions"])
        shown = ((ATTENTION, "o"), (CONCAT, "s"), (NAIVE, "^"), (one["best_single"], "x"))
        for model, mark in shown:
            panel.plot([one["conditions"][name][model] for name in names], range(len(names)), mark, label=model, ms=5)
        panel.set_yticks(range(len(names)), names)
        panel.invert_yaxis()
        panel.axvline(0.5, color="#999999", lw=0.8)
        panel.set_xlabel("AUROC")
        panel.set_title(f"{one['data']}: {one['people']} people left out in turn")
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=4, fontsize=8)  # beside what it explains
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _one(one: Mapping[str, Any]) -> list[str]:
    models = list(one["clean"])
    lines = [
        f"## {one['data']}: {one['people']} people, {one['windows']} windows, {one['positive']} positive",
        "",
        "| model | clean | mean of the sweep |",
        "|---|---|---|",
    ]
    for model in models:
        best = " (best single sense)" if model == one["best_single"] else ""
        lines.append(f"| {model}{best} | {_number(one['clean'][model])} | {_number(one['sweep'][model])} |")
    lines += ["", "| the attention's lead over | clean | mean of the sweep |", "|---|---|---|"]
    for rival, lead in one["lead"].items():
        lines.append(f"| {rival} | {_number(lead['clean'], sign='+')} | {_number(lead['sweep'], sign='+')} |")
    told = one["explanation"]
    lines += ["", f"Explanation (int8, the device's own fusion, {told['windows']} windows): attention at least halved"]
    lines[-1] += ", ".join(f" {share:.0%} {name}" for name, share in told["halved"].items()) + "; rank correlation "
    rank = told["rank_correlation_within_windows"]
    lines[-1] += f"with the contribution {'none' if rank is None else f'{rank:.2f}'} within windows, "
    lines[-1] += f"{told['rank_correlation_pooled']:.2f} pooled."
    lines += ["", "| asked | measured | reached |", "|---|---|---|"]
    for asked, value, reached in verdicts(one):
        lines.append(f"| {asked} | {'none' if value is None else f'{value:.3f}'} | {'yes' if reached else '**no**'} |")
    lines += ["", "| condition | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for name, row in one["conditions"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row[model]:.3f}" for model in models) + " |")
    return lines


def _composed(one: Mapping[str, Any]) -> list[str]:
    lines = [
        f"## Composites of the driver: {one['episodes']} episodes of held-out people in each condition",
        "",
        "AUROC of windows, all senses present that give anything; the attention is the int8 graph that ships, the "
        "rivals learn from the same composites. Nobody has met a dark, blurred or covered camera, nor this noise. "
        "Streams of different people are composed: no figure here is one of truly synchronous data. Intervals are over "
        "episodes.",
    ]
    for head, told in one["heads"].items():
        models = list(next(iter(told["conditions"].values())))
        lines += ["", f"### {head}", "", "| condition | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
        for name, row in told["conditions"].items():
            lines.append(f"| {name} | " + " | ".join(f"{row[model]:.3f}" for model in models) + " |")
        lines += ["", "| the attention's lead over | clean | mean of the sweep | reached |", "|---|---|---|---|"]
        for rival, lead in told["lead"].items():
            best = " (best single sense)" if rival == told["best_single"] else ""
            reached = lead["clean"]["mean"] >= -CLEAN_LOSS and lead["sweep"]["mean"] >= SWEEP_LEAD
            row = f"{_number(lead['clean'], sign='+')} | {_number(lead['sweep'], sign='+')}"
            lines.append(f"| {rival}{best} | {row} | {'yes' if reached else '**no**'} |")
    return lines


def _number(value: Mapping[str, Any], *, sign: str = "") -> str:
    low, high = value["ci95"]
    return f"{value['mean']:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
