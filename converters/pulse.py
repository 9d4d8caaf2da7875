"""Electrocardiograms -> tracks: MIT-BIH records through the device's front end, sorted by heart rate.

In: ``open/mitdb`` (training) and ``open/mitdb_val`` (held out). Out: tracks of about 30 s of kind ``slow``, ``middle``
and ``fast`` (the front end's own heart rate), and ``broken`` (electrodes off: noise instead of a heart). Not here:
whether a slow heart means anything: the recipe in ``composites`` says what is assumed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters.physio.records import HELD_OUT
from converters.tracks import Track, track
from edge_mm.models.bundle import Bundle
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

SLOW_BPM, FAST_BPM = 66.0, 84.0
SEGMENT_S = 30
MINUTES = 15
"""Of each record's 30 minutes; enough, and half the time."""
BROKEN = 24

Array = npt.NDArray[np.float32]


def physio_tracks(bundle: Bundle, data: Path, *, seed: int) -> list[Track]:
    """Every track of ECG, both sides of the split.

    Args:
        bundle: with the physio part.
        data: the shared data.
        seed: of the broken electrodes.
    """
    import wfdb
    from tqdm import tqdm

    paths = [(p, p.stem in HELD_OUT) for p in sorted((data / "open/mitdb").glob("*.hea"))]
    paths += [(p, True) for p in sorted((data / "open/mitdb_val").glob("*.hea"))]
    tracks: list[Track] = []
    for path, held_out in tqdm(paths, desc="physio tracks"):
        record = wfdb.rdrecord(str(path.with_suffix("")), channels=[0])
        ecg = np.asarray(record.p_signal[: int(MINUTES * 60 * record.fs), 0], np.float32)
        tracks += _record(bundle, ecg, float(record.fs), group=f"mitdb {path.stem}", held_out=held_out)
    rng = np.random.default_rng(seed)
    for k in tqdm(range(BROKEN), desc="physio tracks: broken"):
        readings = read(bundle, noise(rng, 360.0), 360.0)
        one = track(readings, modality="physio", kind="broken", group=f"noise {k}", held_out=k % 4 == 0)
        if one is not None:
            tracks.append(one)
    return tracks


def read(bundle: Bundle, ecg: Array, rate_hz: float) -> list[Observation | Embedding]:
    """Everything that the device's front end says of an ECG in mV."""
    front_end = PhysioFrontEnd(bundle, StreamSpec("ecg", "ecg", rate_hz, "mV"))
    readings: list[Observation | Embedding] = []
    block = round(rate_hz)
    for start in range(0, len(ecg), block):
        t_ns = round(start * NS_PER_S / rate_hz)
        readings += front_end.push(Sample("ecg", t_ns, ecg[start : start + block], rate_hz))
    return readings + front_end.flush()


def _record(bundle: Bundle, ecg: Array, rate_hz: float, *, group: str, held_out: bool) -> list[Track]:
    readings = read(bundle, ecg, rate_hz)
    tracks = []
    for start_s in range(0, round(len(ecg) / rate_hz) - SEGMENT_S + 1, SEGMENT_S):
        start_ns, end_ns = start_s * NS_PER_S, (start_s + SEGMENT_S) * NS_PER_S
        inside = [r for r in readings if start_ns <= r.t_ns < end_ns]
        rates = [
            r.value for r in inside
            if isinstance(r, Observation) and r.name == "vitals.heart_rate_bpm" and r.quality >= 0.5
        ]  # fmt: skip
        if not rates:
            continue
        rate = float(np.median(rates))
        kind = "slow" if rate < SLOW_BPM else "fast" if rate > FAST_BPM else "middle"
        one = track(inside, modality="physio", kind=kind, group=group, held_out=held_out)
        if one is not None:
            tracks.append(one)
    return tracks


def noise(rng: np.random.Generator, rate_hz: float) -> Array:
    """Electrodes off: muscle noise, mains hum, wander."""
    size = round(SEGMENT_S * rate_hz)
    t = np.arange(size) / rate_hz
    noise = rng.standard_normal(size) * rng.uniform(0.05, 1.0)
    hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * t) * rng.uniform(0, 1)
    wander = np.sin(2 * np.pi * rng.uniform(0.1, 0.6) * t + rng.uniform(0, 6)) * rng.uniform(0, 2)
    return np.asarray(noise + hum + wander, np.float32)
