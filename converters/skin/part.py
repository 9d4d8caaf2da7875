"""From sessions to a part: a net for each left-out person, nulls, int8, golden sample.

In: the shared data. Out: a folder that ``converters.parts`` reads; in ``folds`` beside it the int8 net of each left-out
person, so that what learns from this net's embeddings can use ones of people that it was not trained on. Not here: how
each step is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.conversion.in_process import quantize
from converters.parts import Part, finished_folder, write_part
from converters.skin import net, score
from converters.skin.sessions import Session, read_sessions, tables
from converters.trained import Trained
from edge_mm.perception.litert import Graph
from edge_mm.perception.skin import DIMENSION
from edge_mm.perception.skin_stress import GRAPH, STEP_S, STEPS, stress_features

Array = npt.NDArray[np.float32]
METRIC = "auroc:stress"
CALIBRATION = 400
SENSES: Mapping[str, tuple[str, ...]] = {
    "skin, heart and temperature": (),
    "skin and heart": ("warmth",),
    "skin and temperature": ("heart",),
    "skin alone": ("heart", "warmth"),
    "heart alone": ("skin", "warmth"),
}
"""What is there -> what is left out."""
NOTES = [
    "Stress-Predict: 15 healthy adults in one laboratory; Stroop test, interview and hyperventilation against rest, "
    "always in this order. What is learned is arousal by these tasks, not stress at the wheel or at work.",
    "Every session follows the same schedule, so elapsed time alone tells tasks from rest better than the body does: "
    "the margin over that null is negative, and by the project's own rule this is not called stress detection. No "
    "time, count or warm-up state enters the net, and at equal elapsed time (time_matched) it is still above chance.",
    "The margin over the absolute EDA level is positive; the level does not enter the net.",
    "Temperature adds nothing here. A second task (heart rate) was tried and cost 0.008.",
    "Nothing is said in the first ten minutes.",
    "The net that ships was trained on all 15 people; the scores are of 15 nets that had not seen the person.",
]


def make_part(data: Path, out: Path, *, work: Path | None, seed: int, epochs: int = net.EPOCHS) -> dict[str, Any]:
    """Train and write the part; gives its report."""
    sessions = read_sessions(data / "open" / "stress_predict", work)
    x, labels = [net.features(one) for one in sessions], [one.labels for one in sessions]
    said: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in SENSES}
    in_float: list[npt.NDArray[np.float64]] = []
    fold_graphs: dict[str, bytes] = {}
    for k, session in enumerate(sessions):
        others = [i for i in range(len(sessions)) if i != k]
        model = net.train([x[i] for i in others], [labels[i] for i in others], seed=seed, epochs=epochs)
        content = quantize(model, calibration([x[i] for i in others], seed))
        fold_graphs[session.person] = content
        graph = Graph(content, name=GRAPH)
        for name, absent in SENSES.items():
            rows = x[k]
            for sense in absent:
                rows = net.without(rows, sense)
            said[name].append(np.array([float(graph(features=row)["stress"].reshape(-1)[0]) for row in rows]))
        in_float.append(net.predict(model, x[k]).astype(np.float64))
        print(f"{session.person}: {score.auroc(said['skin, heart and temperature'][-1], labels[k]):.3f}", flush=True)
    model = net.train(x, labels, seed=seed, epochs=epochs)
    representative = calibration(x, seed)
    content = quantize(model, representative)
    report = _report(sessions, said, in_float, seed=seed)
    report |= {"tflite_bytes": len(content), "parameters": int(model.count_params()), "notes": NOTES}
    rows = np.concatenate(x)
    judged: dict[str, npt.NDArray[Any]] = {
        "features": rows,
        "stress": np.concatenate(labels)[:, None],
        "group": np.repeat(np.arange(len(x)), [len(one) for one in x]),
    }
    learnt = net.spoil(rows, np.random.default_rng(seed + 1))
    kept = {GRAPH: Trained(model, representative, judged, METRIC, training={"features": learnt})}
    part = Part("skin", {"embedding": DIMENSION}, {GRAPH: False}, report, {GRAPH: METRIC})
    with finished_folder(out) as folder:
        write_part(folder, part, {GRAPH: content}, golden(Graph(content, name=GRAPH)), kept)
        (folder / "folds").mkdir()
        for person, one in fold_graphs.items():
            (folder / "folds" / f"{person}.tflite").write_bytes(one)
    return report


def calibration(x: Sequence[Array], seed: int) -> list[dict[str, Array]]:
    """Representative inputs, with senses left out as in training."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate(x)
    rows = rows[rng.choice(len(rows), min(CALIBRATION, len(rows)), replace=False)]
    return [{"features": row[None]} for row in np.concatenate([rows[::2], net.spoil(rows[1::2], rng)])]


def golden(graph: Graph) -> dict[str, npt.NDArray[np.generic]]:
    """Ten minutes by formula (no recording): calm, then faster beats, rising conductance and a cooling skin."""
    seconds = STEPS * STEP_S + 20
    at = np.arange(4 * seconds) / 4.0
    late = np.clip((at - 400.0) / 100.0, 0.0, 1.0)
    eda = 2.0 + 0.8 * late + 0.05 * np.sin(at / 7.0) + 0.1 * late * np.abs(np.sin(at / 5.0))
    beats = np.arange(0.0, seconds, 0.8)
    rr = 0.8 - 0.15 * np.clip((beats - 400.0) / 100.0, 0.0, 1.0) + 0.02 * np.sin(beats)
    streams = {"eda": (eda, 4.0), "temp": (33.0 - 0.5 * late, 4.0)}
    given = stress_features(tables(streams, np.stack([beats, rr], axis=1))[1][-1])
    arrays: dict[str, npt.NDArray[np.generic]] = {f"{GRAPH}/in/features": given}
    for name, value in graph(features=given).items():
        arrays[f"{GRAPH}/out/{name}"] = value
    return arrays


def _report(
    sessions: Sequence[Session],
    said: Mapping[str, list[npt.NDArray[np.float64]]],
    in_float: list[npt.NDArray[np.float64]],
    *,
    seed: int,
) -> dict[str, Any]:
    labels = [one.labels for one in sessions]
    scores = said["skin, heart and temperature"]
    main = score.within(scores, labels, seed=seed)
    null = score.nulls(sessions, scores, seed=seed)
    return {
        "leave_one_person_out": {**main, "people": [one.person for one in sessions]},
        "leave_one_person_out_float": score.within(in_float, labels, seed=seed),
        "senses": {name: score.within(values, labels, seed=seed) for name, values in said.items()},
        "nulls": null,
        "margin_over_elapsed_time": round(main["mean"] - null["elapsed_time_only"]["mean"], 4),
        "margin_over_eda_level": round(main["mean"] - null["eda_level_only"]["mean"], 4),
        "time_matched": score.matched(scores, sessions),
        "operating_points": score.operating_points(scores, labels),
        "steps": {"rest": int(sum((y == 0).sum() for y in labels)), "task": int(sum(y.sum() for y in labels))},
        "split": {"by": "person", "left_out_in_turn": [one.person for one in sessions]},
    }
