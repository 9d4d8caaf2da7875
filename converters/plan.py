"""The plan of a reference bundle: what ``edge-mm-convert build`` needs, written beside the trained parts.

In: the parts' folders. Out: ``NAME.toml`` with its golden sample, front ends and documents; where the bundle has one,
``NAME-small.toml``, the same with half of the channels. Not here: training, and
the build itself (``converters.bundling``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from converters.episodes import HOP_S, WINDOW_S
from converters.fusion import MIN_COVERAGE
from converters.package import npz
from converters.parts import Part, read_part, timings, without_timings
from converters.recipe import recipe, toml
from converters.reference import Reference
from converters.tracks import MIN_QUALITY
from edge_mm.models.profile import known_profiles

MAX_BYTES = 2 * 1024 * 1024
FLOORS: Mapping[str, Mapping[str, float]] = {}
"""Graph -> output -> another floor of the signal-to-noise ratio, dB, and why beside it."""


def write_plan(
    reference: Reference, folders: Sequence[Path], out: Path, *, seed: int, versions: Mapping[str, str]
) -> Path:
    """Write the plan and what it names; gives the path of ``NAME.toml``.

    Args:
        reference: the bundle.
        folders: finished parts, the fusion's last.
        out: folder of the plan; made if absent.
        seed: of everything that was drawn.
        versions: of what trained it, by name.
    """
    out.mkdir(parents=True, exist_ok=True)
    front_ends: dict[str, dict[str, Any]] = {}
    golden: dict[str, Any] = {}
    reports: dict[str, Any] = {}
    sizes: dict[str, bytes] = {}
    tables: list[dict[str, Any]] = []
    for folder in folders:
        part, graphs = read_part(folder)
        front_ends[part.modality], reports[part.modality] = part.front_end, without_timings(part.report)
        for name, value in timings(part.report):
            print(f"{part.modality}: {name} {value} on this machine (not in the bundle)")
        with np.load(folder / "golden.npz", allow_pickle=False) as arrays:
            golden.update({key: arrays[key] for key in arrays.files if "/in/" in key})
        for name in part.graphs:
            sizes[name] = graphs[name]
            learnt = (folder / "trained" / f"{name}.training.npz").is_file()
            tables.append(_table(name, Path(os.path.relpath(folder / "trained", out)), part, learnt=learnt))
    made: dict[str, bytes] = {
        "golden.npz": npz(golden),
        "front_ends.json": msgspec.json.format(msgspec.json.encode(front_ends, order="deterministic"), indent=1),
        "report.json": json.dumps(reports, indent=1, sort_keys=True).encode(),
        "recipe.toml": recipe(reference.name, reference.recipe, seed=seed, versions=versions).encode(),
        "model_card.md": reference.words(f"{reference.name} {reference.version}", reports, sizes).encode(),
    }
    for file, content in made.items():
        (out / file).write_bytes(content)
    head = {
        "name": reference.name, "version": reference.version, "window_s": WINDOW_S, "hop_s": HOP_S,
        "modalities": list(reference.modalities), "heads": list(reference.heads),
        "front_ends": "front_ends.json", "golden": "golden.npz", "recipe": "int8-static",
        "profiles": list(known_profiles()), "min_quality": MIN_QUALITY, "min_coverage": MIN_COVERAGE,
        "licence": reference.licence, "data_card": reference.data_card, "max_bytes": MAX_BYTES,
        "members": {file: file for file in ("report.json", "recipe.toml", "model_card.md")},
    }  # fmt: skip
    path = out / f"{reference.name}.toml"
    path.write_text(_text(head, tables))
    if reference.small:
        small = [{**row, "recipe": "channels-50-int8"} if row["graph"] in reference.small else row for row in tables]
        (out / f"{reference.name}-small.toml").write_text(_text({**head, "name": f"{reference.name}-small"}, small))
    return path


def _table(name: str, trained: Path, part: Part, *, learnt: bool) -> dict[str, Any]:
    return {
        "graph": name,
        "model": f"{trained}/{name}.keras",
        "representative": f"{trained}/{name}.calibration.npz",
        "evaluation": f"{trained}/{name}.evaluation.npz",
        "training": f"{trained}/{name}.training.npz" if learnt else "",
        "metric": part.metrics[name],
        "recipe": part.recipes.get(name, ""),
        "stateful": part.graphs[name],
        "output_snr_db": dict(FLOORS.get(name, {})),
    }


def _text(head: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"{key} = {toml(value)}" for key, value in head.items()]
    for row in tables:
        lines += ["", f'[graphs."{row["graph"]}"]']
        lines += [f"{key} = {toml(value)}" for key, value in row.items() if key != "graph" and value]
    return "\n".join(lines) + "\n"
