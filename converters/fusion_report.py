"""Scores of a fusion on held-out composites, float and int8, and its verdict.

In: the model, its int8 graph, held-out windows. Out: numbers for the report and the model card. Not here: training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from converters.acceptance import Case, failures
from converters.episodes import Composite
from converters.fusion import MIN_COVERAGE, Table
from converters.tracks import Track
from edge_mm.models.bundle import Bundle, GraphSpec
from edge_mm.perception.fusion import ALPHA, PRESENCE, Fusion
from edge_mm.perception.litert import Graph

Array = npt.NDArray[np.float32]


def verdict(
    graph: bytes, params: Mapping[str, Any], bundle: Bundle, cases: Sequence[Case], *, table: Table,
    judged: Mapping[str, float],
) -> list[str]:  # fmt: skip
    """What this fusion graph fails.

    Args:
        graph: int8.
        params: of its pooling.
        bundle: whose window, hop and least quality it will have.
        cases: what it is tried on.
        table: of the fusion: its modalities and heads.
        judged: head -> score from which its rule counts.
    """
    manifest = msgspec.structs.replace(
        bundle.manifest, heads=list(table.heads), modalities=list(table.modalities),
        graphs={"fusion": GraphSpec("fusion.tflite")}, front_ends={"fusion": dict(params)}, min_coverage=MIN_COVERAGE,
    )  # fmt: skip
    return failures(Fusion(Bundle(manifest, {"fusion.tflite": graph}, "0" * 64, "fusion")), cases, judged)


def scores(
    model: Any, graph: bytes, table: Table, windows: Sequence[Composite], judged: Mapping[str, float]
) -> dict[str, Any]:
    """AUROC per head for all, clean, corrupted windows and for each sense alone; attention; loss by int8."""
    names = (*table.modalities, PRESENCE)
    real = {k: np.asarray(v) for k, v in model.predict(table.inputs, verbose=0, batch_size=1024).items()}
    runner = Graph(graph, name="fusion")
    rows = [runner(**{n: table.inputs[n][i] for n in names}) for i in range(len(windows))]
    int8 = {k: np.stack([row[k] for row in rows]) for k in real}
    corrupted = np.asarray(table.corrupted.any(axis=1))
    whole = np.asarray(table.inputs[PRESENCE].all(axis=1))
    state = np.array([w.state for w in windows])
    groups: dict[str, npt.NDArray[np.bool_]] = {
        "all": np.ones(len(windows), bool),
        "clean": whole & ~corrupted,
        **{f"{m} corrupted": np.asarray(whole & (table.corrupted[:, j] > 0)) for j, m in enumerate(table.modalities)},
    }
    result: dict[str, Any] = {"windows": len(windows), "auroc_float": {}, "auroc_int8": {}}
    for name, rows_in in groups.items():
        result["auroc_float"][name] = _auroc(real, table, rows_in)
        result["auroc_int8"][name] = _auroc(int8, table, rows_in)
    for j, m in enumerate(table.modalities):
        only = np.zeros_like(table.inputs[PRESENCE])
        only[:, j] = 1
        inputs = {k: table.inputs[k] * (k == m) for k in table.modalities} | {PRESENCE: only}
        alone = model.predict(inputs, verbose=0, batch_size=1024)
        there = (table.inputs[PRESENCE][:, j] > 0) & (table.corrupted[:, j] == 0)
        result["auroc_float"][f"{m} alone"] = _auroc(alone, table, there)
    alpha = int8[ALPHA]
    result["raised_int8"] = {
        head: {s: round(float((int8[head][state == s, 0] >= limit).mean()), 3) for s in dict.fromkeys(state.tolist())}
        for head, limit in judged.items()
    }
    result["attention_int8"] = {
        m: {
            "clean": round(float(alpha[whole & ~corrupted, j].mean()), 3),
            "corrupted": round(float(alpha[whole & (table.corrupted[:, j] > 0), j].mean()), 3),
            "spread": round(float(alpha[whole, j].std()), 3),
        }
        for j, m in enumerate(table.modalities)
    }
    absent = table.inputs[PRESENCE] == 0
    result["attention_on_absent_max"] = float(alpha[absent].max()) if absent.any() else 0.0
    result["int8_error_mean"] = {h: round(float(np.abs(int8[h] - real[h]).mean()), 4) for h in table.heads}
    return result


def _auroc(out: Mapping[str, Any], table: Table, rows: npt.NDArray[np.bool_]) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    result = {}
    for j, head in enumerate(table.heads):
        truth = table.states[rows, j]
        if 0 < truth.sum() < len(truth):
            result[head] = round(float(roc_auc_score(truth, np.asarray(out[head])[rows, 0])), 3)
    return result


def count_tracks(tracks: Sequence[Track]) -> dict[str, int]:
    """How many tracks of each kind there are on each side."""
    counter = Counter(f"{t.modality} {t.kind} {'held out' if t.held_out else 'training'}" for t in tracks)
    return dict(sorted(counter.items()))


def golden(graph: bytes, table: Table) -> dict[str, npt.NDArray[Any]]:
    """Pooled vectors by formula (waves of the size of real ones, nobody's face or voice) and what the graph says."""
    inputs = {}
    for j, m in enumerate(table.modalities):
        inputs[m] = np.sin(0.7 * np.arange(table.inputs[m].shape[1]) + j).astype(np.float32)
    inputs[PRESENCE] = np.ones(len(table.modalities), np.float32)
    outputs = Graph(graph, name="fusion")(**inputs)
    arrays: dict[str, npt.NDArray[Any]] = {f"fusion/in/{k}": v for k, v in inputs.items()}
    return arrays | {f"fusion/out/{k}": v for k, v in outputs.items()}
