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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from converters import acceptance, hearing, pulse, sight
from converters.composites import HEADS, MODALITIES, Composite, Studio
from converters.package import npz, write_bundle
from converters.parts import Part, part_bundle, read_part, write_part
from converters.tracks import MIN_QUALITY, Track, cached
from edge_mm.errors import BundleError
from edge_mm.models.bundle import SCHEMA, Bundle, GraphSpec, Manifest, load_bundle

NAME, VERSION = "driver", "0.1.0"
EPISODES, HELD_OUT_EPISODES = 2500, 500
MAX_BYTES = 2 * 1024 * 1024


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
    except (BundleError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    return 0


def build(data: Path, work: Path, out: Path, *, parts: Path, fixtures: Path | None, seed: int) -> Path:
    """Collect or train the parts, train the fusion, check it, write the bundle.

    Raises:
        RuntimeError: a part cannot be trained, or the fusion fails its acceptance.
        BundleError: the bundle does not read back or fails its self-test.
    """
    folders = [_part(m, data, work, parts, seed) for m in MODALITIES]
    fusion = _fusion_part(part_bundle(*folders), data, work, parts / "fusion", fixtures=fixtures, seed=seed)
    path = assemble([*folders, fusion], out, seed=seed)
    from edge_mm.perception.selftest import self_test

    self_test(load_bundle(path))
    return path


def _part(modality: str, data: Path, work: Path, parts: Path, seed: int) -> Path:
    """The folder of a part, trained first if it is not there."""
    folder = parts / modality
    if not (folder / "part.json").is_file():
        command = [sys.executable, "-m", f"converters.{modality}", "--data", str(data), "--out", str(folder)]
        command += ["--work", str(work / modality), "--seed", str(seed)]
        print("training:", " ".join(command), flush=True)
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"the {modality} part could not be trained; see above")
    return folder


def tracks(bundle: Bundle, data: Path, work: Path, *, seed: int) -> list[Track]:
    """The embeddings of all recordings, kept in ``work/fusion`` from one run to the next."""
    kept = work / "fusion"
    makers = {
        "vision": (lambda: sight.vision_tracks(bundle, data, work / "vision", seed=seed), sight.VERSION),
        "audio": (lambda: hearing.audio_tracks(bundle, data, seed=seed), hearing.VERSION),
        "physio": (lambda: pulse.physio_tracks(bundle, data, seed=seed), pulse.VERSION),
    }
    return [one for m, (make, version) in makers.items() for one in cached(kept, bundle, m, make, version=version)]


def _fusion_part(bundle: Bundle, data: Path, work: Path, out: Path, *, fixtures: Path | None, seed: int) -> Path:
    from tqdm import tqdm

    from converters import fusion, fusion_report
    from converters.quantize import quantize

    everything = tracks(bundle, data, work, seed=seed)

    def windows(count: int, *, held_out: bool) -> list[Composite]:
        studio = Studio(everything, held_out=held_out, seed=seed)
        return [w for e in tqdm(studio.episodes(count), total=count, desc="episodes") for w in e]

    training, test = windows(EPISODES, held_out=False), windows(HELD_OUT_EPISODES, held_out=True)
    params = fusion.front_end(training)
    table, test_table = fusion.table(training, params), fusion.table(test, params)
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
    if verdicts["fusion"]:
        raise RuntimeError(f"the fusion fails its acceptance: {'; '.join(verdicts['fusion'])}")
    for name in ("constant_attention", "shuffled_embeddings"):
        if not verdicts[name]:
            raise RuntimeError(f"the acceptance does not notice the sabotage {name}: it proves nothing")
    if fixtures is not None:
        fixtures.mkdir(parents=True, exist_ok=True)
        (fixtures / "fusion_constant_attention.tflite").write_bytes(graphs["constant_attention"])
        (fixtures / "fusion_shuffled_embeddings.tflite").write_bytes(graphs["shuffled_embeddings"])
        (fixtures / "fusion_windows.npz").write_bytes(npz(acceptance.pack(cases)))
    golden = fusion_report.golden(graphs["fusion"], table)
    write_part(out, Part("fusion", params, {"fusion": False}, report), {"fusion": graphs["fusion"]}, golden)
    return out


def assemble(folders: Sequence[Path], out: Path, *, seed: int) -> Path:
    """Pack parts, golden sample, report, recipe and model card.

    Raises:
        RuntimeError: the bundle would be larger than ``MAX_BYTES``.
        BundleError: it does not read back.
    """
    import numpy as np

    from converters.model_card import DATA_CARD, LICENCE, model_card, recipe

    members: dict[str, bytes] = {}
    specs: dict[str, GraphSpec] = {}
    front_ends: dict[str, dict[str, Any]] = {}
    golden: dict[str, Any] = {}
    reports: dict[str, Any] = {}
    for folder in folders:
        part, graphs = read_part(folder)
        front_ends[part.modality], reports[part.modality] = part.front_end, part.report
        for name, stateful in part.graphs.items():
            file = "fusion.tflite" if name == "fusion" else f"encoders/{name}.tflite"
            specs[name], members[file] = GraphSpec(file=file, stateful=stateful), graphs[name]
        with np.load(folder / "golden.npz", allow_pickle=False) as arrays:
            golden.update({key: arrays[key] for key in arrays.files})
    members["golden.npz"] = npz(golden)
    members["report.json"] = json.dumps(reports, indent=1, sort_keys=True).encode()
    members["recipe.toml"] = recipe(seed=seed).encode()
    members["model_card.md"] = model_card(f"{NAME} {VERSION}", reports, members).encode()
    manifest = Manifest(
        schema=SCHEMA, name=NAME, version=VERSION, window_s=10.0, hop_s=1.0, modalities=list(MODALITIES),
        heads=list(HEADS), graphs=specs, front_ends=front_ends, files={}, min_quality=MIN_QUALITY,
        licence=LICENCE, data_card=DATA_CARD,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    path = write_bundle(manifest, members, out)
    if path.stat().st_size > MAX_BYTES:
        raise RuntimeError(f"{path}: {path.stat().st_size / 2**20:.2f} MiB, more than 2 MiB; make an encoder smaller")
    return path


if __name__ == "__main__":
    sys.exit(main())
