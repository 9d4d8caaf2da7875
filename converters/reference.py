"""Build a reference bundle: parts, tracks, composites, fusion, acceptance, plan, bundle.

In: a ``Reference`` (what a bundle is made of), the shared data, parts if they were trained before. Out:
``NAME-VERSION.edgemm`` and, with ``--fixtures``, the test fixtures that belong to it. Missing parts are trained first,
each in a process of its own. Not here: how a part is trained, what a composite assumes (``composites``, ``health``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from converters import acceptance
from converters.acceptance import Case
from converters.bundling.chain import Made
from converters.episodes import Composite
from converters.package import npz
from converters.parts import Part, check_part, finished_folder, part_bundle, read_part, write_part
from converters.tracks import Track, cached
from converters.trained import Trained
from edge_mm.errors import EdgeMmError
from edge_mm.models.bundle import Bundle


class Studio(Protocol):
    """Composes episodes from one side of the split."""

    def episodes(self, count: int) -> Iterator[list[Composite]]:
        """``count`` episodes, each as its windows."""
        ...


@dataclass(frozen=True)
class Where:
    """What a maker of tracks may read."""

    bundle: Bundle
    """The parts, without a fusion."""
    data: Path
    """The shared data."""
    work: Path
    """Keeps what is slow to make."""
    parts: Path
    """Folder of the parts."""
    seed: int
    """Of everything that is drawn."""


@dataclass(frozen=True)
class Source:
    """Where tracks come from."""

    parts: Sequence[str]
    """Parts whose graphs and front ends make them."""
    module: ModuleType
    """Whose code makes them."""
    make: Callable[[Where], list[Track]]
    """How."""


@dataclass(frozen=True)
class Reference:
    """What a reference bundle is made of."""

    name: str
    """Of the bundle; ``python -m converters.NAME`` builds it."""
    version: str
    """Of the bundle."""
    modalities: tuple[str, ...]
    """In the order of the fusion's presence vector."""
    heads: tuple[str, ...]
    """States that the fusion says."""
    trainers: tuple[str, ...]
    """Parts, each trained by ``python -m converters.PART``."""
    tracks: Mapping[str, Source]
    """Name -> where they come from."""
    studio: Callable[[Sequence[Track], bool, int], Any]
    """(tracks, held out, seed) -> a Studio."""
    cases: Callable[[Any], list[Case]]
    """Held-out windows that the fusion must answer."""
    judged: Mapping[str, float]
    """Head -> score from which its rule counts; those that the acceptance asks for."""
    episodes: tuple[int, int]
    """To train the fusion on, and to score it on."""
    most: Mapping[str, int]
    """Modality -> embeddings of a window, where a device may have more."""
    recipe: Mapping[str, ModuleType]
    """Table of ``recipe.toml`` -> module whose constants it holds."""
    words: Callable[[str, Mapping[str, Mapping[str, Any]], Mapping[str, bytes]], str]
    """(title, reports, graphs) -> the model card."""
    licence: str
    """Of the weights."""
    data_card: str
    """One paragraph."""
    small: tuple[str, ...] = ()
    """Graphs that the plan ``NAME-small`` prunes to half of their channels."""

    @property
    def metric(self) -> str:
        """What the fusion's int8 form is judged by."""
        return f"auroc:{next(iter(self.judged))}"


def main(reference: Reference, arguments: list[str] | None, *, about: str | None) -> int:
    """Build it; gives the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m converters.{reference.name}", description=about)
    parser.add_argument("--data", type=Path, required=True, help="folder of shared data")
    parser.add_argument("--work", type=Path, required=True, help="keeps what is slow to make")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--parts", type=Path, help="folder of parts (default: WORK/parts)")
    parser.add_argument("--fixtures", type=Path, help="also write the test fixtures here (tests/golden)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not (options.data / "open").is_dir():
        print(f"{options.data}: no shared data here (open/ is missing); give its folder", file=sys.stderr)
        return 2
    try:
        path = build(
            reference, options.data, options.work, options.out,
            parts=options.parts or options.work / "parts", fixtures=options.fixtures, seed=options.seed,
        )  # fmt: skip
    except (EdgeMmError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


def build(
    reference: Reference, data: Path, work: Path, out: Path, *, parts: Path, fixtures: Path | None, seed: int
) -> Path:
    """Collect or train the parts, train the fusion, check it, write the bundle.

    Raises:
        RuntimeError: a part cannot be trained, or the fusion fails its acceptance.
        BundleError: a part is not finished, or the bundle does not read back or fails its self-test. What was in
            ``out`` and ``fixtures`` is then still there.
    """
    from converters.plan import write_plan
    from converters.recipe import versions

    folders = [part_folder(part, data, work, parts, seed) for part in reference.trainers]
    at = Where(part_bundle(*folders), data, work, parts, seed)
    fusion, made = _fusion_part(reference, at, parts / f"fusion-{reference.name}")
    plan = write_plan(reference, [*folders, fusion], work / "plan" / reference.name, seed=seed, versions=versions())
    path = pack(plan, [*folders, fusion], out, cache=work / "cache")
    if fixtures is not None:
        fixtures.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            (fixtures / name).write_bytes(content)
    return path


def part_folder(part: str, data: Path, work: Path, parts: Path, seed: int) -> Path:
    """The folder of a finished part, trained first if it is not there.

    Raises:
        RuntimeError: it cannot be trained.
        BundleError: what is there is not finished.
    """
    folder = parts / part
    if not (folder / "part.json").is_file():
        command = [sys.executable, "-m", f"converters.{part}", "--data", str(data), "--out", str(folder)]
        command += ["--work", str(work / part), "--seed", str(seed)]
        print("training:", " ".join(command), flush=True)
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"the {part} part could not be trained; see above")
    check_part(folder)
    return folder


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


def _fusion_part(reference: Reference, at: Where, out: Path) -> tuple[Path, dict[str, bytes]]:
    """The folder of the fusion's part, and the test fixtures: file name -> bytes."""
    from tqdm import tqdm

    from converters import fusion, fusion_report
    from converters.conversion.in_process import quantize

    everything, seed = tracks(reference, at), at.seed
    modalities, heads, judged = reference.modalities, reference.heads, reference.judged

    def windows(count: int, *, held_out: bool) -> list[Composite]:
        studio: Studio = reference.studio(everything, held_out, seed)
        return [w for e in tqdm(studio.episodes(count), total=count, desc="episodes") for w in e]

    training, test = (windows(reference.episodes[side], held_out=bool(side)) for side in (0, 1))
    params = fusion.front_end(training, modalities, most=reference.most)
    table, test_table = (fusion.table(side, params, modalities=modalities, heads=heads) for side in (training, test))
    model = fusion.train(table, seed=seed)
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


def pack(plan: Path, folders: Sequence[Path], out: Path, *, cache: Path) -> Path:
    """Convert the trained models once more by the plan, judge them, and write the bundle.

    Raises:
        RuntimeError: a graph fails its gate or a board's budget, or is not the one that the parts were scored with.
        BundleError: the bundle would be too large, or fails its self-test. It is then not written.
    """
    from converters.bundling.build import build as build_bundle

    known = {name: content for folder in folders for name, content in read_part(folder)[1].items()}

    def same(graphs: Sequence[Made]) -> None:
        other = [made.name for made in graphs if made.content != known[made.name]]
        if other:
            raise RuntimeError(f"{', '.join(other)}: converting again gave another graph than the one that was scored")

    built = build_bundle(plan, out, cache=cache, say=print, accept=same)
    if built.path is None:
        raise RuntimeError("\n".join(built.refused))
    return built.path
