"""The training of the physiological part, stage by stage: each stage learns from what the int8 stage before it says.

In: the data folder, the free sample recording. Out: a part folder. Not here: the nets themselves and the scores.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.conversion.in_process import quantize
from converters.physio import beat, evaluate, qrs, records, rhythm
from converters.physio.assemble import QRS_THRESHOLD, assemble
from converters.physio.leads import Lead, collect, folds, sides
from converters.physio.records import Record, filtered
from converters.trained import Trained
from edge_mm.perception.physio_beat import LABELS
from edge_mm.perception.physio_qrs import HOP, LENGTH, STRIDE
from edge_mm.perception.physio_rhythm import MAX_RR_S, MIN_RR_S, Interval

FOLDS = 3
RHYTHM_RECIPE = "int8-percentile"
"""With the extremes as ranges the LSTM loses 2.2 points in int8 (output at 12 dB, 23 dB with the percentile)."""
SIMULATED = 8000
JUDGED = 4000
"""Rows of held-out recordings by which a conversion is judged."""
LEARNT = 8000
"""Rows of the training side that are kept for recipes that train."""
COMPARED = 360
"""Inputs of held-out recordings on which the int8 graphs are compared with the float nets."""
Guesses = dict[tuple[str, int], npt.NDArray[np.float32]]


def build(data: Path, out: Path, sample: npt.NDArray[np.float64], *, seed: int) -> None:
    """Train, quantize, score, write."""
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", flush=True)

    train, unseen = records.training(data), records.unseen(data)
    qrs_graph, qrs_scores, qrs_kept = train_qrs(train, unseen, seed=seed)
    say(f"physio.qrs: {len(qrs_graph)} bytes")
    leads = collect(train, qrs_graph, threshold=QRS_THRESHOLD, seed=seed)
    others = collect(unseen, qrs_graph, threshold=QRS_THRESHOLD, seed=seed, mixtures=0)
    say(f"{sum(len(lead.at_s) for lead in leads)} beats")
    beat_graph, threshold, guesses, beat_scores, beat_kept = train_beat(leads, others, seed=seed)
    say(f"physio.beat: {len(beat_graph)} bytes")
    rhythm_graph, rhythm_scores, rhythm_kept = train_rhythm(leads, others, guesses, healthy(data), seed=seed)
    say(f"physio.rhythm: {len(rhythm_graph)} bytes")
    graphs = {"physio.qrs": qrs_graph, "physio.beat": beat_graph, "physio.rhythm": rhythm_graph}
    report = {"trained_on": [r.name for r in train], **qrs_scores, **beat_scores, **rhythm_scores}
    kept = {"physio.qrs": qrs_kept, "physio.beat": beat_kept, "physio.rhythm": rhythm_kept}
    assemble(out, graphs, threshold, report, kept, data=data, sample=sample)
    say("scored")


def train_qrs(train: list[Record], unseen: list[Record], *, seed: int) -> tuple[bytes, dict[str, Any], Trained]:
    """The detector; paced beats are beats too."""
    net, representative = qrs.train(_qrs_leads(train), seed=seed)
    graph = quantize(net, representative)
    rows, truth = qrs.stretches(_qrs_leads(unseen), JUDGED, np.random.default_rng(seed))
    inputs = [{"ecg": row[None, :LENGTH, None]} for row in rows[:COMPARED]]
    judged = {"ecg": rows[:, :LENGTH, None], "qrs": truth[:, : HOP // STRIDE]}
    learnt = qrs.stretches(_qrs_leads(train), LEARNT, np.random.default_rng(seed + 1))[0][:, :LENGTH, None]
    report = {"qrs_float_against_int8_held_out": evaluate.int8_loss(net, graph, inputs, "qrs")}
    return graph, report, Trained(net, representative, judged, "auroc:qrs", training={"ecg": learnt})


def _qrs_leads(recordings: list[Record]) -> list[qrs.Lead]:
    return [
        qrs.lead(filtered(record.signals[:, k], record.rate_hz), record.beats_s, record.spans("VFL"))
        for record in recordings
        for k in range(record.signals.shape[1])
    ]


def train_beat(
    leads: list[Lead], unseen: list[Lead], *, seed: int
) -> tuple[bytes, float, Guesses, dict[str, Any], Trained]:
    """The beat net; what it says of beats, by nets that were not trained on their person."""
    fold = folds(leads, FOLDS)
    guesses: Guesses = {}
    for number in range(FOLDS):
        learn, left_out = sides(leads, fold, number)
        net = beat.train([lead.known for lead in learn], seed=seed + number)
        for lead in left_out:
            guesses[lead.record.name, lead.number] = beat.predict(net, lead.beats)
    clean = [lead for lead in leads if not lead.noisy]
    known = [guesses[lead.record.name, lead.number][lead.usable] for lead in clean]
    threshold = beat.best_threshold(known, [lead.known.labels for lead in clean])
    report = {**_out_of_fold(clean, known, threshold), "folds": fold}
    net = beat.train([x.known for x in leads], seed=seed)
    calibration = _representative(leads, seed)
    graph = quantize(net, calibration)
    for lead in unseen:
        guesses[lead.record.name, lead.number] = beat.predict(net, lead.beats)
    inputs = _representative(unseen, seed + 1, each=COMPARED // len(unseen))
    report["beat_float_against_int8_held_out"] = evaluate.int8_loss(net, graph, inputs, "classes")
    more = _representative(leads, seed + 2, each=LEARNT // len(leads))
    learnt = {key: np.concatenate([one[key] for one in more]).astype(np.float32) for key in more[0]}
    judged = _judged_beats(unseen, seed)
    return graph, threshold, guesses, report, Trained(net, calibration, judged, "accuracy:classes", training=learnt)


def _judged_beats(leads: list[Lead], seed: int) -> dict[str, npt.NDArray[Any]]:
    """At most ``JUDGED`` annotated beats of recordings that were not trained on, alike many of each lead, by record."""
    rng, parts = np.random.default_rng(seed), []
    for lead in leads:
        known = lead.known
        pick = rng.permutation(len(known.labels))[: JUDGED // len(leads)]
        parts.append((known.windows[pick], known.features[pick], known.labels[pick], [lead.record.name] * len(pick)))
    windows, features, labels, records = (np.concatenate([part[k] for part in parts]) for k in range(4))
    groups = np.unique(records, return_inverse=True)[1]
    return {"beat": windows, "features": features, "classes": labels, "group": groups}


def _out_of_fold(leads: list[Lead], guesses: list[npt.NDArray[np.float32]], threshold: float) -> dict[str, Any]:
    """V of beats that were found and are annotated, as a net says that was not trained on their person."""
    ventricular = LABELS.index("V")
    counts: dict[str, list[int]] = {}
    for lead, guess in zip(leads, guesses, strict=True):
        truth, said = lead.known.labels == ventricular, guess[:, ventricular] >= threshold
        parts = (truth & said, truth & ~said, ~truth & said)
        counts[f"{lead.record.name}/{lead.number}"] = [int(part.sum()) for part in parts]
    gross = {f"lead_{k}": np.sum([v for n, v in counts.items() if n.endswith(f"/{k}")], axis=0) for k in (0, 1)}
    return {
        "v_of_matched_beats_out_of_fold_float": {
            "note": "flattering: the threshold was chosen on these same predictions, and beats that the detector "
            "missed or invented are left out; int8_streaming has whole recordings",
            **{name: evaluate.scores(row.astype(float)) for name, row in gross.items()},
        },
        "v_of_matched_beats_out_of_fold_float_tp_fn_fp": counts,
    }


def _representative(leads: list[Lead], seed: int, *, each: int = 6) -> list[dict[str, npt.NDArray[np.float32]]]:
    rng = np.random.default_rng(seed)
    return [
        {"beat": rng.choice([-1.0, 1.0]) * x.beats.windows[i][None], "features": x.beats.features[i][None]}
        for x in leads
        for i in rng.integers(0, len(x.at_s), each)
    ]


def healthy(data: Path) -> list[list[Interval]]:
    """Inter-beat intervals of the healthy people of Stress-Predict, from their wrist PPG."""
    result = []
    for path in sorted((data / "open" / "stress_predict" / "Raw_data").glob("*/IBI.csv*")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = [[float(x) for x in line.split(",")] for line in list(lines)[1:]]
        result.append([Interval(at, rr, 0.0, 0.0) for at, rr in rows])
    return result


def train_rhythm(
    leads: list[Lead], unseen: list[Lead], guesses: Guesses, people: list[list[Interval]], *, seed: int
) -> tuple[bytes, dict[str, Any], Trained]:
    """The rhythm net, and its score on each person with fibrillation when that person was left out."""
    rng = np.random.default_rng(seed)
    sets = [_rhythm_rows(lead, guesses, rng) for lead in leads if not lead.noisy]
    for number, rows in enumerate(people):
        sets.append(rhythm.thinned(f"healthy {number}", rhythm.windows(rows, [], [], rows[-1].at_s), rng))
    fake = rhythm.simulated(SIMULATED, rng)
    scores = {person: rhythm.left_out(sets, fake, person, seed=seed) for person in ("201", "203")}
    net = rhythm.train(sets, fake, seed=seed)
    x = np.concatenate([fake[0][:150]] + [s.x[:: max(1, len(s.x) // 6)] for s in sets])
    calibration = [{"rhythm": row[None]} for row in x]
    graph = quantize(net, calibration, recipe=RHYTHM_RECIPE)
    apart = [_rhythm_rows(lead, guesses, rng, most=JUDGED // len(unseen)) for lead in unseen]
    others = [
        {"rhythm": row[None]} for rows in apart for row in rows.x[:: max(1, len(rows.x) * len(unseen) // COMPARED)]
    ]
    judged = rhythm.judged(apart, JUDGED, seed=seed)
    report = {
        "af_left_out_person_float": scores,
        "rhythm_windows": {"real": sum(len(s.y) for s in sets), "simulated": SIMULATED},
        "rhythm_float_against_int8_held_out": evaluate.int8_loss(net, graph, others, "irregular"),
    }
    return (
        graph,
        report,
        Trained(net, calibration, judged, "accuracy:irregular", RHYTHM_RECIPE, training={"rhythm": fake[0]}),
    )


def _rhythm_rows(lead: Lead, guesses: Guesses, rng: np.random.Generator, *, most: int = 150) -> rhythm.Rows:
    rows = _intervals(lead, guesses[lead.record.name, lead.number])
    spans = lead.record.spans("AFIB"), lead.record.spans("AFL", "VFL")
    return rhythm.thinned(lead.record.person, rhythm.windows(rows, *spans, 1800.0), rng, most=most)


def _intervals(lead: Lead, guesses: npt.NDArray[np.float32]) -> list[Interval]:
    rows = zip(lead.at_s.tolist(), lead.rr_s.tolist(), guesses.tolist(), strict=True)
    return [Interval(at, rr, p[2], p[1]) for at, rr, p in rows if MIN_RR_S <= rr <= MAX_RR_S]
