"""Breaths per minute, read from the heart, against a chest or nose sensor of the same recording.

Read: ``vitals.respiration_rate_bpm``. Truth: the strongest frequency from 5 to 48 per minute of the reference channel
in the minute before each reading. Two recordings of intensive care, both breathing at an almost constant rate (one by a
machine): this shows that nothing is broken, it is little evidence of quality.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.results import Result, Table
from converters.evaluation.spread import of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.watching import Signal, watch
from edge_mm.kinds import StreamKind

TITLE = "Breaths per minute from the heart"
NEEDS, SENSES = ("open/physio_samples/bidmc", "open/physio_samples/wfdb/03700181.hea"), ("physio",)
WINDOW_S = 60.0
LOW_HZ, HIGH_HZ = 5 / 60, 48 / 60
_POINTS = 1 << 16

Floats = npt.NDArray[np.float64]


class Breathing(NamedTuple):
    """A recording with a reference."""

    name: str
    kind: StreamKind
    values: Floats
    reference: Floats
    rate_hz: float


def run(context: Context) -> Result:
    """Mean absolute error over all readings."""
    result = Result("breathing", TITLE)
    table = Table(result, "BIDMC 01 and MIMIC 03700181; nothing was learned from them", of="recordings")
    terms, groups = [], []
    for one in context.each(list(recordings(context.data / "open/physio_samples")), "breathing"):
        watched = watch(context.bundle, Signal(one.values, rate_hz=one.rate_hz, kind=one.kind))
        said = watched.series("vitals.respiration_rate_bpm")
        for at, value in zip(said.t_s, said.value, strict=True):
            if at >= WINDOW_S:
                terms.append([abs(float(value) - true_rate(one, float(at))), 1.0])
                groups.append(f"{one.name} {one.kind}")
    n = f"{len(terms)} readings of {len(set(groups))} signals of 2 people"
    table.spread(
        "breathing: mean absolute error", of_sums(np.array(terms).reshape(-1, 2), groups, share), n=n, unit="bpm",
        note="breaths per minute",
    )  # fmt: skip
    return result


def recordings(folder: Path) -> Iterator[Breathing]:
    """ECG and PPG of BIDMC 01, ECG of 03700181."""
    import wfdb

    table = np.genfromtxt(folder / "bidmc/bidmc_01_Signals.csv", delimiter=",", names=True)
    for kind, column in (("ecg", "II"), ("ppg", "PLETH")):
        yield Breathing("bidmc 01", kind, table[column], table["RESP"], 125.0)  # type: ignore[arg-type]
    record = wfdb.rdrecord(str(folder / "wfdb/03700181"))
    chest = record.p_signal[:, record.sig_name.index("RESP")]
    yield Breathing("03700181", "ecg", record.p_signal[:, 0], chest, float(record.fs))


def true_rate(one: Breathing, at_s: float) -> float:
    """Breaths per minute of the reference in the minute before ``at_s``."""
    piece = one.reference[round((at_s - WINDOW_S) * one.rate_hz) : round(at_s * one.rate_hz)]
    piece = np.where(np.isfinite(piece), piece, np.nanmean(piece))
    power = np.abs(np.fft.rfft((piece - piece.mean()) * np.hanning(piece.size), _POINTS)) ** 2
    hz = np.fft.rfftfreq(_POINTS, 1.0 / one.rate_hz)
    inside = (hz >= LOW_HZ) & (hz <= HIGH_HZ)
    return 60.0 * float(hz[inside][int(power[inside].argmax())])
