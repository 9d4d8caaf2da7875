"""Held-out electrocardiograms and wrist pulses through the monitor, for the tasks about the heart. No task itself.

In: a ``Context`` whose data has ``open/mitdb_val`` or ``open/stress_predict``. Out: ``Ecg`` and ``Wrist`` for each. The
split is that of ``converters.physio.records``: nobody trains on ``open/mitdb_val`` nor on ``HELD_OUT`` of
``open/mitdb``. Not here: scores.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.tasks import Context
from converters.evaluation.watching import Signal, Watched, watch
from converters.physio import records
from converters.physio.evaluate import Said
from converters.physio.records import Record

MITDB = ("open/mitdb_val",)
STRESS = "open/stress_predict"
QUICK_S = 420.0
"""A quick evaluation takes so much of each recording: past minute five, where QRS are counted from."""
QUICK_WRIST_S = 1200.0
"""The sensor says no intervals in the first minutes."""

Floats = npt.NDArray[np.float64]


class Ecg(NamedTuple):
    """A record and what was said of it."""

    record: Record
    said: Said
    watched: Watched

    @property
    def hours(self) -> float:
        """Its length."""
        return len(self.record.signals) / self.record.rate_hz / 3600


class Wrist(NamedTuple):
    """One person's session with a wrist sensor."""

    person: str
    ibi: Floats
    """(n, 2): seconds from the start, inter-beat interval in s; the sensor's own, with gaps where it was unsure."""
    calm: list[tuple[float, float]]
    """Seconds outside of the stress tasks."""
    hours: float
    watched: Watched


def split(context: Context) -> str:
    """Name of the split of the electrocardiograms."""
    held = [name for name in records.HELD_OUT if (context.data / "open/mitdb" / f"{name}.hea").is_file()]
    return "mitdb_val" + "".join(f" + {name}" for name in held) + " (records nobody trains on), first lead"


def unseen(context: Context) -> list[Record]:
    """The held-out records; of a quick evaluation a few, and not whole."""
    return context.once("records", lambda: _unseen(context))


def electrocardiograms(context: Context) -> list[Ecg]:
    """All held-out records, watched."""
    return context.once("ecg", lambda: [_watched(context, one) for one in context.each(unseen(context), "ECG")])


def wrists(context: Context) -> list[Wrist]:
    """All sessions of Stress-Predict, watched."""
    return context.once("wrists", lambda: _wrists(context))


def listened(watched: Watched) -> Said:
    """What the monitor said, in the form that ``converters.physio.evaluate`` scores."""
    beats = watched.series("vitals.beat")
    series = {name: np.column_stack([one.t_s, one.value]) for name, one in watched.readings.items()}
    return Said(beats.t_s, beats.label, series, 0.0)


def cut(record: Record, start_s: float, end_s: float) -> Record:
    """The beats of a part of a record; signals, rhythms and times stay as they are."""
    keep = (record.beats_s >= start_s) & (record.beats_s < end_s)
    return replace(record, beats_s=record.beats_s[keep], classes=record.classes[keep])


def _unseen(context: Context) -> list[Record]:
    found = records.unseen(context.data)
    if (context.data / "open/mitdb").is_dir() and not context.quick:
        found += [one for one in records.load(context.data / "open/mitdb") if one.name in records.HELD_OUT]
    if not context.quick:
        return found
    chosen = [one for one in found if one.name in ("103", "228")] or context.few(found)
    return [_shortened(one) for one in chosen]


def _shortened(record: Record) -> Record:
    rhythms = tuple(one for one in record.rhythms if one[0] < QUICK_S)
    part = cut(record, 0.0, QUICK_S)
    return replace(part, signals=record.signals[: round(QUICK_S * record.rate_hz)], rhythms=rhythms)


def _watched(context: Context, record: Record) -> Ecg:
    said = watch(context.bundle, Signal(record.signals[:, 0], rate_hz=record.rate_hz, kind="ecg"))
    return Ecg(record, listened(said), said)


def _wrists(context: Context) -> list[Wrist]:
    folders = sorted((context.data / STRESS / "Raw_data").glob("S*"))
    labels = _labels(context.data / STRESS / "Processed_data/hr_rsp_binary_subset.csv.gz")
    found = []
    for folder in context.each(context.few(folders, 1), "wrist pulse"):
        start, rate_hz, pulse = _signal(folder)
        if context.quick:
            pulse = pulse[: round(QUICK_WRIST_S * rate_hz)]
        said = watch(context.bundle, Signal(pulse, rate_hz=rate_hz, kind="ppg"))
        seconds = len(pulse) / rate_hz
        calm = [(s - start, e - start) for s, e in _calm(labels.get(int(folder.name[1:]), []))]
        ibi = np.array([[float(x) for x in line] for line in _lines(folder, "IBI")[1:]]).reshape(-1, 2)
        found.append(Wrist(folder.name, ibi, calm, seconds / 3600, said))
    return found


def _signal(folder: Path) -> tuple[float, float, Floats]:
    """Start (seconds since 1970), rate and values of the pulse."""
    lines = _lines(folder, "BVP")
    return float(lines[0][0]), float(lines[1][0]), np.array([float(line[0]) for line in lines[2:]])


def _lines(folder: Path, name: str) -> list[list[str]]:
    path = next(iter(sorted(folder.glob(f"{name}.csv*"))), None)
    if path is None:
        raise ValueError(f"{folder}: no {name}.csv")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        return [line for line in csv.reader(lines) if line]


def _labels(path: Path) -> dict[int, list[tuple[float, int]]]:
    """Person -> (seconds since 1970, stress task or not), every second."""
    found: dict[int, list[tuple[float, int]]] = {}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(int(row["Participant"]), []).append((float(row["Time(sec)"]), int(row["Label"])))
    return found


def _calm(rows: list[tuple[float, int]]) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for at, label in sorted(rows):
        if label:
            continue
        if spans and at - spans[-1][1] <= 1.5:
            spans[-1] = spans[-1][0], at
        else:
            spans.append((at, at))
    return spans
