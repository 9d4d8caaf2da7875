"""A part: what training one modality gives to the bundle.

In: graphs as bytes, the front end's parameters, a report, a golden sample. Out: a folder ``part.json``, ``NAME.tflite``
..., ``golden.npz`` that ``converters.driver`` assembles; or a Bundle of that one part, so that a trainer can run the
device's own front end on what it has just made. Not here: training.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from converters.episodes import HOP_S, WINDOW_S
from converters.package import npz
from converters.tracks import MIN_QUALITY
from converters.trained import Trained, write_trained
from edge_mm.errors import BundleError
from edge_mm.models.bundle import SCHEMA, Bundle, GraphSpec, Manifest

SCORED: Mapping[str, str] = {
    "vision": "eyes_closed",
    "audio": "held_out_int8",
    "physio": "int8_streaming",
    "text": "left_out",
    "fusion": "auroc_int8",
    "skin": "leave_one_person_out",
    "motion": "subject_wise",
}
"""Modality -> the entry of its report that only its scoring writes."""


@contextmanager
def finished_folder(out: Path) -> Iterator[Path]:
    """A folder to build in, which takes the place of ``out`` only if the block ends well.

    Args:
        out: what it is to become; whatever it held before is gone afterwards.

    Yields:
        An empty folder beside ``out``. After an exception it is gone, and ``out`` is as it was.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:
        built, before = Path(beside) / "built", Path(beside) / "before"
        built.mkdir()
        yield built
        if out.exists():
            out.rename(before)
        try:
            built.rename(out)
        except OSError:
            if before.exists():
                before.rename(out)
            raise


class Part(msgspec.Struct, frozen=True):
    """``part.json``."""

    modality: str
    """vision, audio, physio or fusion."""
    front_end: dict[str, Any]
    """What the device's front end needs to know."""
    graphs: dict[str, bool]
    """Graph name (``vision.eye``) -> whether it is stateful."""
    report: dict[str, Any]
    """Scores on people, records or clips not trained on, float and int8; splits by name; sizes."""
    metrics: dict[str, str] = {}
    """Graph name -> what its conversion is judged by (``converters.evaluation.metrics``)."""
    recipes: dict[str, str] = {}
    """Graph name -> recipe of its conversion, where it is not int8-static."""


def write_part(
    folder: Path,
    part: Part,
    graphs: Mapping[str, bytes],
    golden: Mapping[str, npt.NDArray[np.generic]],
    trained: Mapping[str, Trained] | None = None,
) -> None:
    """Write a part; ``graphs`` has the bytes of every graph in ``part.graphs``.

    Args:
        folder: made if absent.
        part: what it is.
        graphs: graph name -> ``.tflite`` bytes.
        golden: arrays ``GRAPH/in/NAME`` and ``GRAPH/out/NAME``, from a freely available sample: the device's
            self-test runs each graph on its inputs and compares.
        trained: graph name -> the model it was made of, kept in ``folder/trained`` for ``edge-mm-convert build``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in (trained or {}).items():
        write_trained(folder / "trained", name, one)
    for name in part.graphs:
        (folder / f"{name}.tflite").write_bytes(graphs[name])
    (folder / "part.json").write_bytes(msgspec.json.format(msgspec.json.encode(part, order="deterministic")))
    (folder / "golden.npz").write_bytes(npz(golden))


def read_part(folder: Path) -> tuple[Part, dict[str, bytes]]:
    """The part in a folder and its graphs."""
    part = msgspec.json.decode((folder / "part.json").read_bytes(), type=Part)
    return part, {name: (folder / f"{name}.tflite").read_bytes() for name in part.graphs}


def check_part(folder: Path) -> None:
    """Whether a part is whole: its graphs are there, each with a golden sample, and it was scored.

    Raises:
        BundleError: what is missing, and what to do.
    """
    again = "delete the folder to train it again"
    try:
        part, graphs = read_part(folder)
        with np.load(folder / "golden.npz", allow_pickle=False) as golden:
            keys = set(golden.files)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BundleError(f"{folder}: not a finished part ({error}); {again}") from error
    without = [
        name for name in graphs if not all(any(k.startswith(f"{name}/{w}/") for k in keys) for w in ("in", "out"))
    ]
    if without or not graphs:
        raise BundleError(f"{folder}: no golden sample of {', '.join(without) or 'any graph'}; {again}")
    if not part.report.get(SCORED.get(part.modality, "")):
        raise BundleError(
            f"{folder}: the {part.modality} part was not scored (no {SCORED.get(part.modality)}); {again}"
        )


def part_bundle(*folders: Path) -> Bundle:
    """A Bundle in memory of these parts alone (no fusion), to run front ends while training."""
    graphs: dict[str, bytes] = {}
    stateful: dict[str, bool] = {}
    front_ends: dict[str, dict[str, Any]] = {}
    for folder in folders:
        part, content = read_part(folder)
        front_ends[part.modality] = part.front_end
        stateful |= part.graphs
        graphs |= content
    return bundle_of(graphs, front_ends, stateful=stateful)


def bundle_of(
    graphs: Mapping[str, bytes],
    front_ends: Mapping[str, dict[str, Any]],
    *,
    stateful: Mapping[str, bool] | None = None,
) -> Bundle:
    """A Bundle in memory of some graphs without a fusion.

    Args:
        graphs: name -> ``.tflite`` bytes.
        front_ends: modality -> parameters.
        stateful: name -> whether it keeps a state; none does when None.
    """
    files = {name: f"encoders/{name}.tflite" for name in graphs}
    kept = stateful or {}
    manifest = Manifest(
        schema=SCHEMA,
        name="part",
        version="0",
        window_s=WINDOW_S,
        hop_s=HOP_S,
        modalities=list(front_ends),
        heads=[],
        graphs={name: GraphSpec(file=file, stateful=kept.get(name, False)) for name, file in files.items()},
        front_ends=dict(front_ends),
        files={},
        min_quality=MIN_QUALITY,
    )
    return Bundle(manifest, {files[name]: content for name, content in graphs.items()}, "0" * 64, "part")


def without_timings(report: Any) -> Any:
    """The report without what was measured in time: that differs from run to run, and a bundle's digest may not."""
    if not isinstance(report, Mapping):
        return report
    return {key: without_timings(value) for key, value in report.items() if not _is_timing(str(key))}


def timings(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What ``without_timings`` leaves out, with dotted names."""
    for key, value in report.items():
        if _is_timing(str(key)):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from timings(value, f"{prefix}{key}.")


def _is_timing(key: str) -> bool:
    """``cpu_ms_per_second``, ``hop_us_x86``; not ``qrs_75ms``, which is a tolerance."""
    return not {"ms", "us", "cpu"}.isdisjoint(key.split("_"))
