"""Write the physiological part with its golden sample and its scores.

In: graphs, threshold, the report of the training. Out: the part folder, scored through the device's own front end on
recordings that nobody trained on. Not here: training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.parts import Part, finished_folder, part_bundle, write_part
from converters.physio import evaluate
from converters.physio.records import HELD_OUT, Record, filtered, find, load, unseen
from converters.trained import Trained
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import Graph
from edge_mm.perception.physio import DIMENSION
from edge_mm.perception.physio_beat import LABELS
from edge_mm.perception.physio_qrs import CLIP, LENGTH, RATE_HZ
from edge_mm.perception.physio_rhythm import Interval, rhythm_input

QRS_THRESHOLD = 0.5
SAMPLE_HZ = 360.0
SAMPLE_START_S = 1174.5
"""The free sample recording is record 208, lead MLII, from here on (found by correlation: equal to the last bit)."""
Floats = npt.NDArray[np.float64]


def assemble(
    out: Path,
    graphs: dict[str, bytes],
    threshold: float,
    report: dict[str, Any],
    trained: dict[str, Trained],
    *,
    data: Path,
    sample: Floats,
) -> None:
    """Write the part and its scores through the device's front end; ``out`` changes only when it is scored."""
    front_end = {
        "qrs_threshold": QRS_THRESHOLD,
        "v_threshold": round(threshold, 3),
        "labels": list(LABELS),
        "embedding": DIMENSION,
    }
    flags, arrays = dict.fromkeys(graphs, False), golden(graphs, sample)
    report = {**report, "bytes": {name: len(content) for name, content in graphs.items()}}
    not_trained_on = unseen(data)
    demo = [r for r in load(data / "open" / "mitdb") if r.name in HELD_OUT]
    with finished_folder(out) as folder:
        write_part(folder, Part("physio", front_end, flags, report), graphs, arrays)
        bundle = part_bundle(folder)
        report["int8_streaming"] = {
            "not_trained_on": evaluate.ecg_report(bundle, not_trained_on),
            "not_trained_on_lead_1": evaluate.ecg_report(bundle, not_trained_on, lead=1),
            "208": evaluate.ecg_report(bundle, demo),
            "sample_recording": sample_report(bundle, demo[0], sample),
            "ppg": ppg_report(bundle, data / "open" / "physio_samples"),
        }
        metrics = {name: one.metric for name, one in trained.items()}
        recipes = {name: one.recipe for name, one in trained.items()}
        write_part(folder, Part("physio", front_end, flags, report, metrics, recipes), graphs, arrays, trained)


def sample_report(bundle: Bundle, record: Record, sample: Floats) -> dict[str, Any]:
    """V beats of the free sample against the annotation of the record that it is an excerpt of."""
    said = evaluate.listen(bundle, sample, SAMPLE_HZ, "ecg")
    end_s, minutes = SAMPLE_START_S + sample.size / SAMPLE_HZ, sample.size / SAMPLE_HZ / 60.0
    moved = said._replace(beats_s=said.beats_s + SAMPLE_START_S)
    counts = evaluate.v_counts(record, moved, (SAMPLE_START_S, end_s))
    inside = (record.beats_s >= SAMPLE_START_S) & (record.beats_s < end_s)
    irregular = said.series.get("vitals.rhythm_irregular", np.zeros((0, 2)))[:, 1]
    return {
        "v": evaluate.scores(counts),
        "v_per_minute_said": round(float(counts[0] + counts[2]) / minutes, 1),
        "v_per_minute_expert": round(float(counts[0] + counts[1]) / minutes, 1),
        "f_per_minute_expert": round(float((record.classes[inside] == "F").sum()) / minutes, 1),
        "irregular_statements": irregular.size,
        "irregular_above_half": int((irregular >= 0.5).sum()),
    }


def ppg_report(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Heart rate from PPG against the ECG of the same person.

    One intensive-care record at an almost constant rate: this shows that nothing is broken, it is no evidence of
    quality (a constant would score 0.54 bpm).
    """
    table = np.genfromtxt(folder / "bidmc" / "bidmc_01_Signals.csv", delimiter=",", names=True)
    said = evaluate.listen(bundle, table["PLETH"], 125.0, "ppg").series["vitals.heart_rate_bpm"]
    true = evaluate.listen(bundle, table["II"], 125.0, "ecg").series["vitals.heart_rate_bpm"]
    error = float(np.mean(np.abs(np.interp(said[:, 0], true[:, 0], true[:, 1]) - said[:, 1])))
    return {"bidmc_01_mean_error_bpm": round(error, 2), "beats": len(said)}


def golden(graphs: dict[str, bytes], sample: Floats) -> dict[str, npt.NDArray[np.generic]]:
    """Inputs from the free sample recording and what each graph makes of them."""
    values = filtered(sample, SAMPLE_HZ)
    found = find(values, Graph(graphs["physio.qrs"], name="physio.qrs"), threshold=QRS_THRESHOLD)[:60]
    rows = [Interval(f.at_s, f.rr_s, 0.0, 0.0) for f in found if np.isfinite(f.rr_s)]
    stretch = values[20 * RATE_HZ : 20 * RATE_HZ + LENGTH]
    inputs = {
        "physio.qrs": {"ecg": np.clip(stretch / np.ptp(stretch), -CLIP, CLIP).astype(np.float32)},
        "physio.beat": {"beat": found[30].beat.window, "features": found[30].beat.features},
        "physio.rhythm": {"rhythm": rhythm_input(rows)},
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, given in inputs.items():
        for key, value in Graph(graphs[name], name=name)(**given).items():
            arrays[f"{name}/out/{key}"] = value
        arrays.update({f"{name}/in/{key}": value for key, value in given.items()})
    return arrays
