"""ECG or PPG blocks of any rate become beats, rates, rhythm, signal quality and one embedding per second.

In: Samples of one stream, any block size, 60 Hz or more for ECG and 16 Hz or more for PPG, any unit and polarity, NaN
where a value is missing. Out, per beat and at most a second after it: ``vitals.beat`` (probability, label N S V F; only
ECG has classes), ``vitals.rr_interval_s``, ``vitals.heart_rate_bpm``; every five seconds ``vitals.rhythm_irregular``;
beside it
``vitals.respiration_rate_bpm`` where breathing shows in the beats, and every thirty ``vitals.hrv_rmssd_ms``; every
second ``sensor.quality`` and an Embedding. The same stream gives the same output
whatever its blocks. Not here: alerts, what is said about minutes.
"""

from __future__ import annotations

import msgspec

from edge_mm.errors import BundleError, ConfigError, UsageError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import load_graph
from edge_mm.perception.params import Share, decoded
from edge_mm.perception.physio_intake import CHUNK_S, Intake
from edge_mm.perception.physio_lane import BEAT_EMBEDDING, DIMENSION, UNITS, Lane
from edge_mm.perception.physio_pulse import PulseDetector
from edge_mm.perception.physio_qrs import QrsDetector
from edge_mm.perception.physio_rhythm import BEATS, CHANNELS, HeartRhythm
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

MIN_RATE_HZ = {"ecg": 60.0, "ppg": 16.0}
"""Slower streams do not hold a beat's shape."""

Reading = Observation | Embedding


class PhysioFrontEnd:
    """One physiological stream.

    Args:
        bundle: has front end ``physio`` and the graphs ``physio.qrs``, ``physio.beat``, ``physio.rhythm``.
        spec: the stream; ``kind`` decides what is done.

    Raises:
        BundleError: the bundle has no physiological front end.
        ConfigError: the stream is too slow for its kind.
        UsageError: it is neither ECG nor PPG.
    """

    def __init__(self, bundle: Bundle, spec: StreamSpec) -> None:
        slowest = MIN_RATE_HZ.get(spec.kind)
        if slowest is None:
            raise UsageError(f"stream {spec.name}: {spec.kind} is neither ecg nor ppg")
        if not spec.rate_hz >= slowest:
            need = f"{slowest:g} Hz or more needed"
            raise ConfigError(f"stream {spec.name}: {spec.rate_hz:g} Hz is too slow for {spec.kind}: {need}")
        self._name = spec.name
        self._intake = Intake(spec.name)
        self._lane = _lane(bundle, spec)

    @property
    def latency_s(self) -> float:
        """An Embedding stands for a second that must be over, and signals are taken in by chunks."""
        return 1.0 + CHUNK_S

    def push(self, sample: Sample) -> list[Reading]:
        """Take the next block of the stream.

        Raises:
            UsageError: the block has not the shape (n,).
        """
        return [reading for chunk in self._intake.push(sample) for reading in self._lane.chunk(chunk)]

    def flush(self) -> list[Reading]:
        """The stream ended: the last beats come out although nothing follows them."""
        readings = [reading for chunk in self._intake.flush() for reading in self._lane.chunk(chunk)]
        return readings + self._lane.end()


class _Params(msgspec.Struct):
    """What the bundle says for ECG."""

    qrs_threshold: Share
    """Probability from which a peak is a QRS complex."""
    v_threshold: Share
    """Probability from which a beat is ventricular."""


def qrs_threshold(bundle: Bundle) -> float:
    """Probability from which a bundle takes a peak as a QRS complex.

    Raises:
        BundleError: it has no physiological front end.
    """
    return decoded(bundle.front_end("physio") or {}, _Params, where=f"{bundle.source}: front end physio").qrs_threshold


def _lane(bundle: Bundle, spec: StreamSpec) -> Lane:
    parameters = bundle.front_end("physio")
    if parameters is None:
        raise BundleError(f"{bundle.source}: no physiological front end, but stream {spec.name} is {spec.kind}")
    graph = load_graph(bundle, "physio.rhythm")
    takes = graph.inputs.get("rhythm", ())[1:]
    if takes != (BEATS, CHANNELS):
        raise BundleError(
            f"{bundle.source}: physio.rhythm takes {takes} of each rhythm, this version makes {(BEATS, CHANNELS)}: "
            "use a bundle of this version, or build it again"
        )
    rhythm = HeartRhythm(graph)
    if spec.kind == "ppg":
        return Lane(spec.name, rhythm, PulseDetector())
    given = decoded(parameters, _Params, where=f"{bundle.source}: front end physio")
    detector = QrsDetector(load_graph(bundle, "physio.qrs"), threshold=given.qrs_threshold)
    return Lane(spec.name, rhythm, detector, net=load_graph(bundle, "physio.beat"), threshold=given.v_threshold)


__all__ = ["BEAT_EMBEDDING", "DIMENSION", "MIN_RATE_HZ", "UNITS", "PhysioFrontEnd", "qrs_threshold"]
