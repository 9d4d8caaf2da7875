"""Ventricular beats among the beats that the monitor itself found, between patients.

Read: ``vitals.beat`` with its label. Truth: AAMI class V; whole records, ventricular flutter left out; a V that was not
found is missed, a V said of anything else is false.
"""

from __future__ import annotations

import numpy as np

from converters.evaluation.results import Confusion, Result, Table, Target
from converters.evaluation.spread import f1, of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import MITDB, Ecg, electrocardiograms, split
from converters.physio.evaluate import v_counts
from converters.physio.records import PACED, inside, match

TITLE = "Ventricular beats"
NEEDS, SENSES = MITDB, ("physio",)
MANY = 50
"""A record with so many V beats is also judged alone."""
CLASSES = ("N", "S", "V", "F")


def run(context: Context) -> Result:
    """Pooled, per record, confusion matrix."""
    result = Result("beats", TITLE)
    seen = [one for one in electrocardiograms(context) if one.record.name not in PACED]
    names = [one.record.person for one in seen]
    table = Table(result, split(context), of="records")
    counts = np.array([v_counts(one.record, one.said) for one in seen])
    tp, fn, fp, on_f = counts.sum(axis=0).astype(int).tolist()
    table.spread(
        "V beats: F1", of_sums(counts[:, :3], names, f1), n=f"{tp + fn} V beats", target=Target(">=", 0.94),
        note="strict: a V said of a fusion beat is false",
    )  # fmt: skip
    forgiving = counts[:, :3] - np.column_stack([0 * counts[:, 3], 0 * counts[:, 3], counts[:, 3]])
    table.spread(
        "V beats: F1 as EC57 counts", of_sums(forgiving, names, f1), n=f"{tp + fn} V beats",
        note=f"the {on_f} V said of fusion beats are not false",
    )  # fmt: skip
    true, said = counts[:, [0]] + counts[:, [1]], counts[:, [0]] + counts[:, [2]]
    table.spread("V beats: recall", of_sums(np.hstack([counts[:, [0]], true]), names, share), n=f"{tp}/{tp + fn}")
    table.spread("V beats: precision", of_sums(np.hstack([counts[:, [0]], said]), names, share), n=f"{tp}/{tp + fp}")
    alone = {
        one.record.name: float(f1(row[None, :3])[0])
        for one, row in zip(seen, counts, strict=True)
        if row[0] + row[1] >= MANY
    }
    if alone:
        worst = min(alone, key=lambda name: alone[name])
        n = f"record {worst}, worst of {len(alone)} ({', '.join(f'{k} {v:.3f}' for k, v in alone.items())})"
        table.worst(f"V beats: F1 of a record with {MANY} or more", alone[worst], n=n, target=Target(">=", 0.80))
    else:
        table.lacking(f"V beats: F1 of a record with {MANY} or more", "none has so many", target=Target(">=", 0.80))
    result.confusions.append(_confusion(seen))
    return result


def _confusion(seen: list[Ecg]) -> Confusion:
    labels = (*CLASSES, "no beat")
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for one in seen:
        flutter = one.record.spans("VFL")
        keep, truth_keep = ~inside(one.said.beats_s, flutter), ~inside(one.record.beats_s, flutter)
        found, said = one.said.beats_s[keep], one.said.labels[keep]
        truth, classes = one.record.beats_s[truth_keep], one.record.classes[truth_keep]
        pairs = match(truth, found)
        for answer, pair in zip(said.tolist(), pairs.tolist(), strict=True):
            real = str(classes[pair]) if pair >= 0 else "no beat"
            if real in labels and answer in labels:
                counts[labels.index(real), labels.index(answer)] += 1
        missed = np.setdiff1d(np.arange(len(truth)), pairs)
        for real in classes[missed].tolist():
            if real in labels:
                counts[labels.index(real), -1] += 1
    return Confusion("beats, own detection", labels, tuple(tuple(row) for row in counts.tolist()))
