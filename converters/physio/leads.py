"""The beats of a lead as the device finds them, with the class of the annotation that they match.

In: recordings, the int8 detector. Out: ``Lead``. Clean leads are for scores, mixtures with noise are for training only.
Not here: training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.physio.beat import Beats
from converters.physio.noise import spoil
from converters.physio.records import PACED, Record, filtered, find, inside, match
from edge_mm.perception.litert import Graph
from edge_mm.perception.physio_beat import LABELS
from edge_mm.perception.physio_qrs import running_scales

MIXTURES = 2
_ROW = 2560  # values that are spoiled at a time: 20 s


class Lead(NamedTuple):
    """A lead's beats."""

    record: Record
    number: int
    noisy: bool
    """A mixture with noise, for training."""
    at_s: npt.NDArray[np.float64]
    rr_s: npt.NDArray[np.float64]
    """NaN for the first."""
    usable: npt.NDArray[np.bool_]
    """Matches an annotated N, S, V or F."""
    beats: Beats
    """All beats; the label of an unusable one is 0."""

    @property
    def known(self) -> Beats:
        """The usable beats."""
        keep = self.usable
        return Beats(self.beats.windows[keep], self.beats.features[keep], self.beats.labels[keep])


def folds(leads: list[Lead], count: int) -> dict[str, int]:
    """Person -> fold; all that is of one person is in one fold, and who has many V beats is spread over the folds."""
    ventricular = LABELS.index("V")
    people = sorted({lead.record.person for lead in leads})
    rich = {p: sum(int((x.beats.labels == ventricular).sum()) for x in leads if x.record.person == p) for p in people}
    return {p: i % count for i, p in enumerate(sorted(people, key=lambda p: -rich[p]))}


def sides(leads: list[Lead], fold: Mapping[str, int], number: int) -> tuple[list[Lead], list[Lead]]:
    """The leads to learn from and the clean leads to try it on when fold ``number`` is left out."""
    learn = [lead for lead in leads if fold[lead.record.person] != number]
    return learn, [lead for lead in leads if fold[lead.record.person] == number and not lead.noisy]


def collect(
    records: list[Record], qrs_graph: bytes, *, threshold: float, seed: int, mixtures: int = MIXTURES
) -> list[Lead]:
    """The beats of every lead, and of random mixtures of both leads with noise added, through the int8 detector.

    A mixture of two leads is a lead from elsewhere on the same chest: with so few people, shapes are what is scarce.
    """
    graph, rng = Graph(qrs_graph, name="physio.qrs"), np.random.default_rng(seed)
    leads = []
    for record in records:
        if record.name in PACED:
            continue
        clean = [filtered(record.signals[:, k], record.rate_hz) for k in range(record.signals.shape[1])]
        unit = np.stack([values / np.median(running_scales(values)) for values in clean])
        mixed = []
        for number in range(mixtures):
            angle = np.pi * (number + rng.random()) / mixtures
            values = np.cos(angle) * unit[0] + np.sin(angle) * unit[1]
            rows = values[: values.size // _ROW * _ROW].reshape(-1, _ROW).astype(np.float32)
            mixed.append(spoil(rows, rng, gain=False).reshape(-1).astype(np.float64))
        for noisy, signals in ((False, clean), (True, mixed)):
            leads += [_lead(record, k, noisy, _found(v, graph, threshold)) for k, v in enumerate(signals)]
    return leads


class _Found(NamedTuple):
    at_s: npt.NDArray[np.float64]
    rr_s: npt.NDArray[np.float64]
    windows: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


def _found(values: npt.NDArray[np.float64], graph: Graph, threshold: float) -> _Found:
    found = find(values, graph, threshold=threshold)
    return _Found(
        np.array([f.at_s for f in found]),
        np.array([f.rr_s for f in found]),
        np.stack([f.beat.window for f in found]),
        np.stack([f.beat.features for f in found]),
    )


def _lead(record: Record, number: int, noisy: bool, found: _Found) -> Lead:
    pairs = match(record.beats_s, found.at_s)
    classes = np.array([record.classes[j] if j >= 0 else "-" for j in pairs], "<U1")
    usable = np.isin(classes, LABELS) & ~inside(found.at_s, record.spans("VFL"))
    labels = np.array([LABELS.index(c) if u else 0 for c, u in zip(classes, usable, strict=True)])
    beats = Beats(found.windows, found.features, labels)
    return Lead(record, number, noisy, found.at_s, found.rr_s, usable, beats)
