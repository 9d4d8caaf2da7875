"""What all senses together say about one window: pooling, one int8 attention graph, and what each sense contributed.

In: a ``Window`` of embeddings that were computed once already. Out: an ``Estimate``. The graph computes, for the
modalities m that are present, ``h_m = tanh(P_m x_m)``, ``alpha = softmax(w_m . h_m)`` with absent ones masked
additively, and for each head k ``sigmoid(b_k + sum of alpha_m v_km . h_m)``. Not here: which embeddings belong to the
window (``align``), what follows from a score (alerts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from edge_mm.errors import BundleError
from edge_mm.kinds import CONTEXT
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import load_graph
from edge_mm.perception.params import Positive, Real, decoded
from edge_mm.types import Estimate, Window

GRAPH = "fusion"
PRESENCE = "presence"
ALPHA = "alpha"

Array = npt.NDArray[np.float32]

POOLS: Mapping[str, Callable[[Array], Array]] = {
    "mean": lambda x: np.asarray(x.mean(axis=0), np.float32),
    "std": lambda x: np.asarray(x.std(axis=0), np.float32),
    "max": lambda x: np.asarray(x.max(axis=0), np.float32),
}
"""How (n, d) embeddings over time become one (d,) vector: ``std`` says whether anything moved (a frozen camera's is 0),
``max`` keeps a short event that ``mean`` would wash out."""


class Pooling(NamedTuple):
    """How one modality's embeddings become the graph's input."""

    kinds: tuple[str, ...]
    """Keys of ``POOLS``, in order."""
    mean: Array
    """(len(kinds) * d,) subtracted after pooling."""
    scale: Array
    """(len(kinds) * d,) divided by after that."""
    clip: float
    """Largest magnitude that the graph was calibrated for."""
    most: int = 0
    """Embeddings that a full window had in training, 0 for all: of more (a camera of 30 frames per second), so many are
    taken at even distances. The maximum of six times as many is larger, and the graph has never seen such a one."""

    def __call__(self, vectors: Array, *, coverage: float = 1.0) -> Array:
        """(n, d) embeddings, n >= 1, that cover a share ``coverage`` of the window -> (len(kinds) * d,) float32.

        Raises:
            BundleError: d is not what the fusion was trained with.
        """
        if vectors.shape[1] * len(self.kinds) != self.mean.size:
            raise BundleError(
                f"an encoder gives {vectors.shape[1]} values, the fusion was trained with "
                f"{self.mean.size // len(self.kinds)}: encoders and fusion are not of one bundle"
            )
        most = max(1, round(self.most * coverage)) if self.most else len(vectors)
        if len(vectors) > most:
            vectors = vectors[np.arange(most) * len(vectors) // most]
        pooled = np.concatenate([POOLS[kind](vectors) for kind in self.kinds])
        scaled = np.clip((pooled - self.mean) / self.scale, -self.clip, self.clip)
        return np.asarray(scaled, np.float32)


class _Input(msgspec.Struct, frozen=True):
    mean: list[Real]
    scale: list[Positive]
    most: Annotated[int, Meta(ge=0)] = 0


class _Params(msgspec.Struct, frozen=True):
    pooling: Annotated[list[str], Meta(min_length=1)]
    clip: Positive
    inputs: dict[str, _Input]


def poolings(params: Mapping[str, Any], modalities: Sequence[str]) -> dict[str, Pooling]:
    """Read the fusion's front-end parameters.

    Args:
        params: ``{"pooling": ["mean", ...], "clip": 4.0, "inputs": {modality: {"mean": [...], "scale": [...]}}}``;
            an input may say ``most``.
        modalities: those that must be there.

    Raises:
        BundleError: a parameter is missing or does not fit.
    """
    where = "front end fusion"
    given = decoded(params, _Params, where=where)
    unknown = sorted(set(given.pooling) - set(POOLS))
    if unknown:
        raise BundleError(f"{where}: unknown pooling {unknown[0]!r}; this version knows {', '.join(POOLS)}")
    result = {}
    for modality in modalities:
        one = given.inputs.get(modality)
        if one is None:
            raise BundleError(f"{where}: inputs has no {modality!r}; build the bundle again")
        if len(one.mean) != len(one.scale) or not one.mean or len(one.mean) % len(given.pooling):
            raise BundleError(f"{where}: mean and scale of {modality} do not fit; build the bundle again")
        mean, scale = np.asarray(one.mean, np.float32), np.asarray(one.scale, np.float32)
        result[modality] = Pooling(tuple(given.pooling), mean, scale, given.clip, one.most)
    return result


class Fusion:
    """The window path's last stage. It has no state: the same window gives the same Estimate.

    Args:
        bundle: with the graph ``fusion`` (one input per modality and ``presence``; ``alpha`` and one output per head)
            and the front end ``fusion``.

    Raises:
        BundleError: the graph or its parameters do not fit the manifest.
    """

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        params = bundle.front_end(GRAPH)
        if params is None:
            raise BundleError(f"{bundle.source}: no parameters for the fusion; build the bundle again")
        self.modalities = tuple(manifest.modalities)
        self.heads = tuple(manifest.heads)
        self._min_coverage = manifest.min_coverage
        self._pool = poolings(params, self.modalities)
        self._graph = load_graph(bundle, GRAPH)
        for name in (*self.modalities, PRESENCE):
            if name not in self._graph.inputs:
                raise BundleError(f"{bundle.source}: the fusion graph has no input {name!r}")
        for name, pool in self._pool.items():
            if self._graph.inputs[name][-1] != pool.mean.size:
                raise BundleError(f"{bundle.source}: the fusion graph and the mean of {name} differ in length")
        for name in (ALPHA, *self.heads):
            if name not in self._graph.outputs:
                raise BundleError(f"{bundle.source}: the fusion graph has no output {name!r}")
        self._zeros = {m: np.zeros(self._pool[m].mean.shape, np.float32) for m in self.modalities}

    def estimate(self, window: Window) -> Estimate:
        """Fuse one window.

        A modality counts as present from the bundle's ``min_coverage`` on. A contribution is the score with all that
        is present, less the score with that modality masked too; for the only one present the latter is what the graph
        says when it is told nothing. When no sense is present (a note is none), ``scores``, ``weights`` and
        ``contributions`` are empty: the Estimate says that there is a gap.

        Raises:
            BundleError: an encoder of another bundle made the embeddings.
        """
        present = [
            m
            for m in self.modalities
            if window.coverage.get(m, 0.0) >= self._min_coverage and len(window.embeddings.get(m, ()))
        ]
        scores: dict[str, float] = {}
        weights: dict[str, float] = {}
        contributions: dict[str, dict[str, float]] = {}
        if set(present) - CONTEXT:  # a note alone says who the person is, not how they are
            inputs = {m: self._pool[m](window.embeddings[m], coverage=window.coverage[m]) for m in present}
            scores, weights = self._run(inputs)
            contributions = {head: {} for head in self.heads}
            for left_out in present:
                without, _ = self._run({m: x for m, x in inputs.items() if m != left_out})
                for head in self.heads:
                    contributions[head][left_out] = scores[head] - without[head]
        return Estimate(
            t_ns=window.end_ns,
            start_ns=window.start_ns,
            scores=scores,
            weights=weights,
            contributions=contributions,
            coverage=dict(window.coverage),
            quality=dict(window.quality),
        )

    def _run(self, inputs: Mapping[str, Array]) -> tuple[dict[str, float], dict[str, float]]:
        """Scores by head, and weights of the modalities in ``inputs``; the others are absent."""
        presence = np.array([m in inputs for m in self.modalities], np.float32)
        result = self._graph(presence=presence, **{m: inputs.get(m, self._zeros[m]) for m in self.modalities})
        scores = {head: min(1.0, max(0.0, float(result[head].reshape(-1)[0]))) for head in self.heads}
        alpha = {m: float(a) for m, a in zip(self.modalities, result[ALPHA].reshape(-1), strict=True) if m in inputs}
        total = sum(alpha.values())  # 1 but for int8 rounding (0.996 to 1.004)
        weights = {m: a / total for m, a in alpha.items()} if total else {}
        return scores, weights
