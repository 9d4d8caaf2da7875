"""Stress-Predict -> tables of ten minutes, made by the device's own code, with labels.

In: ``open/stress_predict``: 15 people, about 55 minutes each, wrist BVP, EDA, temperature; per second whether a stress
task (Stroop, interview, hyperventilation) was going on. Out: ``Session`` s. The beats are those that the device's front
end finds in the BVP; they do not depend on any net. Not here: features (``skin_stress``).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.perception import physio, physio_filter, physio_intake, physio_pulse, physio_quality
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.skin import MIN_BEAT_QUALITY, NAMES, WAIT_S
from edge_mm.perception.skin_seconds import Seconds
from edge_mm.perception.skin_steps import Beat, Steps, believed
from edge_mm.perception.skin_stress import STEP_S
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec

Array = npt.NDArray[np.float64]


class Session(NamedTuple):
    """One person."""

    person: str
    tables: Array
    """(n, STEPS, 5) as the front end sees them, one per step from the tenth minute on."""
    ends_s: Array
    """(n,) end of each table's newest step, seconds since the recording began; only the null model sees it."""
    labels: npt.NDArray[np.int64]
    """(n,) 1 during a task, 0 at rest."""
    levels: Array
    """(n,) log uS of the newest step; only the null model sees it."""


def read_sessions(folder: Path, work: Path | None) -> list[Session]:
    """Every person's session.

    Args:
        folder: ``open/stress_predict``.
        work: keeps the beats, which take minutes, from one run to the next.

    Raises:
        FileNotFoundError: there are no recordings.
    """
    labels = read_labels(folder)
    people = sorted(path for path in (folder / "Raw_data").glob("S*") if path.is_dir())
    if not people:
        raise FileNotFoundError(f"{folder}: no recordings (Raw_data/S*)")
    bundle = load_bundle("driver")
    return [_session(path, labels[int(path.name[1:])], _beats(bundle, path, work)) for path in people]


def tables(streams: dict[str, tuple[Array, float]], beats: Array) -> tuple[list[int], Array]:
    """What the front end's steps make of whole signals.

    Args:
        streams: ``eda`` and ``temp`` -> values from second 0 on, rate in Hz.
        beats: (n, 2) seconds, interval in seconds.

    Returns:
        Numbers of the steps, and (n, STEPS, 5) the table that ends with each.
    """
    steps, found, numbers = Steps(), [], []
    seconds: list[tuple[int, str, float]] = []
    for kind, (values, rate_hz) in streams.items():
        steps.rates_hz[NAMES[kind]] = rate_hz
        before = float("nan")
        for second in Seconds(kind, rate_hz).push(Sample(kind, 0, values.astype(np.float32), rate_hz)):
            why = believed(NAMES[kind], second.value, before)
            before = second.value
            seconds.append((second.number, NAMES[kind], float("nan") if why else second.value))
    heard = 0
    for number, name, value in sorted(seconds, key=lambda one: one[:2]):
        while heard < len(beats) and beats[heard, 0] < number:
            steps.hear(Beat(*beats[heard].tolist()))
            heard += 1
        steps.put(name, number, value)
        for step in steps.close(number - WAIT_S):
            table = steps.table()
            if table is not None:
                numbers.append(step)
                found.append(table)
    return numbers, np.array(found)


def read_e4(path: Path) -> tuple[float, float, Array]:
    """Start (Unix seconds), rate in Hz and values of one E4 export, gzipped or not."""
    with _text(path) as lines:
        rows = [line.split(",") for line in lines if line.strip()]
    return float(rows[0][0]), float(rows[1][0]), np.array([float(row[0]) for row in rows[2:]])


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    file = path if path.exists() else path.with_name(path.name + ".gz")
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
        yield lines


def read_labels(folder: Path) -> dict[int, Array]:
    """Person -> (n, 2) Unix seconds, label; of ``open/stress_predict``."""
    path = folder / "Processed_data" / "hr_rsp_binary_subset.csv.gz"
    found: dict[int, list[tuple[float, float]]] = {}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(int(row["Participant"]), []).append((float(row["Time(sec)"]), float(row["Label"])))
    return {person: np.array(rows) for person, rows in found.items()}


def _session(path: Path, labels: Array, beats: Array) -> Session:
    start, _, _ = read_e4(path / "BVP.csv")
    streams = {}
    for kind, name in (("eda", "EDA.csv"), ("temp", "TEMP.csv")):
        begin, rate_hz, values = read_e4(path / name)
        if abs(begin - start) > 1.0:
            raise ValueError(f"{path}: {name} starts {begin - start:g} s after the BVP")
        streams[kind] = values, rate_hz
    numbers, made = tables(streams, beats)
    at = labels[:, 0] - start
    kept, states = [], []
    for place, number in enumerate(numbers):
        inside = labels[(at >= number * STEP_S) & (at < (number + 1) * STEP_S), 1]
        if len(inside) >= STEP_S // 2:
            kept.append(place)
            states.append(int(inside.mean() > 0.5))
    ends = (np.array(numbers)[kept] + 1.0) * STEP_S
    return Session(path.name, made[kept], ends, np.array(states), made[kept, -1, 2])


def _beats(bundle: Bundle, path: Path, work: Path | None) -> Array:
    """(n, 2) seconds and intervals that the device hears from the BVP."""
    code = [physio, physio_filter, physio_intake, physio_pulse, physio_quality]
    key = hashlib.sha256(b"".join(Path(str(module.__file__)).read_bytes() for module in code)).hexdigest()[:16]
    kept = None if work is None else work / "skin" / f"beats-{path.name}-{key}.npz"
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            return np.asarray(arrays["beats"], np.float64)
    _, rate_hz, values = read_e4(path / "BVP.csv")
    front_end = PhysioFrontEnd(bundle, StreamSpec("bvp", "ppg", rate_hz, "a.u."))
    block, found = round(rate_hz), []
    for begin in range(0, len(values), block):
        part = values[begin : begin + block].astype(np.float32)
        for said in front_end.push(Sample("bvp", round(begin * NS_PER_S / rate_hz), part, rate_hz)):
            if isinstance(said, Observation) and said.name == "vitals.rr_interval_s":
                found.append((said.t_ns / NS_PER_S, said.value, said.quality))
    heard = np.array(found).reshape(-1, 3)
    beats = heard[heard[:, 2] >= MIN_BEAT_QUALITY, :2]
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, beats=beats)
    return beats
