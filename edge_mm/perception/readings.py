"""What a device has worked out itself: a belt's heart rate, a cuff's blood pressure, a car's speed.

In: Samples of one stream of a kind in ``READINGS``, NaN where the device could not tell (a belt without contact). Out:
one Observation per value, RMSSD of RR intervals every ten seconds, and ``sensor.quality`` with each sample. A value
that no person and no car can have is no value. Not here: how devices send them (``sources``), limits (``alerts``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.kinds import MODALITY_OF, TRIPLES
from edge_mm.perception.physio_hrv import rmssd_ms
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

Reading = Observation | Embedding
Rows = npt.NDArray[np.float32]
HRV_S, HRV_EVERY_S = 60.0, 10.0
"""RMSSD of so many seconds, so often; as of an ECG (``physio_lane``)."""
HEARD = 0.8
"""Share of those seconds that must have been heard."""


class _Meaning(NamedTuple):
    names: tuple[str, ...]
    unit: str
    low: float
    high: float


MEANINGS: Mapping[str, _Meaning] = MappingProxyType(
    {
        # Ranges: what the device profiles can send and a living person can have, wide on purpose.
        "heart_rate": _Meaning(("vitals.heart_rate_bpm",), "bpm", 15.0, 300.0),
        "rr": _Meaning(("vitals.rr_interval_s",), "s", 0.2, 4.0),
        "spo2": _Meaning(("vitals.spo2_percent",), "%", 35.0, 100.0),
        "blood_pressure": _Meaning(
            ("vitals.systolic_mmhg", "vitals.diastolic_mmhg", "vitals.mean_pressure_mmhg"), "mmHg", 10.0, 350.0
        ),
        "body_temp": _Meaning(("vitals.body_temperature_c",), "degC", 15.0, 45.0),
        # measured at chest or airway: another name than the rate that an ECG lets guess, which knows no apnea (0)
        "respiration_rate": _Meaning(("vitals.breathing_rate_bpm",), "bpm", 0.0, 120.0),
        "speed": _Meaning(("vehicle.speed_kmh",), "km/h", 0.0, 500.0),
    }
)
"""Kind -> names of its Observations, their unit, and what a value can be."""


class ReadingsFrontEnd:
    """Passes on the readings of one stream.

    Args:
        spec: the stream; a ``number`` becomes ``number.NAME`` in the stream's own unit.
    """

    latency_s = 0.0

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        free = _Meaning((f"number.{spec.name}",), spec.unit, -np.inf, np.inf)
        self._meaning = MEANINGS.get(spec.kind, free)
        self._intervals: deque[tuple[int, float]] = deque(maxlen=300)
        self._told_ns: int | None = None

    def push(self, sample: Sample) -> list[Reading]:
        """Take what the device said at one moment, oldest value first."""
        meaning = self._meaning
        rows: Rows = np.asarray(sample.data if self._spec.kind in TRIPLES else sample.data[:, None], np.float32)
        with np.errstate(invalid="ignore"):
            possible = (rows >= meaning.low) & (rows <= meaning.high)
        if self._spec.kind == "blood_pressure":  # half a pair, or one that is upside down, was not measured
            whole = possible[:, 0] & possible[:, 1] & (rows[:, 0] > rows[:, 1])
            possible &= whole[:, None]
        times_ns = self._times_ns(sample, rows)
        readings: list[Reading] = [
            self._observation(t_ns, name, float(value), meaning.unit)
            for t_ns, row, fine in zip(times_ns, rows, possible, strict=True)
            for name, value, good in zip(meaning.names, row, fine, strict=True)
            if good
        ]
        if self._spec.kind == "rr":
            readings += self._variability(times_ns, rows[:, 0], possible[:, 0])
        quality, why = (1.0, "") if possible.any() else (0.0, _why(rows))
        readings.append(self._observation(sample.t_ns, "sensor.quality", quality, "1", quality=quality, label=why))
        return readings

    def flush(self) -> list[Reading]:
        """Nothing waits here; intervals before and after a break are not next to each other."""
        self._intervals.clear()
        return []

    def _times_ns(self, sample: Sample, rows: Rows) -> list[int]:
        """When each was: RR intervals of one message end one after the other, the last when it came."""
        if self._spec.kind != "rr":
            return [sample.t_ns] * len(rows)
        after_s = np.cumsum(np.nan_to_num(rows[::-1, 0])) - np.nan_to_num(rows[::-1, 0])
        return [sample.t_ns - round(float(s) * NS_PER_S) for s in np.clip(after_s, 0.0, 30.0)[::-1]]

    def _variability(self, times_ns: list[int], values: Rows, good: npt.NDArray[np.bool_]) -> list[Reading]:
        for t_ns, value, fine in zip(times_ns, values, good, strict=True):
            self._intervals.append((t_ns, float(value) if fine else np.nan))
        now_ns = times_ns[-1]
        if self._told_ns is not None and 0 <= now_ns - self._told_ns < HRV_EVERY_S * NS_PER_S:
            return []
        recent = np.array([value for t_ns, value in self._intervals if t_ns > now_ns - HRV_S * NS_PER_S])
        if np.nansum(recent) < HEARD * HRV_S:
            return []
        self._told_ns = now_ns
        rmssd = rmssd_ms(recent)
        if not np.isfinite(rmssd):
            return []
        return [self._observation(now_ns, "vitals.hrv_rmssd_ms", float(rmssd), "ms")]

    def _observation(
        self, t_ns: int, name: str, value: float, unit: str, *, quality: float = 1.0, label: str = ""
    ) -> Observation:
        return Observation(t_ns, name, value, unit, quality, MODALITY_OF[self._spec.kind], self._spec.name, label)


def _why(rows: Rows) -> str:
    return "no value (no contact?)" if np.isnan(rows).all() else "impossible value"
