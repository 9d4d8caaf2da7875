"""What the composite episodes of every bundle have in common: a window, its states, and what was corrupted in it.

In: embeddings of some modalities on one clock. Out: windows cut by the device's own aligner. Not here: which recordings
share a state (``composites``, ``health``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_mm.kinds import CONTEXT, MODALITY_OF, STANDING_NS, StreamKind
from edge_mm.perception.align import Aligner
from edge_mm.types import NS_PER_S, Embedding, StreamSpec, Window

Array = npt.NDArray[np.float32]

WINDOW_S, HOP_S = 10.0, 1.0
"""The manifest gets window and hop from here."""


@dataclass(frozen=True, slots=True)
class Composite:
    """One window of one episode."""

    window: Window
    """As the device's aligner cut it."""
    state: str
    """Of the episode: its heads joined by ``+``; a word that is no head (``alert``) means none of them."""
    corrupted: str
    """The corrupted modality, or empty."""
    corruption: str
    """How, or empty."""
    shows: Mapping[str, str]
    """Modality -> the state that it shows: the episode's, that of a stuck sense's lie, or empty for noise."""


def windows_of(
    streams: Mapping[str, tuple[Array, float]],
    kinds: Mapping[str, StreamKind],
    modalities: Sequence[str],
    length_s: float,
) -> list[Window]:
    """What the device's aligner makes of an episode.

    Args:
        streams: modality -> (n, d) embeddings and their period in seconds; what is said once (text) is one row.
        kinds: modality -> kind of its stream.
        modalities: those of the fusion.
        length_s: of the episode.
    """
    specs = {m: StreamSpec(m, kinds[m], 1 / period_s, "1") for m, (_, period_s) in streams.items()}
    aligner = Aligner(specs, window_s=WINDOW_S, hop_s=HOP_S, modalities=modalities, min_quality=0.0)
    aligner.tick(0)
    for modality, (vectors, period_s) in streams.items():
        standing = MODALITY_OF[kinds[modality]] in CONTEXT
        span_ns = STANDING_NS if standing else round(period_s * NS_PER_S)
        for i, vector in enumerate(vectors[:1] if standing else vectors):
            aligner.add(Embedding(i * span_ns, span_ns, modality, vector, 1.0))
    aligner.tick(round((length_s + 1) * NS_PER_S))
    return aligner.closed()


def states_of(states: Sequence[str], heads: Sequence[str]) -> npt.NDArray[np.float32]:
    """(n, heads) 0 or 1."""
    return np.array([[head in state.split("+") for head in heads] for state in states], np.float32)
