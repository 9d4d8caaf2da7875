"""Real recordings as the fusion sees them: short tracks of embeddings of one kind, made by the device's own front ends.

In: embeddings of one recording, of a known kind (a yawn, speech, a slow heart). Out: a ``Track``, and many of them kept
in one ``.npz``. Not here: how recordings become tracks (``sight``, ``hearing``, ``pulse``), composing them.
"""

from __future__ import annotations

import hashlib
import os
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
"""Embeddings below this do not enter the fusion; the manifest gets it from here."""


@dataclass(frozen=True, slots=True)
class Track:
    """Consecutive embeddings of one stream, all of one kind."""

    modality: str
    """``vision``, ``audio``, ``physio`` ..."""
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
    )  # fmt: skip


def cached(
    path: Path,
    bundle: Bundle,
    name: str,
    make: Callable[[], list[Track]],
    *,
    modalities: Sequence[str],
    seed: int,
    sources: Iterable[Path],
) -> list[Track]:
    """``make()``, or what it gave last time from the same graphs, parameters, code and seed.

    Args:
        path: folder to keep it in.
        bundle: the parts; the bytes of these modalities' graphs and their parameters are part of the key.
        name: of the file.
        make: how.
        modalities: whose front ends; their code on the device is part of the key.
        seed: that ``make`` draws with.
        sources: files with the code of ``make`` and of the split.
    """
    said = [(m, bundle.front_end(m)) for m in modalities]
    hasher = hashlib.sha256(repr((name, seed, said)).encode())
    for graph in sorted(bundle.manifest.graphs):
        if graph.split(".")[0] in modalities:
            hasher.update(bundle.graph(graph))
    on_device = [path for m in modalities for path in Path(litert.__file__).parent.glob(f"{m}*.py")]
    for source in (Path(__file__), *sorted(on_device), *sorted(sources)):
        hasher.update(source.read_bytes())
    file = path / f"tracks-{name}-{hasher.hexdigest()[:16]}.npz"
    if file.is_file():
        return _load(file)
    tracks = make()
    path.mkdir(parents=True, exist_ok=True)
    _save(file, tracks)
    return tracks


def _save(file: Path, tracks: Sequence[Track]) -> None:
    half = file.with_suffix(f".{os.getpid()}.npz")  # another worker may be writing the same
    np.savez_compressed(
        half,
        text=np.array([[t.modality, t.kind, t.group] for t in tracks]),
        held_out=np.array([t.held_out for t in tracks]),
        period_s=np.array([t.period_s for t in tracks]),
        shapes=np.array([t.vectors.shape for t in tracks]),  # modalities differ in the length of an embedding
        values=np.concatenate([t.vectors.ravel() for t in tracks]),
    )
    half.replace(file)


def _load(file: Path) -> list[Track]:
    with np.load(file, allow_pickle=False) as data:
        shapes = data["shapes"]
        flat = np.split(data["values"], np.cumsum(shapes.prod(axis=1))[:-1])
        vectors = [values.reshape(shape) for values, shape in zip(flat, shapes.tolist(), strict=True)]
        rows = zip(data["text"].tolist(), data["held_out"].tolist(), data["period_s"].tolist(), strict=True)
        return [
            Track(modality, kind, group, held, period, v)
            for ((modality, kind, group), held, period), v in zip(rows, vectors, strict=True)
        ]
