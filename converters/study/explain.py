"""What the fusion's explanation is worth: int8, by the device's own ``Fusion``, on people it has not met.

In: a trained fusion, a fold. Out: how often corrupting one sense at least halves its attention, and the rank
correlation of attention with the magnitude of the leave-one-out contribution. Not here: training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from converters.conversion.in_process import quantize
from converters.fusion import MIN_COVERAGE, Table
from converters.study.encoders import Embedded
from converters.study.sets import FROZEN, NOISE, Recorded
from edge_mm.models.bundle import Bundle, GraphSpec, load_bundle
from edge_mm.perception.fusion import Fusion
from edge_mm.types import Window

Array = npt.NDArray[np.float64]
MOST, SAMPLES = 150, 300
"""Windows per fold that are explained; rows that calibrate the int8 graph."""


class Explained(NamedTuple):
    """One fold."""

    ratios: dict[str, Array]
    """"sense how" -> (n,) attention with that sense corrupted, over its attention in the same window when clean."""
    weights: Array
    """(n, senses) attention; half of the windows clean, half with one sense corrupted."""
    contributions: Array
    """(n, senses) of the head."""


def explain(
    model: Any, recorded: Recorded, embedded: Embedded, table: Table, *, rows: npt.NDArray[np.int64], seed: int
) -> Explained:
    """Measure one fold.

    Args:
        model: the trained fusion.
        recorded: all windows.
        embedded: of this fold.
        table: of training; calibrates the int8 graph.
        rows: windows of the people left out.
        seed: chooses among them.
    """
    device = _device(model, recorded, embedded, table)
    rows = rows[recorded.there[rows].all(axis=1)]
    rows = np.random.default_rng(seed).permutation(rows)[:MOST]
    before = [device.estimate(_window(recorded, embedded, i, "", "")) for i in rows]
    ratios: dict[str, Array] = {}
    said = list(before)
    for how in (NOISE, FROZEN):
        for m in recorded.senses:
            after = [device.estimate(_window(recorded, embedded, i, m, how)) for i in rows]
            ratios[f"{m} {how}"] = np.array(
                [a.weights[m] / max(b.weights[m], 1e-3) for a, b in zip(after, before, strict=True)]
            )
            said += after[:: 2 * len(recorded.senses)]
    weights = np.array([[e.weights[m] for m in recorded.senses] for e in said])
    told = np.array([[e.contributions[recorded.head][m] for m in recorded.senses] for e in said])
    return Explained(ratios, weights, told)


def summary(folds: Sequence[Explained]) -> dict[str, Any]:
    """All folds together."""
    halved = {name: float(np.mean(np.concatenate([f.ratios[name] for f in folds]) <= 0.5)) for name in folds[0].ratios}
    weights = np.concatenate([f.weights for f in folds])
    told = np.abs(np.concatenate([f.contributions for f in folds]))
    within = [rank_correlation(w, c) for w, c in zip(weights, told, strict=True)]
    known = [r for r in within if np.isfinite(r)]
    return {
        "windows": int(sum(len(f.weights) for f in folds)),
        "halved": {name: round(share, 3) for name, share in halved.items()},
        "halved_mean": round(float(np.mean(list(halved.values()))), 3),
        "rank_correlation_within_windows": round(float(np.mean(known)), 3) if known else None,
        "rank_correlation_pooled": round(rank_correlation(weights.ravel(), told.ravel()), 3),
    }


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's, ties sharing a rank; NaN where either does not move."""
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    if x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _device(model: Any, recorded: Recorded, embedded: Embedded, table: Table) -> Fusion:
    chosen = np.linspace(0, len(table.states) - 1, SAMPLES).astype(int)
    graph = quantize(model, [{k: v[i : i + 1] for k, v in table.inputs.items()} for i in chosen])
    manifest = msgspec.structs.replace(
        load_bundle("driver").manifest, heads=[recorded.head], modalities=list(recorded.senses),
        graphs={"fusion": GraphSpec("fusion.tflite")}, front_ends={"fusion": dict(embedded.params)},
        min_coverage=MIN_COVERAGE,
    )  # fmt: skip
    return Fusion(Bundle(manifest, {"fusion.tflite": graph}, "0" * 64, "fusion"))


def _window(recorded: Recorded, embedded: Embedded, row: int, corrupted: str, how: str) -> Window:
    vectors = {
        m: (embedded.wrong_vectors[how] if m == corrupted else embedded.vectors)[m][row] for m in recorded.senses
    }
    full = dict.fromkeys(recorded.senses, 1.0)
    return Window(0, 10_000_000_000, vectors, full, full)
