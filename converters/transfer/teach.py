"""All graphs of a bundle that the labels teach: encoders first, then the fusion on what they say then.

In: a bundle, recordings, how. Out: what each graph learnt. Not here: one graph (``retrain``), the file (``repack``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from converters.evaluation.own.manifest import Recording
from converters.transfer.retrain import How, Learnt, retrain
from converters.transfer.rows import UNSAID, gather, past_the_end
from converters.transfer.targets import targets
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.fusion import GRAPH as FUSION


class Taught(NamedTuple):
    """What came of a bundle."""

    learnt: list[Learnt]
    graphs: dict[str, bytes]
    """Those that are better than before."""
    unseen: list[str]
    """Labels about which no recording showed anything to the graph."""
    notes: list[str]
    """What is odd about the recordings."""


def teach(
    bundle: Bundle,
    recordings: Sequence[Recording],
    how: How,
    *,
    strategy: Any,
    labels: Sequence[str] = (),
    each: Callable[[Sequence[Recording], str], Any] = lambda some, text: some,
    keep_worse: bool = False,
) -> Taught:
    """Train every graph that a label teaches.

    Args:
        bundle: to begin with.
        recordings: with labels.
        how: to train.
        strategy: ``converters.training.strategy.Strategy``.
        labels: only these; all that the recordings have when empty.
        each: shows progress over the recordings.
        keep_worse: also take a graph that is not better.

    Raises:
        ConvertError: nothing to learn, too few rows, or a recording that cannot be watched.
    """
    named = [name for one in recordings for name in one.happened]
    strange = [name for name in labels if name not in named]
    if strange:
        raise ConvertError(f"no recording has labels for {', '.join(strange)}; they have {', '.join(sorted({*named}))}")
    wanted = targets(bundle, labels or named)
    learnt: list[Learnt] = []
    graphs: dict[str, bytes] = {}
    unseen: list[str] = []
    notes: list[str] = []
    encoders = [target for target in wanted if target.graph != FUSION]
    for some, text in ((encoders, "watching"), ([t for t in wanted if t.graph == FUSION], "watching for the fusion")):
        if not some:
            continue
        now = bundle
        for graph, content in graphs.items():
            now = now.with_graph(graph, content)
        found = gather(now, each(recordings, text), some)
        notes += [note for note in past_the_end(found, recordings) if note not in notes]
        for graph in dict.fromkeys(target.graph for target in some):
            rows = found.get(graph)
            told = [t for t in some if t.graph == graph and rows is not None and (rows.truth[t.label] != UNSAID).any()]
            unseen += [t.label for t in some if t.graph == graph and t not in told]
            if rows is None or not told:
                continue
            spec = bundle.manifest.graphs[graph]
            rows = replace(rows, truth={t.label: rows.truth[t.label] for t in told})
            one = retrain(
                now.graph(graph), rows, told, how, strategy=strategy, golden=_golden(bundle, graph),
                recipe=spec.recipe, stateful=spec.stateful,
            )  # fmt: skip
            learnt.append(one)
            if one.better or keep_worse:
                graphs[graph] = one.content
    if not learnt:
        raise ConvertError(
            f"nothing of {', '.join(unseen)} was seen: the recordings lack the stream, or what they show is too poor"
        )
    return Taught(learnt, graphs, unseen, notes)


def _golden(bundle: Bundle, graph: str) -> dict[str, Any]:
    arrays = bundle.arrays("golden.npz") if bundle.has("golden.npz") else {}
    start = f"{graph}/in/"
    return {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
