"""A bundle with some other graphs: manifest, golden sample, report and model card say so.

In: a bundle, what was learnt. Out: ``NAME-VERSION.edgemm``. Not here: training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from converters.bundling.build import check_bundle
from converters.bundling.carded import CARD, NUMBERS
from converters.bundling.golden import golden
from converters.package import npz, write_bundle
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import Bundle, Manifest

REPORT = "transfer.json"
"""Member of the bundle: what it was made from, how, and what it came to."""


def renamed(bundle: Bundle, *, name: str, version: str) -> Manifest:
    """The manifest of what is to be made; to be asked before minutes of training.

    Raises:
        ConvertError: name or version is none, or they are those of the bundle itself.
    """
    old = bundle.manifest
    if (name, version) == (old.name, old.version):
        raise ConvertError(f"{name} {version} is the bundle that is trained further: give another --name or --version")
    try:
        given = {**msgspec.to_builtins(old), "name": name, "version": version, "files": {}}
        return msgspec.convert(given, Manifest)
    except msgspec.ValidationError as error:
        raise ConvertError(f"--name {name} --version {version}: {error}") from error


def repacked(
    bundle: Bundle,
    graphs: Mapping[str, bytes],
    folder: Path,
    *,
    name: str,
    version: str,
    report: Mapping[str, Any],
    words: Sequence[str],
) -> Path:
    """Write the bundle once it has passed its self-test.

    Args:
        bundle: what it was made from.
        graphs: name -> new bytes; all others stay.
        folder: of the new one; made if absent.
        name: of the new one.
        version: of the new one; not that of the old one under the same name.
        report: plain data.
        words: lines for the end of the model card.

    Returns:
        Its path.

    Raises:
        ConvertError: name and version are those of the bundle that it was made from.
        BundleError: it cannot be written, or does not read back.
    """
    old, new = bundle.manifest, renamed(bundle, name=name, version=version)
    members = {member: bundle.member(member) for member in old.files if member != NUMBERS}  # another bundle's
    for graph, content in graphs.items():
        members[old.graphs[graph].file] = content
    given = bundle.arrays("golden.npz") if bundle.has("golden.npz") else {}
    inputs = {key: np.asarray(value) for key, value in given.items() if "/in/" in key}
    every = {graph: members[spec.file] for graph, spec in old.graphs.items()}
    members["golden.npz"] = npz(golden(every, inputs, {graph: spec.stateful for graph, spec in old.graphs.items()}))
    members[REPORT] = (json.dumps(report, indent=1) + "\n").encode()
    card = members.get(CARD, b"").decode("utf-8", "replace")
    members[CARD] = (card.rstrip() + "\n\n" + "\n".join(words) + "\n").encode()
    said = f"{old.data_card} Then trained further on recordings of its user ({', '.join(graphs)}).".strip()
    return write_bundle(msgspec.structs.replace(new, data_card=said), members, folder, check=check_bundle)
