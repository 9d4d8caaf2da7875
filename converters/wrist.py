"""A wrist's recordings -> tracks: skin and heart together, and motion.

In: Stress-Predict (BVP, EDA, temperature of one wrist: truly synchronous) and HIFD (acted falls and daily life),
through the device's own front ends. Out: tracks of skin and of physio (PPG) of kind ``rest`` or ``stress``, both of a
person under one group; tracks of motion of kind ``active`` (daily life) and ``fall`` (seconds around the impact). Every
person is read with the net of the fold that had not seen them (``folds`` of the part), so that the fusion learns from
embeddings of strangers. Not here: which of them share a state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters.motion.records import FOLDS, Recording, read_hifd
from converters.skin.sessions import read_e4, read_labels
from converters.tracks import Track, track
from edge_mm.kinds import StreamKind
from edge_mm.models.bundle import Bundle
from edge_mm.perception.motion import MotionFrontEnd
from edge_mm.perception.motion_fall import GRAPH as FALL
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.skin import SkinFrontEnd
from edge_mm.perception.skin_stress import GRAPH as STRESS
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

HELD_OUT_PEOPLE = 4
"""Of Stress-Predict, the last ones by number."""
HELD_OUT_FOLDS = (4, 5)
"""Of HIFD: six of 18 people."""
SEGMENT_S = 30
FALL_SPAN_S = (-1.0, 7.0)
"""Seconds around the peak that a fall's track has; the impact is judged 2.5 s after it."""
Reading = Observation | Embedding


def stress_tracks(bundle: Bundle, data: Path, folds: Path) -> list[Track]:
    """Skin and heart of every person of Stress-Predict.

    Args:
        bundle: with the parts physio and skin.
        data: the shared data.
        folds: ``PERSON.tflite``: the skin's net that had not seen the person.
    """
    from tqdm import tqdm

    folder = data / "open/stress_predict"
    labels = read_labels(folder)
    people = sorted(path for path in (folder / "Raw_data").glob("S*") if path.is_dir())
    tracks: list[Track] = []
    for k, path in enumerate(tqdm(people, desc="wrist tracks: stress")):
        own = bundle.with_graph(STRESS, (folds / f"{path.name}.tflite").read_bytes())
        said = _wrist(own, path)
        start, _, _ = read_e4(path / "BVP.csv")
        held_out = k >= len(people) - HELD_OUT_PEOPLE
        for kind, begin_s, end_s in _stretches(labels[int(path.name[1:])], start):
            inside = [r for r in said if begin_s * NS_PER_S <= r.t_ns < end_s * NS_PER_S]
            for modality, stream in (("skin", "eda"), ("physio", "ppg")):
                own_readings = [r for r in inside if r.stream == stream]
                one = track(
                    own_readings, modality=modality, kind=kind, group=f"stress_predict {path.name}", held_out=held_out
                )
                tracks += [] if one is None else [one]
    return tracks


def motion_tracks(bundle: Bundle, data: Path, folds: Path) -> list[Track]:
    """Motion of every recording of HIFD.

    Args:
        bundle: with the part motion.
        data: the shared data.
        folds: ``FOLD.tflite``: the net that had not seen the fold's people.
    """
    from tqdm import tqdm

    recordings = read_hifd(data / "research/hifd")
    people = sorted({one.person for one in recordings})
    nets = [bundle.with_graph(FALL, (folds / f"{k}.tflite").read_bytes()) for k in range(FOLDS)]
    tracks: list[Track] = []
    for recording in tqdm(recordings, desc="wrist tracks: motion"):
        fold = people.index(recording.person) % FOLDS
        said = _moved(nets[fold], recording)
        kind, after, before = "active", 0.0, len(recording.acc) / 50
        if recording.fall:
            peak_s = int(np.nanargmax(np.linalg.norm(recording.acc, axis=1))) / 50
            kind, after, before = "fall", max(0.0, peak_s + FALL_SPAN_S[0]), peak_s + FALL_SPAN_S[1]
        inside = [r for r in said if after * NS_PER_S <= r.t_ns < before * NS_PER_S]
        one = track(
            inside, modality="motion", kind=kind, group=f"hifd {recording.person}", held_out=fold in HELD_OUT_FOLDS
        )
        tracks += [] if one is None else [one]
    return tracks


def _wrist(bundle: Bundle, folder: Path) -> list[Reading]:
    """Everything that the two front ends say of one person; the skin hears the heart."""
    streams: list[tuple[StreamKind, str, str]] = [
        ("ppg", "BVP.csv", "a.u."), ("eda", "EDA.csv", "uS"), ("temp", "TEMP.csv", "degC")
    ]  # fmt: skip
    signals = {kind: (read_e4(folder / file), unit) for kind, file, unit in streams}
    physio = PhysioFrontEnd(bundle, StreamSpec("ppg", "ppg", signals["ppg"][0][1], "a.u."))
    skin = SkinFrontEnd(bundle)
    for kind in ("eda", "temp"):
        (_, rate_hz, _), unit = signals[kind]
        skin.add(StreamSpec(kind, kind, rate_hz, unit))
    said: list[Reading] = []
    for kind, sample in _in_order({kind: (rate, values) for kind, ((_, rate, values), _) in signals.items()}):
        if kind != "ppg":
            said += skin.push(sample)
            continue
        for reading in physio.push(sample):
            said.append(reading)
            said += skin.hear(reading) if isinstance(reading, Observation) else []
    return said


def _moved(bundle: Bundle, recording: Recording) -> list[Reading]:
    front_end = MotionFrontEnd(bundle)
    for kind, unit in (("acc", "g"), ("gyro", "deg/s")):
        front_end.add(StreamSpec(kind, kind, 50.0, unit))  # type: ignore[arg-type]  # the two kinds above
    said: list[Reading] = []
    for _, sample in _in_order({"acc": (50.0, recording.acc), "gyro": (50.0, recording.gyro)}):
        said += front_end.push(sample)
    return said + front_end.flush()


def _in_order(signals: dict[str, tuple[float, npt.NDArray[np.floating]]]) -> Iterator[tuple[str, Sample]]:
    """Blocks of a second, the streams in turn."""
    seconds = max(int(np.ceil(len(values) / rate)) for rate, values in signals.values())
    for second in range(seconds):
        for kind, (rate, values) in signals.items():
            block = np.asarray(values[round(second * rate) : round((second + 1) * rate)], np.float32)
            if len(block):
                yield kind, Sample(kind, round(round(second * rate) * NS_PER_S / rate), block, rate)


def _stretches(labels: npt.NDArray[np.float64], start: float) -> Iterator[tuple[str, float, float]]:
    """Kind, begin and end in seconds of 30 s stretches of one label."""
    at, task = labels[:, 0] - start, labels[:, 1] > 0.5
    edges = [0, *(np.flatnonzero((np.diff(task) != 0) | (np.diff(at) > 1.5)) + 1).tolist(), len(at)]
    for first, stop in pairwise(edges):
        for begin in np.arange(at[first], at[stop - 1] - SEGMENT_S + 1, SEGMENT_S).tolist():
            if begin >= 0:
                yield ("stress" if task[first] else "rest"), begin, begin + SEGMENT_S
