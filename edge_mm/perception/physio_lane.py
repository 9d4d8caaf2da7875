"""Everything that is said of one ECG or PPG: beats, rates, rhythm, breathing, quality, one embedding per second.

In: chunks of the signal. Out: observations and embeddings, as ``physio`` lists them. Not here: blocks and time stamps
(``physio_intake``), parameters of the bundle (``physio``), what is said about minutes (alerts).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edge_mm.perception import physio_beat, physio_pulse, physio_qrs
from edge_mm.perception.litert import Runner
from edge_mm.perception.physio_beat import BeatShapes
from edge_mm.perception.physio_breath import Breathing
from edge_mm.perception.physio_contact import Contact
from edge_mm.perception.physio_filter import BandFilter
from edge_mm.perception.physio_hrv import rmssd_ms
from edge_mm.perception.physio_intake import CHUNK_S, Chunk, TimeBase
from edge_mm.perception.physio_pulse import PulseDetector
from edge_mm.perception.physio_qrs import Peak, QrsDetector
from edge_mm.perception.physio_quality import SECOND, Quality, SignalQuality
from edge_mm.perception.physio_rhythm import EMBEDDING, SUMMARY, HeartRhythm, Interval
from edge_mm.types import NS_PER_S, Embedding, Observation

BEAT_EMBEDDING = 16
DIMENSION = BEAT_EMBEDDING + len(physio_beat.LABELS) + SUMMARY + EMBEDDING
"""Length of an Embedding: mean beat embedding and class probabilities of the last 3 s, heart rate summary, rhythm."""
USABLE = {"ecg": 0.15, "ppg": 0.3}
"""Below this quality no rate and no rhythm is given. Band-limited noise has pulses too, so PPG has to be better."""
RHYTHM_EVERY = 5
"""Seconds between two statements about the rhythm, and between two about breathing."""
IRREGULAR = 0.5
"""From this probability of an irregular rhythm on nothing is said about breathing."""
HRV_EVERY, HRV_S = 30, 60.0
"""Seconds between two statements about heart rate variability, and of beats that each is about."""
STEADY_S, STEADY = 30, 0.5
"""A statement about the rhythm needs this mean quality over so many seconds."""
UNITS = {
    "sensor.quality": "1",
    "vitals.beat": "probability",
    "vitals.rr_interval_s": "s",
    "vitals.heart_rate_bpm": "bpm",
    "vitals.rhythm_irregular": "probability",
    "vitals.respiration_rate_bpm": "bpm",
    "vitals.hrv_rmssd_ms": "ms",
}
"""What this front end says, and in which unit."""


Reading = Observation | Embedding


class Lane:
    """One stream.

    Args:
        stream: its name.
        rhythm: what its intervals are given to.
        detector: of QRS complexes or pulses.
        net: classes of beats (ECG); None for PPG.
        threshold: probability from which a beat is ventricular.
    """

    def __init__(
        self,
        stream: str,
        rhythm: HeartRhythm,
        detector: QrsDetector | PulseDetector,
        *,
        net: Runner | None = None,
        threshold: float = 0.5,
    ) -> None:
        self._stream = stream
        self._chunks = 0
        self._rhythm, self._detector, self._net, self._threshold = rhythm, detector, net, threshold
        module = physio_pulse if net is None else physio_qrs
        self._usable = USABLE["ppg" if net is None else "ecg"]
        self._rate, self._band = float(module.RATE_HZ), module.BAND
        self._before, self._length = physio_beat.BEFORE, physio_beat.LENGTH
        self._shapes = BeatShapes()
        if net is None:
            self._before, self._length = physio_pulse.BEFORE, physio_pulse.LENGTH
            self._shapes = BeatShapes(core=physio_pulse.CORE, challenge=1.2)
        self._signal = (
            SignalQuality(contact=Contact())
            if net is not None
            else SignalQuality(hum_s=0.08, hiss=0.06, alike=(0.65, 0.95))
        )
        self._quality = Quality(0.5, "")
        self._past: deque[float] = deque(maxlen=STEADY_S)
        self._breathing = Breathing()
        self._intervals: deque[tuple[float, float]] = deque(maxlen=300)
        self._beats: deque[tuple[float, npt.NDArray[np.float32]]] = deque(maxlen=16)
        self._filter: BandFilter | None = None
        self._time = TimeBase(0, 1.0)
        self._begin = 0.0  # index in the run where the stretch begins
        self._last: float | None = None  # index in the stretch of the newest beat
        self._open = False
        self._seconds = 0

    def chunk(self, chunk: Chunk) -> list[Reading]:
        """Take the next chunk."""
        readings: list[Reading] = []
        if chunk.fresh:
            readings += self.end()
            self._chunks = 0
            self._filter = BandFilter(chunk.time.rate_hz, self._rate, **self._band)
        self._time = chunk.time
        self._chunks += 1
        self._signal.chunk(chunk.values, chunk.time.rate_hz)
        assert self._filter is not None  # noqa: S101  # the first chunk is fresh
        for piece in self._filter.push(chunk.values):
            if piece is None:
                readings += self._close()
                continue
            if piece.begins_at is not None:
                self._begin = float(chunk.start + piece.begins_at)
                self._open = True
            if piece.values.size:
                readings += self._read(self._detector.push(piece.values))
        if self._chunks % SECOND == 0 and chunk.full:
            readings += self._tick(chunk.start + chunk.values.size)
        return readings

    def end(self) -> list[Reading]:
        """The run ended."""
        readings: list[Reading] = []
        if self._filter is not None:
            for piece in self._filter.flush():
                readings += self._read(self._detector.push(piece.values)) if piece.values.size else []
            self._filter = None
        return readings + self._close()

    def _close(self) -> list[Reading]:
        """The stretch broke off."""
        readings = self._read(self._detector.flush()) if self._open else []
        self._detector.reset()
        self._signal.forget()
        self._last, self._open = None, False
        return readings

    def _at(self, index: float) -> int:
        return self._time.at(self._begin + index * self._time.rate_hz / self._rate)

    def _read(self, peaks: Iterable[Peak]) -> list[Reading]:
        return [reading for peak in peaks for reading in self._beat(peak)]

    def _beat(self, peak: Peak) -> list[Reading]:
        t_ns = self._at(peak.index)
        rr = None if self._last is None else (peak.index - self._last) / self._rate
        self._last = peak.index
        margin = physio_beat.SHIFTS
        wide = self._detector.window(round(peak.index) - self._before - margin, self._length + 2 * margin)
        beat = self._shapes.push(wide, rr)
        # An ECG has beats of several shapes, so each is judged by its own; a pulse that is unlike the usual is motion.
        like = beat.match if self._net is not None else float(beat.features[physio_beat.SIMILARITY])
        self._signal.beat(like, float(np.ptp(wide)))
        if rr is not None:
            self._breathing.add(t_ns / NS_PER_S, rr, float(np.ptp(wide)), float(np.mean(wide)))
            self._intervals.append((t_ns / NS_PER_S, rr))
        quality = self._quality.value
        readings: list[Reading] = []
        ventricular = supraventricular = 0.0
        if self._net is not None:
            kind = physio_beat.classify(self._net, beat, threshold=self._threshold)
            self._beats.append((t_ns / NS_PER_S, np.concatenate([kind.embedding, kind.probabilities])))
            _, supraventricular, ventricular, _ = kind.probabilities.tolist()
            value = float(kind.probabilities[physio_beat.LABELS.index(kind.label)])
            readings.append(self._observation(t_ns, "vitals.beat", value, quality, kind.label))
        elif quality >= self._usable:
            readings.append(self._observation(t_ns, "vitals.beat", peak.strength, quality))
        if rr is None or not self._rhythm.add(Interval(t_ns / NS_PER_S, rr, ventricular, supraventricular)):
            return readings
        if quality >= self._usable:
            readings.append(self._observation(t_ns, "vitals.rr_interval_s", rr, quality))
            rate = self._rhythm.rate_bpm(t_ns / NS_PER_S)
            if rate is not None:
                readings.append(self._observation(t_ns, "vitals.heart_rate_bpm", rate, quality))
        return readings

    def _tick(self, end: int) -> list[Reading]:
        """A second of the run is full."""
        end_ns, self._seconds = self._time.at(end), self._seconds + 1
        since_start = (end - self._begin) / self._time.rate_hz if self._open else 0.0
        since_beat = np.inf if self._last is None else since_start - self._last / self._rate
        self._quality = self._signal.second(since_beat, since_start)
        value, label = self._quality
        readings: list[Reading] = [self._observation(end_ns, "sensor.quality", value, value, label)]
        now = end_ns / NS_PER_S
        self._past.append(value)
        steady = float(np.mean(self._past))
        if self._seconds % RHYTHM_EVERY == 0 and value >= self._usable and steady >= STEADY:
            irregular = self._rhythm.irregular(now)
            breath = self._breathing.rate(now)
            # the intervals of fibrillation wander by themselves: what looks like a breath in them is none
            if breath is not None and (irregular is None or irregular < IRREGULAR):
                quality = min(breath.quality, steady)
                rate = breath.per_minute
                readings.append(self._observation(end_ns, "vitals.respiration_rate_bpm", rate, quality))
            if self._seconds % HRV_EVERY == 0:
                readings += self._variability(end_ns, steady)
            if irregular is not None:
                readings.append(self._observation(end_ns, "vitals.rhythm_irregular", irregular, steady))
        recent = [vector for at, vector in self._beats if at >= now - 3.0]
        shape = np.mean(recent, axis=0) if recent else np.zeros(BEAT_EMBEDDING + len(physio_beat.LABELS))
        vector = np.concatenate([shape, self._rhythm.summary(now)]).astype(np.float32)
        span = round(SECOND * CHUNK_S * NS_PER_S)
        readings.append(Embedding(end_ns - span, span, self._stream, vector, value))
        return readings

    def _variability(self, end_ns: int, quality: float) -> list[Reading]:
        """RMSSD of the last minute, where nearly all of it was heard."""
        rows = np.array([row for row in self._intervals if row[0] > end_ns / NS_PER_S - HRV_S])
        if not len(rows) or rows[:, 1].sum() < 0.8 * HRV_S:
            return []
        value = rmssd_ms(rows[:, 1])
        return [self._observation(end_ns, "vitals.hrv_rmssd_ms", value, quality)] if np.isfinite(value) else []

    def _observation(self, t_ns: int, name: str, value: float, quality: float, label: str = "") -> Observation:
        return Observation(t_ns, name, value, UNITS[name], quality, "physio", self._stream, label)
