"""From notes to a part: what notes are worth by the person, the net that ships, int8, golden sample.

In: the shared data. Out: a folder that ``converters.parts`` reads. Not here: how each step is done.

What a note is worth is measured twice: with the notes as they are, and with the notes of all training patients dealt
out anew among them (the control): a net that learned nothing but the number of patients would score the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.conversion.in_process import quantize
from converters.parts import Part, finished_folder, write_part
from converters.text import encoder
from converters.text.notes import FINDINGS, Note, read_notes
from converters.trained import Trained
from edge_mm.perception.litert import Graph
from edge_mm.perception.text import GRAPH
from edge_mm.perception.text_tokens import BUCKETS, LENGTH, tokens

METRIC = "auroc:ventricular"
FOLDS, SHUFFLES, JUDGED = 6, 4, 12
"""Folds of people; times that the notes are dealt out anew; wordings of each note that
float and int8 are compared on."""
FREE_NOTE = "58 F\nbisoprolol, apixaban, no other medication"
"""The golden sample's note: written for it, nobody's."""
Floats = npt.NDArray[np.float64]


def make_part(data: Path, out: Path, *, seed: int) -> dict[str, Any]:
    """Train, score and write the part; gives its report."""
    notes = read_notes(data)
    learned, held_out = [n for n in notes if not n.held_out], [n for n in notes if n.held_out]
    model = encoder.build(seed=seed)
    given, found = encoder.rows(learned, seed=seed)
    loss = encoder.train(model, given, found, seed=seed)
    calibration = [{"tokens": row[None]} for row in given[:: max(1, len(given) // 300)]]
    content = quantize(model, calibration)
    graph = Graph(content, name=GRAPH)
    report: dict[str, Any] = {
        "left_out": {**left_out(learned, seed=seed), "folds": FOLDS, "people": len({n.person for n in learned})},
        "held_out_int8": scores(_graph_said(graph, held_out), held_out),
        "held_out_float": scores(_model_said(model, held_out), held_out),
        "records_with": {name: int(sum(n.findings[j] for n in notes)) for j, name in enumerate(FINDINGS)},
        "held_out": sorted(n.record for n in held_out),
        "loss": round(loss, 4),
        "tflite_bytes": len(content),
        "parameters": int(model.count_params()),
    }
    front_end = {"buckets": BUCKETS, "length": LENGTH, "embedding": encoder.EMBEDDING, "findings": list(FINDINGS)}
    judged = conversion_rows(notes, seed=seed)
    free = tokens(FREE_NOTE)[None].astype(np.float32)
    golden: dict[str, npt.NDArray[Any]] = {f"{GRAPH}/in/tokens": free}
    golden |= {f"{GRAPH}/out/{name}": value for name, value in graph(tokens=free).items()}
    part = Part("text", front_end, {GRAPH: False}, report, {GRAPH: METRIC})
    with finished_folder(out) as folder:
        write_part(folder, part, {GRAPH: content}, golden, {GRAPH: Trained(model, calibration, judged, METRIC)})
    return report


def conversion_rows(notes: Sequence[Note], *, seed: int) -> dict[str, npt.NDArray[Any]]:
    """What float and int8 are compared on: other wordings of everybody's note, because ten held-out patients are too
    few to tell a loss from chance. It is about the conversion, not about what a note is worth.
    """
    tested, truth = encoder.rows(notes, seed=seed + 1, wordings=JUDGED)
    rows: dict[str, npt.NDArray[Any]] = {"tokens": tested, "group": np.repeat(np.arange(len(notes)), JUDGED)}
    name = METRIC.split(":")[1]
    rows[name] = truth[:, [FINDINGS.index(name)]]
    return rows


def left_out(notes: Sequence[Note], *, seed: int) -> dict[str, Any]:
    """AUROC of each finding for people who were left out, with their own notes and with notes dealt out anew."""
    rng = np.random.default_rng(seed)
    own = scores(_crossed(notes, notes, seed=seed), notes)
    dealt: list[dict[str, float]] = []
    for k in range(SHUFFLES):
        order = rng.permutation(len(notes))
        dealt.append(scores(_crossed(notes, [notes[i] for i in order], seed=seed + k), notes))
    names = own.keys()
    control = {name: round(float(np.mean([one[name] for one in dealt])), 3) for name in names}
    difference = {name: round(own[name] - control[name], 3) for name in names}
    return {"auroc": own, "auroc_with_notes_dealt_out_anew": control, "difference": difference}


def _crossed(notes: Sequence[Note], said: Sequence[Note], *, seed: int) -> Floats:
    """(n, 4) what nets say of the note ``said[i]`` for the patient ``notes[i]`` whom they were not trained on."""
    from dataclasses import replace

    told = [replace(other, findings=note.findings, person=note.person) for note, other in zip(notes, said, strict=True)]
    people = sorted({note.person for note in notes})
    result = np.zeros((len(notes), len(FINDINGS)))
    for fold in range(FOLDS):
        tested = [i for i, note in enumerate(notes) if people.index(note.person) % FOLDS == fold]
        model = encoder.build(seed=seed)
        encoder.train(model, *encoder.rows([t for i, t in enumerate(told) if i not in tested], seed=seed), seed=seed)
        result[tested] = _model_said(model, [told[i] for i in tested])
    return result


def _model_said(model: Any, notes: Sequence[Note]) -> Floats:
    said = model.predict(np.stack([tokens(note.text) for note in notes]), verbose=0)
    return np.concatenate([np.asarray(said[name], np.float64) for name in FINDINGS], axis=1)


def _graph_said(graph: Graph, notes: Sequence[Note]) -> Floats:
    said = [graph(tokens=tokens(note.text)[None]) for note in notes]
    return np.array([[float(one[name].reshape(-1)[0]) for name in FINDINGS] for one in said])


def scores(said: Floats, notes: Sequence[Note]) -> dict[str, float]:
    """AUROC of each finding that some notes have and some have not."""
    from sklearn.metrics import roc_auc_score

    truth = np.stack([note.findings for note in notes])
    both = [j for j in range(len(FINDINGS)) if 0 < truth[:, j].sum() < len(notes)]
    return {FINDINGS[j]: round(float(roc_auc_score(truth[:, j], said[:, j])), 3) for j in both}
