"""Which front end reads which stream.

In: a bundle and a stream. Out: what reads it: one of its own, or the one that all streams of its modality share. Not
here: what they do; who pushes samples into them (``edge_mm.monitor``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_mm.errors import GraphLost
from edge_mm.models.bundle import Bundle
from edge_mm.perception.audio import AudioFrontEnd
from edge_mm.perception.motion import MotionFrontEnd
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.skin import SkinFrontEnd
from edge_mm.perception.text import TextFrontEnd
from edge_mm.perception.vision import VisionFrontEnd
from edge_mm.protocols import FrontEnd, SharedFrontEnd
from edge_mm.types import Embedding, Observation, StreamSpec

OWN: Mapping[str, Callable[[Bundle, StreamSpec], FrontEnd]] = MappingProxyType(
    {"vision": VisionFrontEnd, "audio": AudioFrontEnd, "physio": PhysioFrontEnd, "text": TextFrontEnd}
)
"""Modality -> what reads one stream of it."""
SHARED: Mapping[str, Callable[[Bundle], SharedFrontEnd]] = MappingProxyType(
    {"skin": SkinFrontEnd, "motion": MotionFrontEnd}
)
"""Modality -> what reads all streams of it together."""


def answered(ask: Callable[[], list[Observation | Embedding]]) -> list[Observation | Embedding]:
    """What a front end gives when it is told something; nothing where its graph does not answer, which is told else."""
    try:
        return ask()
    except GraphLost:
        return []
