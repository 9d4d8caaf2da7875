"""Patients -> tracks: their ECG and their note, which belong together.

In: the MIT-BIH records with the split of ``converters.physio`` and ``converters.text``. Out: per record, 30 s stretches
of ECG of kind ``arrhythmia`` or ``regular``, and one of kind ``note``: the same group, so that an episode has the note
of the patient whose heart it hears. Not here: which net reads what.

A stretch is ``arrhythmia`` when, by the experts, at least half of it is atrial fibrillation, flutter or a tachycardia,
or it has three ventricular beats; ``regular`` when it has none of that and at most one early beat. What is between is
left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from converters.physio.records import HELD_OUT, Record, load
from converters.pulse import BROKEN, MINUTES, SEGMENT_S, noise, read
from converters.text.notes import paraphrase, read_notes
from converters.tracks import Track, track
from edge_mm.models.bundle import Bundle
from edge_mm.perception.text import TextFrontEnd
from edge_mm.types import NS_PER_S, Sample, StreamSpec

RHYTHMS = ("AFIB", "AFL", "VT", "SVTA", "IVR", "VFL", "B", "T")
"""Names of MIT-BIH rhythms that count: fibrillation, flutter, tachycardias, bigeminy and trigeminy."""
V_BEATS, EARLY_BEATS = 3, 1
WORDINGS = 6
"""Ways in which each note is said (simulated paraphrases, the note as written first)."""


def patient_tracks(bundle: Bundle, data: Path, *, seed: int) -> list[Track]:
    """Every track of ECG and notes, both sides of the split.

    Args:
        bundle: with the parts physio and text.
        data: the shared data.
        seed: of the broken electrodes and of the paraphrases.
    """
    from tqdm import tqdm

    tracks: list[Track] = []
    records = [(r, r.name in HELD_OUT) for r in load(data / "open/mitdb")]
    records += [(r, True) for r in load(data / "open/mitdb_val")]
    for record, held_out in tqdm(records, desc="patient tracks"):
        tracks += _heart(bundle, record, held_out=held_out)
    rng = np.random.default_rng(seed)
    for note in read_notes(data):
        texts = [note.text, *(paraphrase(note, rng) for _ in range(WORDINGS - 1))]
        for text in texts:
            one = _note(bundle, text, group=f"mitdb {note.record}", held_out=note.held_out)
            tracks += [] if one is None else [one]
    for k in tqdm(range(BROKEN), desc="patient tracks: broken"):
        said = read(bundle, noise(rng, 360.0), 360.0)
        one = track(said, modality="physio", kind="broken", group=f"noise {k}", held_out=k % 4 == 0)
        tracks += [] if one is None else [one]
    return tracks


def kind_of(record: Record, start_s: float, end_s: float) -> str:
    """``arrhythmia``, ``regular``, or nothing for what is between."""
    inside = (record.beats_s >= start_s) & (record.beats_s < end_s)
    classes = record.classes[inside]
    v, s = int((classes == "V").sum()), int((classes == "S").sum())
    covered = sum(max(0.0, min(e, end_s) - max(b, start_s)) for b, e in record.spans(*RHYTHMS))
    if v >= V_BEATS or covered >= (end_s - start_s) / 2:
        return "arrhythmia"
    return "regular" if v + s <= EARLY_BEATS and not covered else ""


def _heart(bundle: Bundle, record: Record, *, held_out: bool) -> list[Track]:
    ecg = np.asarray(record.signals[: int(MINUTES * 60 * record.rate_hz), 0], np.float32)
    said = read(bundle, ecg, record.rate_hz)
    tracks = []
    for start_s in range(60, round(len(ecg) / record.rate_hz) - SEGMENT_S + 1, SEGMENT_S):  # the rhythm needs a minute
        kind = kind_of(record, start_s, start_s + SEGMENT_S)
        inside = [r for r in said if start_s * NS_PER_S <= r.t_ns < (start_s + SEGMENT_S) * NS_PER_S]
        one = track(inside, modality="physio", kind=kind, group=f"mitdb {record.name}", held_out=held_out)
        tracks += [one] if kind and one is not None else []
    return tracks


def _note(bundle: Bundle, text: str, *, group: str, held_out: bool) -> Track | None:
    front_end = TextFrontEnd(bundle, StreamSpec("note", "note", 1.0, "utf-8"))
    said = front_end.push(Sample("note", 0, np.frombuffer(text.encode(), np.uint8), 1.0))
    return track(said, modality="text", kind="note", group=group, held_out=held_out)
