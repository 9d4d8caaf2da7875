"""What a name in the labels teaches: which output of which graph, and when that graph looked.

In: names, a bundle. Out: ``Target``s. Not here: reading labels (``evaluation.own``), rows (``rows``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from converters.evaluation.own.names import NAMES
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.fusion import GRAPH as FUSION

SOUNDS = "audio.encoder"
CLASSES = "classes"


class Target(NamedTuple):
    """One output that one name teaches."""

    label: str
    graph: str
    output: str
    place: int | None
    """Of a softmax's classes; None where the output is a yes or no."""
    reading: str
    """Observation that follows each run of the graph and has its time; empty for the fusion, whose windows are told."""
    threshold: float
    """Of the rule that ships."""


_OUTPUTS = {
    "eyes_closed": ("vision.eye", "closed"),
    "yawn": ("vision.mouth", "yawn"),
    "af": ("physio.rhythm", "irregular"),
    "fall": ("motion.fall", "fall"),
    "stress": ("skin.stress", "stress"),
}


def targets(bundle: Bundle, names: Iterable[str]) -> list[Target]:
    """What these names teach this bundle; names that teach it nothing are left out.

    Raises:
        ConvertError: none of them does; what would is said.
    """
    asked = list(dict.fromkeys(names))
    found = [target for name in asked if (target := _target(bundle, name)) is not None]
    if not found:
        can = [name for name in NAMES if _target(bundle, name) is not None]
        raise ConvertError(
            f"{bundle.source}: the labels ({', '.join(asked) or 'none'}) name nothing that it can learn; it learns "
            f"{', '.join(can)}"
        )
    return found


def _target(bundle: Bundle, name: str) -> Target | None:
    known = NAMES.get(name)
    if known is None:
        return None
    if known.head and known.head in bundle.manifest.heads:
        return Target(name, FUSION, known.head, None, "", known.threshold)
    if name in _OUTPUTS and _OUTPUTS[name][0] in bundle.manifest.graphs:
        return Target(name, *_OUTPUTS[name], None, known.reading, known.threshold)
    sounds = list((bundle.front_end("audio") or {}).get("labels", ()))
    if name in sounds and SOUNDS in bundle.manifest.graphs:
        return Target(name, SOUNDS, CLASSES, sounds.index(name), known.reading, known.threshold)
    return None
