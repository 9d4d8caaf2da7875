"""A part: what training one modality gives to the bundle.

In: graphs as bytes, the front end's parameters, a report, a golden sample. Out: a folder ``part.json``, ``NAME.tflite``
..., ``golden.npz`` that ``converters.driver`` assembles; or a Bundle of that one part, so that a trainer can run the
device's own front end on what it has just made. Not here: training.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from converters.package import npz
from edge_mm.models.bundle import SCHEMA, Bundle, GraphSpec, Manifest


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


def write_part(
    folder: Path, part: Part, graphs: Mapping[str, bytes], golden: Mapping[str, npt.NDArray[np.generic]]
) -> None:
    """Write a part; ``graphs`` has the bytes of every graph in ``part.graphs``.

    Args:
        folder: made if absent.
        part: what it is.
        graphs: graph name -> ``.tflite`` bytes.
        golden: arrays ``GRAPH/in/NAME`` and ``GRAPH/out/NAME``, from a freely available sample: the device's
            self-test runs each graph on its inputs and compares.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in part.graphs:
        (folder / f"{name}.tflite").write_bytes(graphs[name])
    (folder / "part.json").write_bytes(msgspec.json.format(msgspec.json.encode(part, order="deterministic")))
    (folder / "golden.npz").write_bytes(npz(golden))


def read_part(folder: Path) -> tuple[Part, dict[str, bytes]]:
    """The part in a folder and its graphs."""
    part = msgspec.json.decode((folder / "part.json").read_bytes(), type=Part)
    return part, {name: (folder / f"{name}.tflite").read_bytes() for name in part.graphs}


def part_bundle(*folders: Path) -> Bundle:
    """A Bundle in memory of these parts alone (no fusion), to run front ends while training."""
    graphs: dict[str, GraphSpec] = {}
    members: dict[str, bytes] = {}
    front_ends: dict[str, dict[str, Any]] = {}
    for folder in folders:
        part, content = read_part(folder)
        front_ends[part.modality] = part.front_end
        for name, stateful in part.graphs.items():
            graphs[name] = GraphSpec(file=f"encoders/{name}.tflite", stateful=stateful)
            members[f"encoders/{name}.tflite"] = content[name]
    manifest = Manifest(
        schema=SCHEMA,
        name="part",
        version="0",
        window_s=10.0,
        hop_s=1.0,
        modalities=list(front_ends),
        heads=[],
        graphs=graphs,
        front_ends=front_ends,
        files={},
    )
    return Bundle(manifest, members, "0" * 64, "part")
