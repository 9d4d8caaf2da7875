"""The whole training of the physiological part, stage by stage: each stage learns from what the int8 stage before it says.

In: the data folder, the free sample recording. Out: a part folder. Not here: the nets and the scores themselves.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.parts import Part, part_bundle, write_part
from converters.physio import beat as beats
from converters.physio import evaluate, qrs, rhythm
from converters.physio.noise import spoil
from converters.physio.records import HELD_OUT, PACED, Record, filtered, find, inside, load, match
from converters.quantize import quantize
from edge_mm.perception.litert import Graph
from edge_mm.perception.physio import DIMENSION
from edge_mm.perception.physio_beat import LABELS
from edge_mm.perception.physio_qrs import running_scales
from edge_mm.perception.physio_rhythm import Interval

QRS_THRESHOLD = 0.5
FOLDS = 3


class Lead(NamedTuple):
    """A lead's beats as the device finds them."""

    record: Record
    number: int
    noisy: bool
    at_s: npt.NDArray[np.float64]
    rr_s: npt.NDArray[np.float64]
    usable: npt.NDArray[np.bool_]
    """Matches an annotated N, S, V or F."""
    beats: beats.Beats
    """All beats; the label of an unusable one is 0."""


def build(data: Path, out: Path, sample: npt.NDArray[np.float64], *, seed: int) -> None:
    """Train, quantize, score, write."""
    started = time.monotonic()
    train = [r for r in load(data / "open" / "mitdb") if r.name not in HELD_OUT]
    qrs_graph, qrs_scores = train_qrs(train, seed=seed)
    say(started, "physio.qrs", len(qrs_graph))
    leads = collect(train, qrs_graph, seed=seed)
    say(started, "beats", sum(len(lead.at_s) for lead in leads))
    beat_graph, threshold, out_of_fold, beat_scores = train_beat(leads, seed=seed)
    say(started, "physio.beat", len(beat_graph))
    rhythm_graph, rhythm_scores = train_rhythm(leads, out_of_fold, healthy(data), seed=seed)
    say(started, "physio.rhythm", len(rhythm_graph))
    graphs = {"physio.qrs": qrs_graph, "physio.beat": beat_graph, "physio.rhythm": rhythm_graph}
    report = {"training": {**qrs_scores, **beat_scores, **rhythm_scores}, "bytes": {k: len(g) for k, g in graphs.items()}}
    assemble(out, graphs, threshold, report, data, sample)
    say(started, "scored", 0)


def say(started: float, what: str, amount: int) -> None:
    """A line of progress."""
    print(f"{time.monotonic() - started:6.0f} s  {what}  {amount}", flush=True)


def train_qrs(records: list[Record], *, seed: int) -> tuple[bytes, dict[str, Any]]:
    """The detector; paced beats are beats too."""
    leads = [
        qrs.lead(filtered(r.signals[:, k], r.rate_hz), r.beats_s, r.spans("VFL"))
        for r in records for k in range(r.signals.shape[1])
    ]
    net, representative = qrs.train(leads, seed=seed)
    return quantize(net, representative), {"qrs_records": [r.name for r in records]}


def collect(records: list[Record], qrs_graph: bytes, *, seed: int) -> list[Lead]:
    """The beats of every lead, clean and with noise added, through the int8 detector."""
    graph, rng = Graph(qrs_graph, name="physio.qrs"), np.random.default_rng(seed)
    leads = []
    for record in records:
        if record.name in PACED:
            continue
        for number in range(record.signals.shape[1]):
            clean = filtered(record.signals[:, number], record.rate_hz)
            rows = clean[: clean.size // 2560 * 2560].reshape(-1, 2560) / np.median(running_scales(clean))
            noise = spoil(rows.astype(np.float32), rng, gain=False).reshape(-1).astype(np.float64)
            leads += [_lead(record, number, noisy, values, graph) for noisy, values in ((False, clean), (True, noise))]
    return leads


def _lead(record: Record, number: int, noisy: bool, values: npt.NDArray[np.float64], graph: Graph) -> Lead:
    found = find(values, graph, threshold=QRS_THRESHOLD)
    at = np.array([f.at_s for f in found])
    pairs = match(record.beats_s, at)
    classes = np.array([record.classes[j] if j >= 0 else "-" for j in pairs], "<U1")
    usable = np.isin(classes, LABELS) & ~inside(at, record.spans("VFL"))
    labels = np.array([LABELS.index(c) if u else 0 for c, u in zip(classes, usable, strict=True)])
    stacked = beats.Beats(np.stack([f.beat.window for f in found]), np.stack([f.beat.features for f in found]), labels)
    return Lead(record, number, noisy, at, np.array([f.rr_s for f in found]), usable, stacked)


def only(lead: Lead) -> beats.Beats:
    """The usable beats of a lead."""
    return beats.Beats(*(column[lead.usable] for column in lead.beats))


def train_beat(
    leads: list[Lead], *, seed: int
) -> tuple[bytes, float, dict[tuple[str, int], npt.NDArray[np.float32]], dict[str, Any]]:
    """The classifier; threshold and rhythm inputs come from out-of-fold predictions, people kept apart."""
    people = sorted({lead.record.person for lead in leads})
    rich = {p: sum(int((x.beats.labels == 2).sum()) for x in leads if x.record.person == p) for p in people}
    fold = {p: i % FOLDS for i, p in enumerate(sorted(people, key=lambda p: -rich[p]))}
    out_of_fold: dict[tuple[str, int], npt.NDArray[np.float32]] = {}
    for number in range(FOLDS):
        net = beats.train([only(x) for x in leads if fold[x.record.person] != number], seed=seed + number)
        for lead in leads:
            if fold[lead.record.person] == number and not lead.noisy:
                out_of_fold[lead.record.name, lead.number] = beats.predict(net, lead.beats)
    clean = [lead for lead in leads if not lead.noisy]
    guesses = [out_of_fold[lead.record.name, lead.number][lead.usable] for lead in clean]
    threshold = beats.best_threshold(guesses, [only(lead).labels for lead in clean])
    table = {}
    for lead, guess in zip(clean, guesses, strict=True):
        truth, said = only(lead).labels == 2, guess[:, 2] >= threshold
        counts = [(truth & said).sum(), (truth & ~said).sum(), (~truth & said).sum()]
        table[f"{lead.record.name}/{lead.number}"] = [int(c) for c in counts]
    gross = {f"lead_{k}": evaluate.scores(np.sum([v for n, v in table.items() if n.endswith(f"/{k}")], axis=0).astype(float))
             for k in (0, 1)}
    net = beats.train([only(x) for x in leads], seed=seed)
    rng = np.random.default_rng(seed)
    representative = []
    for lead in leads:
        for i in rng.integers(0, len(lead.at_s), 6):
            sign = rng.choice([-1.0, 1.0])
            representative.append({"beat": sign * lead.beats.windows[i][None], "features": lead.beats.features[i][None]})
    report = {"v_cross_validated_float_tp_fn_fp": table, "v_cross_validated_float": gross, "folds_by_person": fold}
    return quantize(net, representative), threshold, out_of_fold, report


def healthy(data: Path) -> list[list[Interval]]:
    """Inter-beat intervals of the healthy people of Stress-Predict, from their wrist PPG."""
    result = []
    for path in sorted((data / "open" / "stress_predict" / "Raw_data").glob("*/IBI.csv*")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = np.array([[float(x) for x in line.split(",")] for line in list(lines)[1:]])
        result.append([Interval(at, rr, 0.0, 0.0) for at, rr in rows])
    return result


def train_rhythm(
    leads: list[Lead], guesses: dict[tuple[str, int], npt.NDArray[np.float32]], healthy: list[list[Interval]], *, seed: int
) -> tuple[bytes, dict[str, Any]]:
    """The rhythm net, and its score on each person with fibrillation when that person was left out."""
    sets: list[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    for lead in leads:
        if lead.noisy:
            continue
        table = guesses[lead.record.name, lead.number]
        rows = [Interval(at, rr, p[2], p[1]) for at, rr, p in zip(lead.at_s, lead.rr_s, table, strict=True) if 0.2 < rr < 4]
        sets.append((lead.record.person, *rhythm.windows(rows, lead.record.spans("AFIB"), lead.record.spans("AFL", "VFL"), 1800.0)))
    for person, rows in enumerate(healthy):
        sets.append((f"stress-predict {person}", *rhythm.windows(rows, [], [], rows[-1].at_s)))
    fake = rhythm.simulated(6000, np.random.default_rng(seed))
    report: dict[str, Any] = {}
    for person in ("201", "203"):
        net = _fit_rhythm([s for s in sets if s[0] != person], fake, seed)
        x, y = (np.concatenate([s[k] for s in sets if s[0] == person]) for k in (1, 2))
        said = net.predict(x, verbose=0)["irregular"][:, 0] >= 0.5
        report[f"left out: person {person}"] = {"af_windows": int(y.sum()), "se": round(100 * float(said[y == 1].mean()), 1),
                                          "other_windows": int((y == 0).sum()), "sp": round(100 * float(1 - said[y == 0].mean()), 1) if (y == 0).any() else None}
    net = _fit_rhythm(sets, fake, seed)
    x = np.concatenate([fake[0][:150]] + [s[1][:: max(1, len(s[1]) // 6)] for s in sets])
    return quantize(net, [{"rhythm": row[None]} for row in x]), {"rhythm_float": report, "rhythm_windows_real": int(sum(len(s[1]) for s in sets)), "rhythm_windows_simulated": 6000}


def _fit_rhythm(sets: list[Any], fake: tuple[Any, Any], seed: int) -> Any:
    x, y = (np.concatenate([fake[k - 1]] + [s[k] for s in sets]) for k in (1, 2))
    weight = np.concatenate([np.ones(len(fake[1]))] + [np.where(s[2] == 1, 3.0, 0.7) for s in sets])
    return rhythm.train(x, y, weight.astype(np.float32), seed=seed)


def assemble(
    out: Path, graphs: dict[str, bytes], threshold: float, report: dict[str, Any], data: Path, sample: npt.NDArray[np.float64]
) -> None:
    """Write the part, score it through the device's front end, write it again with the scores."""
    front_end = {"qrs_threshold": QRS_THRESHOLD, "v_threshold": round(threshold, 3), "labels": list(LABELS), "embedding": DIMENSION}
    flags = dict.fromkeys(graphs, False)
    arrays = golden(graphs, sample)
    write_part(out, Part("physio", front_end, flags, report), graphs, arrays)
    bundle = part_bundle(out)
    unseen = load(data / "open" / "mitdb_val")
    demo = [r for r in load(data / "open" / "mitdb") if r.name in HELD_OUT]
    report = {**report, "int8_streaming": {
        "not_trained_on": evaluate.ecg_report(bundle, unseen),
        "not_trained_on_lead_1": evaluate.ecg_report(bundle, unseen, lead=1),
        "208": evaluate.ecg_report(bundle, demo),
        "sample_recording": sample_report(bundle, demo[0], sample),
    }}
    write_part(out, Part("physio", front_end, flags, report), graphs, arrays)


def sample_report(bundle: Any, record: Record, sample: npt.NDArray[np.float64], start_s: float = 1175.0) -> dict[str, Any]:
    """V beats of the free sample: it is 19:35 to 24:35 of record 208, whose annotation is scored against."""
    said = evaluate.listen(bundle, sample, 360.0, "ecg")
    moved = said._replace(beats_s=said.beats_s + start_s)
    counts = evaluate.v_counts(record, moved, (start_s, start_s + sample.size / 360.0))
    return {"v": evaluate.scores(counts), "v_per_minute_said": round(float(counts[0] + counts[2]) / (sample.size / 21600.0), 1),
            "v_per_minute_expert": round(float(counts[0] + counts[1]) / (sample.size / 21600.0), 1)}


def golden(graphs: dict[str, bytes], sample: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.generic]]:
    """Inputs from the free sample recording and what each graph makes of them."""
    values = filtered(sample, 360.0)
    found = find(values, Graph(graphs["physio.qrs"], name="physio.qrs"), threshold=QRS_THRESHOLD)[:60]
    rows = [Interval(f.at_s, f.rr_s, 0.0, 0.0) for f in found if f.rr_s == f.rr_s]
    stretch = values[20 * qrs.RATE_HZ : 20 * qrs.RATE_HZ + qrs.LENGTH]
    inputs = {
        "physio.qrs": {"ecg": np.clip(stretch / np.ptp(stretch), -qrs.CLIP, qrs.CLIP).astype(np.float32)},
        "physio.beat": {"beat": found[30].beat.window, "features": found[30].beat.features},
        "physio.rhythm": {"rhythm": rhythm.rhythm_input(rows)},
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, values_in in inputs.items():
        for key, value in Graph(graphs[name], name=name)(**values_in).items():
            arrays[f"{name}/out/{key}"] = value
        arrays |= {f"{name}/in/{key}": value for key, value in values_in.items()}
    return arrays
