"""The fusion of a reference bundle as a part: trained on composites, judged, with its golden sample.

In: a ``Reference``, the parts. Out: the part's folder, and the test fixtures. Not here: the net (``fusion``), what a
composite assumes (``composites``), the bundle (``reference``).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from converters import acceptance
from converters.episodes import Composite
from converters.fusion import Table
from converters.package import npz
from converters.parts import Part, finished_folder, write_part
from converters.tracks import Track, cached
from converters.trained import Trained
from converters.training.strategy import Strategy

if TYPE_CHECKING:
    from converters.reference import Reference, Studio, Where


def tracks(reference: Reference, at: Where) -> list[Track]:
    """The embeddings of all recordings, kept in ``work/fusion`` from one run to the next."""
    found: list[Track] = []
    for name, source in reference.tracks.items():
        code = Path(str(source.module.__file__))
        # the split stands in the trainers' packages and, for GRID, in grid.py
        sources = [code, *code.parent.glob("grid.py"), *code.parent.glob("pulse.py"), *code.parent.glob("hearing.py")]
        sources += [path for part in source.parts for path in (code.parent / part).glob("*.py")]
        sources += [path for part in source.parts for path in (at.parts / part / "folds").glob("*.tflite")]
        found += cached(
            at.work / "fusion", at.bundle, name, partial(source.make, at), modalities=source.parts, seed=at.seed,
            sources=sources,
        )  # fmt: skip
    return found


class Fused(NamedTuple):
    """A trained fusion with what it was trained on and what it is scored on."""

    model: Any
    params: dict[str, Any]
    tracks: list[Track]
    training: list[Composite]
    test: list[Composite]
    table: Table
    test_table: Table


def train_fusion(reference: Reference, at: Where, strategy: Strategy) -> Fused:
    """Compose the episodes of both sides and train on those of one."""
    from tqdm import tqdm

    from converters import fusion

    everything, seed = tracks(reference, at), at.seed
    modalities, heads = reference.modalities, reference.heads

    def windows(count: int, *, held_out: bool) -> list[Composite]:
        studio: Studio = reference.studio(everything, held_out, seed)
        return [w for e in tqdm(studio.episodes(count), total=count, desc="episodes") for w in e]

    training, test = (windows(reference.episodes[side], held_out=bool(side)) for side in (0, 1))
    params = fusion.front_end(training, modalities, most=reference.most)
    table, test_table = (fusion.table(side, params, modalities=modalities, heads=heads) for side in (training, test))
    model = fusion.train(table, seed=seed, strategy=strategy)
    return Fused(model, params, everything, training, test, table, test_table)


def fusion_part(reference: Reference, at: Where, out: Path, trained: Fused) -> tuple[Path, dict[str, bytes]]:
    """The folder of the fusion's part, and the test fixtures: file name -> bytes."""
    from converters import fusion, fusion_report
    from converters.conversion.in_process import quantize

    model, params, everything, training, test, table, test_table = trained
    heads, judged, seed = reference.heads, reference.judged, at.seed
    sample = [{k: v[i : i + 1] for k, v in table.inputs.items()} for i in range(0, len(training), len(training) // 400)]
    graphs = {
        "fusion": quantize(model, sample),
        "constant_attention": quantize(fusion.constant_attention(model), sample),
        "shuffled_embeddings": quantize(fusion.shuffled_embeddings(model), sample),
    }
    cases = reference.cases(reference.studio(everything, True, seed + 1))
    verdicts = {
        name: fusion_report.verdict(graph, params, at.bundle, cases, table=table, judged=judged)
        for name, graph in graphs.items()
    }
    report = {
        **fusion_report.scores(model, graphs["fusion"], test_table, test, judged),
        "acceptance": verdicts,
        "train_windows": len(training),
        "tracks": fusion_report.count_tracks(everything),
        "tflite_bytes": len(graphs["fusion"]),
    }
    print(json.dumps({k: v for k, v in report.items() if k != "tracks"}, indent=1))
    acceptance.judge(verdicts)
    golden = fusion_report.golden(graphs["fusion"], table)
    rows = {**test_table.inputs, **{head: test_table.states[:, [j]] for j, head in enumerate(heads)}}
    kept = {"fusion": Trained(model, sample, rows, reference.metric)}
    part = Part("fusion", params, {"fusion": False}, report, {"fusion": reference.metric})
    with finished_folder(out) as folder:
        write_part(folder, part, {"fusion": graphs["fusion"]}, golden, kept)
    if reference.name != "driver":
        return out, {}
    made = {f"fusion_{name}.tflite": content for name, content in graphs.items() if name != "fusion"}
    return out, {**made, "fusion_windows.npz": npz(acceptance.pack(cases))}
