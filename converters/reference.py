"""Build a reference bundle: parts, tracks, composites, fusion, acceptance, plan, bundle.

In: a ``Reference`` (what a bundle is made of), the shared data, parts if they were trained before. Out:
``NAME-VERSION.edgemm`` and, with ``--fixtures``, the test fixtures that belong to it. Missing parts are trained first,
each in a process of its own. Not here: how a part is trained, what a composite assumes (``composites``, ``health``).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from converters.acceptance import Case
from converters.bundling.chain import Made
from converters.episodes import Composite
from converters.fusion_part import fusion_part, train_fusion
from converters.parts import check_part, part_bundle, read_part
from converters.tracks import Track
from converters.training.strategy import NAMES as STRATEGIES
from converters.training.strategy import Strategy
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
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default="one", help="tf.distribute for the fusion; workers: set TF_CONFIG"
    )
    options = parser.parse_args(arguments)
    if not (options.data / "open").is_dir():
        print(f"{options.data}: no shared data here (open/ is missing); give its folder", file=sys.stderr)
        return 2
    try:
        strategy = Strategy(options.strategy)
        path = build(
            reference, options.data, options.work, options.out,
            parts=options.parts or options.work / "parts", fixtures=options.fixtures, seed=options.seed,
            strategy=strategy,
        )  # fmt: skip
    except (EdgeMmError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print("trained with the first worker" if path is None else f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


def build(
    reference: Reference, data: Path, work: Path, out: Path, *, parts: Path, fixtures: Path | None, seed: int,
    strategy: Strategy | None = None,
) -> Path | None:  # fmt: skip
    """Collect or train the parts, train the fusion, check it, write the bundle.

    Returns:
        Its path; None from a worker that only helped to train.

    Raises:
        RuntimeError: a part cannot be trained, or the fusion fails its acceptance.
        BundleError: a part is not finished, or the bundle does not read back or fails its self-test. What was in
            ``out`` and ``fixtures`` is then still there.
    """
    from converters.plan import write_plan
    from converters.recipe import versions

    over = strategy or Strategy()
    missing = [part for part in reference.trainers if not (parts / part / "part.json").is_file()]
    if missing and over.replicas > 1:
        raise RuntimeError(f"several workers train the fusion only: train {', '.join(missing)} first, with one process")
    folders = [part_folder(part, data, work, parts, seed) for part in reference.trainers]
    at = Where(part_bundle(*folders), data, work, parts, seed)
    trained = train_fusion(reference, at, over)
    if not over.chief:
        return None
    fusion, made = fusion_part(reference, at, parts / f"fusion-{reference.name}", trained)
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
