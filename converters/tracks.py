"""Real recordings as the fusion sees them: short tracks of embeddings of one kind, made by the device's own front ends.

In: embeddings of one recording, of a known kind (a yawn, speech, a slow heart). Out: a ``Track``, and many of them kept
in one ``.npz``. Not here: how recordings become tracks (``sight``, ``hearing``, ``pulse``), composing them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_mm.models.bundle import Bundle
from edge_mm.perception import litert
from edge_mm.types import Embedding, Observation

Array = npt.NDArray[np.float32]

MIN_QUALITY = 0.25
"""As in the manifest."""


@dataclass(frozen=True, slots=True)
class Track:
    """Consecutive embeddings of one stream, all of one kind."""

    modality: str
    """``vision``, ``audio`` or ``physio``."""
    kind: str
    """What is seen or heard; the recipe in ``composites`` knows the names."""
    group: str
    """Person, scene, source recording or record: never on both sides of the split."""
    held_out: bool
    """Whether it is kept for the scores; the encoders were not trained on it either."""
    period_s: float
    """Seconds from one embedding to the next."""
    vectors: Array
    """(n, d) float32."""
    quality: Array
    """(n,) 0..1."""


def track(
    readings: Iterable[Observation | Embedding],
    *,
    modality: str,
    kind: str,
    group: str,
    held_out: bool,
    after_ns: int | None = None,
) -> Track | None:
    """The embeddings among a front end's readings that the aligner would let in, from ``after_ns`` on; None if none."""
    chosen = [e for e in readings if isinstance(e, Embedding) and e.quality >= MIN_QUALITY]
    chosen = [e for e in chosen if after_ns is None or e.t_ns >= after_ns]
    if not chosen:
        return None
    return Track(
        modality, kind, group, held_out,
        period_s=chosen[0].span_ns * 1e-9,
        vectors=np.stack([e.vector for e in chosen]),
        quality=np.array([e.quality for e in chosen], np.float32),
    )  # fmt: skip


def cached(path: Path, bundle: Bundle, modality: str, make: Callable[[], list[Track]], *, version: int) -> list[Track]:
    """``make()``, or what it gave last time for the same graphs, parameters and front-end code of this modality.

    Args:
        path: folder to keep it in.
        bundle: the parts; their bytes are part of the key.
        modality: whose front end.
        make: how.
        version: raise it when ``make`` changes.
    """
    hasher = hashlib.sha256(repr((version, modality, bundle.front_end(modality))).encode())
    for name in sorted(bundle.manifest.graphs):
        if name.startswith(f"{modality}."):
            hasher.update(bundle.graph(name))
    for source in sorted(Path(litert.__file__).parent.glob(f"{modality}*.py")):
        hasher.update(source.read_bytes())
    file = path / f"tracks-{modality}-{hasher.hexdigest()[:16]}.npz"
    if file.is_file():
        return _load(file)
    tracks = make()
    path.mkdir(parents=True, exist_ok=True)
    _save(file, tracks)
    return tracks


def _save(file: Path, tracks: Sequence[Track]) -> None:
    np.savez_compressed(
        file,
        text=np.array([[t.modality, t.kind, t.group] for t in tracks]),
        held_out=np.array([t.held_out for t in tracks]),
        period_s=np.array([t.period_s for t in tracks]),
        counts=np.array([len(t.vectors) for t in tracks]),
        vectors=np.concatenate([t.vectors for t in tracks]),
        quality=np.concatenate([t.quality for t in tracks]),
    )


def _load(file: Path) -> list[Track]:
    with np.load(file, allow_pickle=False) as data:
        ends = np.cumsum(data["counts"])
        vectors = np.split(data["vectors"], ends[:-1])
        quality = np.split(data["quality"], ends[:-1])
        rows = zip(data["text"].tolist(), data["held_out"].tolist(), data["period_s"].tolist(), strict=True)
        return [
            Track(modality, kind, group, held, period, v, q)
            for ((modality, kind, group), held, period), v, q in zip(rows, vectors, quality, strict=True)
        ]
