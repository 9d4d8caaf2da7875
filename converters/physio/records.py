"""Read the MIT-BIH recordings with their AAMI beat classes and rhythms, and run the device's own stages over a lead.

In: the folder with ``open/mitdb`` and ``open/mitdb_val``. Out: ``Record`` and, for a lead, the beats as the device
finds them. Splits by person: 201 and 202 are one person; 208 is never trained on, because the free sample recording
that the product demonstrates with is an excerpt of it. Not here: nets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception import physio_beat, physio_qrs
from edge_mm.perception.litert import Graph
from edge_mm.perception.physio_beat import Beat, BeatShapes
from edge_mm.perception.physio_filter import BandFilter
from edge_mm.perception.physio_qrs import QrsDetector

AAMI = {
    **dict.fromkeys("NLRej", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VE", "V"),
    "F": "F",
    **dict.fromkeys("/fQ", "Q"),
}
"""MIT-BIH beat code -> class of ANSI/AAMI EC57."""
PACED = ("102", "104", "107", "217")
"""Left out of beat classes, as EC57 does."""
HELD_OUT = ("208",)
"""In the training folder, but the demonstration's recording is an excerpt of it."""
MATCH_S = 0.15
"""EC57 match window."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """One recording of 30 minutes."""

    name: str
    rate_hz: float
    signals: Floats
    """(n, leads) in mV."""
    beats_s: Floats
    """(b,) seconds of the annotated R peaks."""
    classes: npt.NDArray[np.str_]
    """(b,) N, S, V, F or Q."""
    rhythms: tuple[tuple[float, str], ...]
    """(seconds, name) of each change of rhythm."""

    @property
    def person(self) -> str:
        """Whose it is: 201 and 202 are one."""
        return "201" if self.name == "202" else self.name

    def spans(self, *names: str) -> list[tuple[float, float]]:
        """Where these rhythms are."""
        ends = [start for start, _ in self.rhythms[1:]] + [self.signals.shape[0] / self.rate_hz]
        return [(s, e) for (s, name), e in zip(self.rhythms, ends, strict=True) if name in names]


def load(folder: Path) -> list[Record]:
    """All recordings of a folder, by name."""
    import wfdb

    records = []
    for header in sorted(folder.glob("*.hea")):
        path = str(header.with_suffix(""))
        signal, notes = wfdb.rdrecord(path), wfdb.rdann(path, "atr")
        rate = float(signal.fs)
        beats = [(s / rate, AAMI[c]) for s, c in zip(notes.sample, notes.symbol, strict=True) if c in AAMI]
        marks = zip(notes.sample, notes.aux_note, strict=True)
        texts = [(s / rate, t.strip("\0 (")) for s, t in marks if t.startswith("(")]
        times, classes = zip(*beats, strict=True)
        records.append(Record(header.stem, rate, signal.p_signal, np.array(times), np.array(classes), tuple(texts)))
    return records


def training(data: Path) -> list[Record]:
    """The recordings that may be trained on: those of ``open/mitdb`` but for ``HELD_OUT``."""
    return [record for record in load(data / "open" / "mitdb") if record.name not in HELD_OUT]


def unseen(data: Path) -> list[Record]:
    """The recordings of ``open/mitdb_val``, which nobody trains on."""
    return load(data / "open" / "mitdb_val")


def filtered(values: Floats, rate_hz: float) -> Floats:
    """A lead as the device's filter gives it, (m,) at 128 Hz."""
    band = BandFilter(rate_hz, physio_qrs.RATE_HZ, **physio_qrs.BAND)
    pieces = [p.values for step in (band.push(values), band.flush()) for p in step if p is not None]
    return np.concatenate(pieces)


class Found(NamedTuple):
    """A beat as the device sees it."""

    at_s: float
    rr_s: float
    strength: float
    beat: Beat


def find(values: Floats, graph: Graph, *, threshold: float) -> list[Found]:
    """Peaks and beats of a filtered lead, by the device's detector and shapes."""
    detector, shapes, found = QrsDetector(graph, threshold=threshold), BeatShapes(), []
    last: float | None = None
    margin = physio_beat.SHIFTS
    for begin in range(0, values.size, physio_qrs.HOP):
        peaks = detector.push(values[begin : begin + physio_qrs.HOP])
        for peak in peaks:
            start = round(peak.index) - physio_beat.BEFORE - margin
            rr = None if last is None else (peak.index - last) / physio_qrs.RATE_HZ
            last = peak.index
            beat = shapes.push(detector.window(start, physio_beat.LENGTH + 2 * margin), rr)
            found.append(Found(peak.index / physio_qrs.RATE_HZ, rr or np.nan, peak.strength, beat))
    return found


def match(truth_s: Floats, found_s: Floats, *, tolerance_s: float = MATCH_S) -> npt.NDArray[np.int64]:
    """For each found beat the index of its annotation, -1 if it has none; one to one, nearest first."""
    pairs = []
    for i, at in enumerate(found_s):
        low, high = np.searchsorted(truth_s, at - tolerance_s), np.searchsorted(truth_s, at + tolerance_s, "right")
        pairs += [(abs(truth_s[j] - at), i, j) for j in range(int(low), int(high))]
    result = np.full(len(found_s), -1, np.int64)
    taken: set[int] = set()
    for _, i, j in sorted(pairs):
        if result[i] < 0 and j not in taken:
            result[i] = j
            taken.add(j)
    return result


def inside(times: Floats, spans: list[tuple[float, float]]) -> npt.NDArray[np.bool_]:
    """Which times lie in one of the spans."""
    result = np.zeros(len(times), bool)
    for start, end in spans:
        result |= (times >= start) & (times < end)
    return result
