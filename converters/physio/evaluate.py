"""Score the physiological part through the device's own front end: int8 graphs, streaming, blocks of 0.1 s.

In: a Bundle with the part, recordings nobody trained on. Out: a plain dict for the report. Beats are scored over whole
records (EC57 would leave out the first five minutes), with ventricular flutter left out; V against all other annotated
beats, once strictly and once as EC57 counts (a V said of an F beat is not a false alarm). Not here: training.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.physio.records import Record, inside, match
from edge_mm.kinds import StreamKind
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import Graph
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec


class Said(NamedTuple):
    """What the front end said of one recording."""

    beats_s: npt.NDArray[np.float64]
    labels: npt.NDArray[np.str_]
    series: dict[str, npt.NDArray[np.float64]]
    """Name -> (n, 2) of seconds and value."""
    cpu_s: float


def listen(
    bundle: Bundle, values: npt.NDArray[np.float64], rate_hz: float, kind: StreamKind, *, block_s: float = 0.1
) -> Said:
    """Stream a recording through the device's front end."""
    front = PhysioFrontEnd(bundle, StreamSpec("eval", kind, rate_hz, "mV"))
    size = max(1, round(block_s * rate_hz))
    begin = time.process_time()
    out: list[Any] = []
    for i in range(0, len(values), size):
        block = values[i : i + size].astype(np.float32)
        out += front.push(Sample("eval", round(i * NS_PER_S / rate_hz), block, rate_hz))
    out += front.flush()
    cpu = time.process_time() - begin
    said = [o for o in out if isinstance(o, Observation)]
    beats = [o for o in said if o.name == "vitals.beat"]
    names = sorted({o.name for o in said})
    series = {n: np.array([(o.t_ns / NS_PER_S, o.value) for o in said if o.name == n]).reshape(-1, 2) for n in names}
    return Said(np.array([b.t_ns / NS_PER_S for b in beats]), np.array([b.label for b in beats], "<U1"), series, cpu)


def int8_loss(
    net: Any, content: bytes, inputs: list[dict[str, npt.NDArray[np.float32]]], output: str
) -> dict[str, float]:
    """How far the int8 graph is from the float net.

    Returns:
        Mean and largest difference of a probability, and the share of decisions (largest class, or above one half)
        that are the same.
    """
    graph = Graph(content, name=output)
    said = np.stack([graph(**one)[output].reshape(-1) for one in inputs])
    stacked = {key: np.concatenate([np.asarray(one[key], np.float32) for one in inputs]) for key in inputs[0]}
    true = np.asarray(net.predict(stacked, batch_size=256, verbose=0)[output]).reshape(len(inputs), -1)
    same = (said >= 0.5) == (true >= 0.5) if output != "classes" else said.argmax(axis=1) == true.argmax(axis=1)
    gap = np.abs(said - true)
    numbers = {"mean": float(gap.mean()), "largest": float(gap.max()), "same_decision": float(same.mean())}
    return {name: round(value, 4) for name, value in numbers.items()}


def qrs_counts(record: Record, said: Said, tolerance_s: float) -> npt.NDArray[np.float64]:
    """(TP, FN, FP)."""
    flutter = record.spans("VFL")
    found, truth = said.beats_s[~inside(said.beats_s, flutter)], record.beats_s[~inside(record.beats_s, flutter)]
    hits = int((match(truth, found, tolerance_s=tolerance_s) >= 0).sum())
    return np.array([hits, truth.size - hits, found.size - hits], float)


def v_counts(record: Record, said: Said, span_s: tuple[float, float] | None = None) -> npt.NDArray[np.float64]:
    """(TP, FN, FP, of these FP on F beats); a V that was not found at all is a FN, a V where no beat is a FP."""
    start, end = span_s or (0.0, 1e9)
    flutter = [*record.spans("VFL")]
    keep = ~inside(said.beats_s, flutter) & (said.beats_s >= start) & (said.beats_s < end)
    found, labels = said.beats_s[keep], said.labels[keep]
    truth_keep = ~inside(record.beats_s, flutter) & (record.beats_s >= start) & (record.beats_s < end)
    truth, classes = record.beats_s[truth_keep], record.classes[truth_keep]
    pairs = match(truth, found)
    real = np.array([classes[j] if j >= 0 else "-" for j in pairs], "<U1")
    say = labels == "V"
    hits, all_v = int((say & (real == "V")).sum()), int((classes == "V").sum())
    return np.array([hits, all_v - hits, (say & (real != "V")).sum(), (say & (real == "F")).sum()], float)


def rhythm_counts(record: Record, said: Said) -> npt.NDArray[np.float64]:
    """30 s segments without flutter: (AF said, AF missed, other said, other silent); more than half AF is AF."""
    table = said.series.get("vitals.rhythm_irregular", np.zeros((0, 2)))
    counts = np.zeros(4)
    other, af = record.spans("AFL", "VFL"), record.spans("AFIB")
    for start in np.arange(0.0, 1770.0, 30.0):
        end = start + 30.0
        if any(s < end and e > start for s, e in other):
            continue
        share = sum(max(0.0, min(e, end) - max(s, start)) for s, e in af) / 30.0
        values = table[(table[:, 0] > end - 0.1) & (table[:, 0] <= end + 4.95), 1]
        if not values.size:
            continue
        counts[(0 if values[0] >= 0.5 else 1) if share > 0.5 else (2 if values[0] >= 0.5 else 3)] += 1
    return counts


def scores(counts: npt.NDArray[np.float64]) -> dict[str, float]:
    """Se, +P, F1 in percent and what they rest on."""
    tp, fn, fp = counts[:3].tolist()
    parts = {"se": (tp, tp + fn), "ppv": (tp, tp + fp), "f1": (2 * tp, 2 * tp + fn + fp)}
    result = {"tp": tp, "fn": fn, "fp": fp}
    if counts.size > 3:
        result["fp_on_f"] = float(counts[3])
        parts["ppv_ec57"] = (tp, tp + fp - float(counts[3]))
    return result | {name: round(100.0 * part / whole, 2) for name, (part, whole) in parts.items() if whole}


def ecg_report(bundle: Bundle, records: list[Record], *, lead: int = 0) -> dict[str, Any]:
    """QRS, V beats and false rhythm alarms, per record and gross."""
    per: dict[str, Any] = {}
    qrs, near, v, rhythm, cpu, seconds = np.zeros(3), np.zeros(3), np.zeros(4), np.zeros(4), 0.0, 0.0
    for record in records:
        said = listen(bundle, record.signals[:, lead], record.rate_hz, "ecg")
        a, b = qrs_counts(record, said, 0.15), qrs_counts(record, said, 0.075)
        c, d = v_counts(record, said), rhythm_counts(record, said)
        qrs, near, v, rhythm = qrs + a, near + b, v + c, rhythm + d
        cpu, seconds = cpu + said.cpu_s, seconds + record.signals.shape[0] / record.rate_hz
        per[record.name] = {"qrs_150ms": scores(a), "v": scores(c), "irregular": d.tolist()}
    return {
        "lead": lead,
        "qrs_150ms": scores(qrs),
        "qrs_75ms": scores(near),
        "v": scores(v),
        "irregular_af_said_missed_other_said_silent": rhythm.tolist(),
        "per_record": per,
        "cpu_ms_per_second": round(1e3 * cpu / seconds, 3),
    }
