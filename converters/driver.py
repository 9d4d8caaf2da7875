"""``python -m converters.driver --data ../shared/data --work DIR --out edge_mm/bundles``: build the bundle ``driver``.

In: the shared data; parts (``vision``, ``audio``, ``physio``) if they were trained before. Out:
``driver-VERSION.edgemm`` and, with ``--fixtures``, the test fixtures that belong to it. Missing parts are trained
first, each in a process of its own. Not here: how a part is trained, what a composite assumes (``composites``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from converters import acceptance, hearing, pulse, sight
from converters.bundling.chain import Made
from converters.composites import EPISODES, HEADS, HELD_OUT_EPISODES, MODALITIES, MOST, Studio
from converters.driver_plan import write_plan
from converters.episodes import Composite
from converters.package import npz
from converters.parts import (
    Part,
    check_part,
    finished_folder,
    part_bundle,
    read_part,
    write_part,
)
from converters.tracks import Track, cached
from converters.trained import Trained
from edge_mm.errors import EdgeMmError
from edge_mm.models.bundle import Bundle

FUSION_METRIC = "auroc:drowsy"


def main(arguments: list[str] | None = None) -> int:
    """Build it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m converters.driver", description=__doc__)
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
            options.data, options.work, options.out,
            parts=options.parts or options.work / "parts", fixtures=options.fixtures, seed=options.seed,
        )  # fmt: skip
    except (EdgeMmError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


def build(data: Path, work: Path, out: Path, *, parts: Path, fixtures: Path | None, seed: int) -> Path:
    """Collect or train the parts, train the fusion, check it, write the bundle.

    Raises:
        RuntimeError: a part cannot be trained, or the fusion fails its acceptance.
        BundleError: a part is not finished, or the bundle does not read back or fails its self-test. What was in
            ``out`` and ``fixtures`` is then still there.
    """
    from converters.recipe import versions

    folders = [part_folder(m, data, work, parts, seed) for m in MODALITIES]
    fusion, made = _fusion_part(part_bundle(*folders), data, work, parts / "fusion", seed=seed)
    plan = write_plan([*folders, fusion], work / "plan", seed=seed, versions=versions())
    path = pack(plan, [*folders, fusion], out, cache=work / "cache")
    if fixtures is not None:
        fixtures.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            (fixtures / name).write_bytes(content)
    return path


def part_folder(modality: str, data: Path, work: Path, parts: Path, seed: int) -> Path:
    """The folder of a finished part, trained first if it is not there.

    Raises:
        RuntimeError: it cannot be trained.
        BundleError: what is there is not finished.
    """
    folder = parts / modality
    if not (folder / "part.json").is_file():
        command = [sys.executable, "-m", f"converters.{modality}", "--data", str(data), "--out", str(folder)]
        command += ["--work", str(work / modality), "--seed", str(seed)]
        print("training:", " ".join(command), flush=True)
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"the {modality} part could not be trained; see above")
    check_part(folder)
    return folder


def tracks(bundle: Bundle, data: Path, work: Path, *, seed: int) -> list[Track]:
    """The embeddings of all recordings, kept in ``work/fusion`` from one run to the next."""
    makers: dict[str, tuple[ModuleType, Callable[[], list[Track]]]] = {
        "vision": (sight, lambda: sight.vision_tracks(bundle, data, work / "vision", seed=seed)),
        "audio": (hearing, lambda: hearing.audio_tracks(bundle, data, seed=seed)),
        "physio": (pulse, lambda: pulse.physio_tracks(bundle, data, seed=seed)),
    }
    found: list[Track] = []
    for modality, (module, make) in makers.items():
        code = Path(str(module.__file__))
        # the split stands in the trainer's package and, for GRID, in grid.py
        sources = [code, *(code.parent / modality).glob("*.py"), *code.parent.glob("grid.py")]
        found += cached(work / "fusion", bundle, modality, make, seed=seed, sources=sources)
    return found


def _fusion_part(bundle: Bundle, data: Path, work: Path, out: Path, *, seed: int) -> tuple[Path, dict[str, bytes]]:
    """The folder of the fusion's part, and the test fixtures: file name -> bytes."""
    from tqdm import tqdm

    from converters import fusion, fusion_report
    from converters.conversion.in_process import quantize

    everything = tracks(bundle, data, work, seed=seed)

    def windows(count: int, *, held_out: bool) -> list[Composite]:
        studio = Studio(everything, held_out=held_out, seed=seed)
        return [w for e in tqdm(studio.episodes(count), total=count, desc="episodes") for w in e]

    training, test = windows(EPISODES, held_out=False), windows(HELD_OUT_EPISODES, held_out=True)
    params = fusion.front_end(training, MODALITIES, most=MOST)
    table, test_table = (fusion.table(side, params, modalities=MODALITIES, heads=HEADS) for side in (training, test))
    model = fusion.train(table, seed=seed)
    sample = [{k: v[i : i + 1] for k, v in table.inputs.items()} for i in range(0, len(training), len(training) // 400)]
    graphs = {
        "fusion": quantize(model, sample),
        "constant_attention": quantize(fusion.constant_attention(model), sample),
        "shuffled_embeddings": quantize(fusion.shuffled_embeddings(model), sample),
    }
    cases = fusion_report.cases(Studio(everything, held_out=True, seed=seed + 1))
    verdicts = {name: fusion_report.verdict(graph, params, bundle, cases) for name, graph in graphs.items()}
    report = {
        **fusion_report.scores(model, graphs["fusion"], test_table, test),
        "acceptance": verdicts,
        "train_windows": len(training),
        "tracks": fusion_report.count_tracks(everything),
        "tflite_bytes": len(graphs["fusion"]),
    }
    print(json.dumps({k: v for k, v in report.items() if k != "tracks"}, indent=1))
    acceptance.judge(verdicts)
    golden = fusion_report.golden(graphs["fusion"], table)
    judged = {**test_table.inputs, **{head: test_table.states[:, [j]] for j, head in enumerate(HEADS)}}
    kept = {"fusion": Trained(model, sample, judged, FUSION_METRIC)}
    part = Part("fusion", params, {"fusion": False}, report, {"fusion": FUSION_METRIC})
    with finished_folder(out) as folder:
        write_part(folder, part, {"fusion": graphs["fusion"]}, golden, kept)
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


if __name__ == "__main__":
    sys.exit(main())
