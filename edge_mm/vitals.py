"""Beats, heart rate variability, pulse and breathing as plain functions: numpy in, numpy out.

In: a whole recording. Out: what ``edge-mm`` reads from it on a device, by the same code and the same graphs. Streams go
through ``Monitor`` instead; these are for a notebook, a file, a test. Not here: alerts.

::

    peaks = edge_mm.r_peaks(ecg, 360.0)          # seconds
    table = edge_mm.hrv(edge_mm.rr_intervals(ecg, 360.0))
    print(table.rmssd_ms, edge_mm.respiration_rate(ecg, 360.0))
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.errors import UsageError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.perception import physio_pulse, physio_qrs
from edge_mm.perception.litert import load_graph
from edge_mm.perception.physio import MIN_RATE_HZ, PhysioFrontEnd, qrs_threshold
from edge_mm.perception.physio_filter import BandFilter
from edge_mm.perception.physio_hrv import Hrv, hrv
from edge_mm.perception.physio_pulse import PulseDetector
from edge_mm.perception.physio_qrs import QrsDetector
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec

Array = npt.NDArray[np.float64]
Kind = Literal["ecg", "ppg"]

BUNDLE = "driver"
"""The bundle whose graph finds QRS complexes."""
_BLOCK_S = 60.0


class Rate(NamedTuple):
    """A rate of a whole recording."""

    per_minute: float
    """Beats or breaths per minute: the median of all readings; NaN where none was good enough."""
    quality: float
    """Mean quality of the readings, 0..1."""
    coverage: float
    """Share of the recording for which there is a reading, 0..1."""


def r_peaks(ecg: npt.ArrayLike, rate_hz: float) -> Array:
    """R peaks of an ECG.

    Args:
        ecg: (n,) any unit and polarity; NaN where a value is missing.
        rate_hz: samples per second, 60 or more.

    Returns:
        (b,) float64, seconds from the first sample, ascending.

    Raises:
        UsageError: another shape, or a rate that is too low.
    """
    stretches = list(_stretches(_checked(ecg, rate_hz, "ecg"), rate_hz, "ecg"))
    return np.concatenate(stretches) if stretches else np.zeros(0)


def pulse_peaks(ppg: npt.ArrayLike, rate_hz: float) -> Array:
    """Pulses of a PPG at their steepest rise; arguments and result as of ``r_peaks``, 16 samples per second or more."""
    stretches = list(_stretches(_checked(ppg, rate_hz, "ppg"), rate_hz, "ppg"))
    return np.concatenate(stretches) if stretches else np.zeros(0)


def rr_intervals(ecg: npt.ArrayLike, rate_hz: float) -> Array:
    """Intervals between successive R peaks.

    Args:
        ecg: as of ``r_peaks``.
        rate_hz: as of ``r_peaks``.

    Returns:
        (b,) float64 seconds; NaN between two beats that a gap of the recording parts. ``hrv`` takes it as it is.

    Raises:
        UsageError: as ``r_peaks``.
    """
    pieces = []
    for stretch in _stretches(_checked(ecg, rate_hz, "ecg"), rate_hz, "ecg"):
        pieces += [np.array([np.nan]), np.diff(stretch)]
    return np.concatenate(pieces[1:]) if pieces else np.zeros(0)


def heart_rate(signal: npt.ArrayLike, rate_hz: float, *, kind: Kind = "ecg") -> Rate:
    """Heart rate of an ECG or a PPG, and how far it can be trusted; a sensor that is off gives NaN, not a number.

    Args:
        signal: (n,) as of ``r_peaks``.
        rate_hz: samples per second.
        kind: ``ecg`` or ``ppg``.

    Raises:
        UsageError: as ``r_peaks``.
    """
    return _rate(signal, rate_hz, kind, "vitals.heart_rate_bpm", holds_s=3.0)


def pulse_rate(ppg: npt.ArrayLike, rate_hz: float) -> Rate:
    """``heart_rate`` of a PPG."""
    return heart_rate(ppg, rate_hz, kind="ppg")


def respiration_rate(signal: npt.ArrayLike, rate_hz: float, *, kind: Kind = "ecg") -> Rate:
    """Breaths per minute from what breathing does to the beats of an ECG or a PPG of 32 s or more.

    Args:
        signal: (n,) as of ``r_peaks``.
        rate_hz: samples per second.
        kind: ``ecg`` or ``ppg``.

    Raises:
        UsageError: as ``r_peaks``.
    """
    return _rate(signal, rate_hz, kind, "vitals.respiration_rate_bpm", holds_s=5.0)


def _rate(signal: npt.ArrayLike, rate_hz: float, kind: Kind, name: str, *, holds_s: float) -> Rate:
    values = _checked(signal, rate_hz, kind)
    front_end = PhysioFrontEnd(_bundle(), StreamSpec(kind, kind, rate_hz, "a.u."))
    size = max(1, round(_BLOCK_S * rate_hz))
    said: list[Observation] = []
    for start in range(0, values.size, size):
        block = values[start : start + size].astype(np.float32)
        readings = front_end.push(Sample(kind, round(start * NS_PER_S / rate_hz), block, rate_hz))
        said += [one for one in readings if isinstance(one, Observation) and one.name == name]
    said += [one for one in front_end.flush() if isinstance(one, Observation) and one.name == name]
    if not said:
        return Rate(float("nan"), 0.0, 0.0)
    covered = np.unique(
        np.concatenate([np.arange(one.t_ns / NS_PER_S - holds_s, one.t_ns / NS_PER_S) for one in said]) // 1
    )
    seconds = max(values.size / rate_hz, 1.0)
    return Rate(
        float(np.median([one.value for one in said])),
        float(np.mean([one.quality for one in said])),
        min(1.0, covered.size / seconds),
    )


def _stretches(values: Array, rate_hz: float, kind: Kind) -> Iterator[Array]:
    """Seconds of the beats of each continuous stretch."""
    detector: QrsDetector | PulseDetector
    if kind == "ecg":
        bundle = _bundle()
        detector = QrsDetector(load_graph(bundle, "physio.qrs"), threshold=qrs_threshold(bundle))
        inner, band = float(physio_qrs.RATE_HZ), physio_qrs.BAND
    else:
        detector, inner, band = PulseDetector(), float(physio_pulse.RATE_HZ), physio_pulse.BAND
    sieve = BandFilter(rate_hz, inner, **band)
    size = max(1, round(_BLOCK_S * rate_hz))
    begin, beats, start = 0.0, list[float](), 0
    for start in range(0, values.size, size):
        ends = start + size >= values.size
        for piece in (*sieve.push(values[start : start + size]), *(sieve.flush() if ends else ())):
            if piece is None:
                beats += [begin + peak.index / inner for peak in detector.flush()]
                detector.reset()
                if beats:
                    yield np.array(beats)
                beats = []
                continue
            if piece.begins_at is not None:
                begin = (start + piece.begins_at) / rate_hz
            if piece.values.size:
                beats += [begin + peak.index / inner for peak in detector.push(piece.values)]
    if values.size:
        beats += [begin + peak.index / inner for peak in detector.flush()]
    if beats:
        yield np.array(beats)


def _checked(signal: npt.ArrayLike, rate_hz: float, kind: Kind) -> Array:
    values = np.asarray(signal)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise UsageError(f"{kind}: an array of shape {values.shape}, {values.dtype}; give (n,) numbers")
    if not (np.isfinite(rate_hz) and rate_hz >= MIN_RATE_HZ[kind]):
        raise UsageError(f"{kind}: {rate_hz} samples per second; {MIN_RATE_HZ[kind]:g} or more are needed")
    values = values.astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


@lru_cache(maxsize=1)
def _bundle() -> Bundle:
    return load_bundle(BUNDLE)


__all__ = [
    "Hrv",
    "Rate",
    "heart_rate",
    "hrv",
    "pulse_peaks",
    "pulse_rate",
    "r_peaks",
    "respiration_rate",
    "rr_intervals",
]
