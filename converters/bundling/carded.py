"""A bundle whose model card carries the table of its own evaluation.

In: a bundle, what ``edge-mm-convert evaluate`` measured on it. Out: the same bundle with the table in its card and the
numbers as ``evaluation.json``; no graph and no parameter changes. Not here: measuring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from converters.bundling.build import check_bundle
from converters.package import write_bundle
from converters.reports.evaluation import card_table
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import Bundle

CARD, NUMBERS = "model_card.md", "evaluation.json"
KEPT = ("schema", "bundle", "quick", "rows")
"""Of the numbers; curves and confusion matrices stay in the report."""
_HEAD = "\n## Evaluation\n"


def carded(bundle: Bundle, data: Mapping[str, Any], folder: Path) -> Path:
    """Write the bundle once more; what was in its card from an evaluation before goes.

    Args:
        bundle: that was evaluated.
        data: as in ``evaluation.json``.
        folder: of the new file.

    Raises:
        ConvertError: the numbers are of another bundle, or of a quick evaluation.
        BundleError: it cannot be written.
    """
    if data.get("bundle", {}).get("sha256") != bundle.digest:
        raise ConvertError("the evaluation is of another bundle: evaluate this one")
    members = {name: bundle.member(name) for name in bundle.manifest.files}
    before = members.get(CARD, b"").decode("utf-8", "replace").split(_HEAD)[0].rstrip()
    said = (
        f"{_HEAD}\nEverything that a target was set for, on people, records and clips that no net was trained on, by "
        "the int8 graphs through the device's own monitor (`edge-mm-convert evaluate`). All numbers are in "
        f"`{NUMBERS}`. Designs were chosen with these in view.\n\n"
    )
    members[CARD] = f"{before}\n{said}{card_table(data)}\n".encode()
    kept = {key: data[key] for key in KEPT if key in data}
    members[NUMBERS] = (json.dumps(kept, separators=(",", ":")) + "\n").encode()
    return write_bundle(msgspec.structs.replace(bundle.manifest, files={}), members, folder, check=check_bundle)
