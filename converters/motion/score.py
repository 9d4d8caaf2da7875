"""What the device says of whole recordings: falls found, alarms on daily life.

In: recordings, a bundle with a net that was not trained on their people. Out: counts per recording, F1 with an interval
over people, alarms by activity. A recording of a fall counts as found when an impact within 2.5 s of its strongest one
is called a fall; any alarm on a recording of daily life is a false one. Not here: training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.motion.records import TROUBLE, Recording
from edge_mm.models.bundle import Bundle
from edge_mm.perception.motion import MotionFrontEnd
from edge_mm.perception.motion_fall import without_gravity
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec

Array = npt.NDArray[np.float32]
RATE_HZ = 50.0
NEAR_S = 2.5
BLOCK_S = 0.5
DRAWS = 2000


class Variant(NamedTuple):
    """How the sensor is, other than in the recordings."""

    gyro: bool = True
    gravity: bool = False
    rate_hz: float = RATE_HZ
    full_g: float = 16.0
    turned: bool = False
    """Worn on the other wrist: two axes point the other way."""


VARIANTS: Mapping[str, Variant] = {
    "as recorded": Variant(),
    "without gyroscope": Variant(gyro=False),
    "with gravity": Variant(gravity=True),
    "with gravity, without gyroscope": Variant(gyro=False, gravity=True),
    "25 Hz": Variant(rate_hz=25.0),
    "100 Hz": Variant(rate_hz=100.0),
    "range 4 g": Variant(full_g=4.0),
    "range 2 g": Variant(full_g=2.0),
    "other wrist": Variant(turned=True),
}


class Said(NamedTuple):
    """About one recording."""

    person: str
    activity: str
    fall: bool
    probability: float
    """The highest that counts, 0 if there was no impact."""
    impacts: int


def listen(bundle: Bundle, recording: Recording, variant: Variant) -> Said:
    """Run one recording through the device's front end."""
    front_end = MotionFrontEnd(bundle)
    front_end.add(StreamSpec("acc", "acc", variant.rate_hz, "g"))
    if variant.gyro:
        front_end.add(StreamSpec("gyro", "gyro", variant.rate_hz, "deg/s"))
    readings = []
    for sample in samples(recording, variant):
        readings += front_end.push(sample)
    readings += front_end.flush()
    peak_s = float(np.linalg.norm(without_gravity(recording.acc), axis=1).argmax()) / RATE_HZ
    values = [
        r.value for r in readings
        if isinstance(r, Observation) and r.name == "motion.fall"
        and (not recording.fall or abs(r.t_ns / NS_PER_S - peak_s) <= NEAR_S)
    ]  # fmt: skip
    return Said(recording.person, recording.activity, recording.fall, max(values, default=0.0), len(values))


def alarms_of_hours(bundle: Bundle, wrists: Iterator[tuple[str, float, Array]], threshold: float) -> dict[str, Any]:
    """False alarms on whole sessions without a fall, with the exact 95 % bound of a Poisson rate."""
    from scipy.stats import chi2

    hours, impacts, alarms, people = 0.0, 0, 0, 0
    for _, rate_hz, acc in wrists:
        front_end = MotionFrontEnd(bundle)
        front_end.add(StreamSpec("acc", "acc", rate_hz, "g"))
        block = round(rate_hz)
        for begin in range(0, len(acc), block):
            sample = Sample("acc", round(begin * NS_PER_S / rate_hz), acc[begin : begin + block], rate_hz)
            values = [r.value for r in front_end.push(sample) if isinstance(r, Observation) and r.name == "motion.fall"]
            impacts += len(values)
            alarms += sum(value >= threshold for value in values)
        hours += len(acc) / rate_hz / 3600.0
        people += 1
    bound = float(chi2.ppf(0.975, 2 * (alarms + 1))) / 2.0
    return {
        "hours": round(hours, 2),
        "people": people,
        "impacts": impacts,
        "alarms": alarms,
        "alarms_per_hour": round(alarms / hours, 3) if hours else None,
        "at_most_per_hour_95": round(bound / hours, 3) if hours else None,
    }


def samples(recording: Recording, variant: Variant) -> Iterator[Sample]:
    """Blocks of both streams, in time order."""
    acc = recording.acc + recording.up if variant.gravity else recording.acc
    at = np.arange(0.0, (len(acc) - 1) / RATE_HZ, 1.0 / variant.rate_hz)
    known = np.arange(len(acc)) / RATE_HZ
    signals = {"acc": np.clip(acc, -variant.full_g, variant.full_g), "gyro": recording.gyro}
    block = round(BLOCK_S * variant.rate_hz)
    if variant.rate_hz != RATE_HZ:
        signals = {k: np.stack([np.interp(at, known, c) for c in v.T], axis=1) for k, v in signals.items()}
    if variant.turned:
        signals = {k: v * np.array([-1.0, -1.0, 1.0]) for k, v in signals.items()}
    for begin in range(0, len(signals["acc"]), block):
        for kind in ("acc", "gyro") if variant.gyro else ("acc",):
            part = signals[kind][begin : begin + block].astype(np.float32)
            yield Sample(kind, round(begin * NS_PER_S / variant.rate_hz), part, variant.rate_hz)


def summary(said: Sequence[Said], threshold: float, *, seed: int) -> dict[str, Any]:
    """F1, its 95 % interval over people, what was missed and what was a false alarm."""
    people = sorted({one.person for one in said})
    counts = np.array([_counts([one for one in said if one.person == person], threshold) for person in people])
    rng = np.random.default_rng(seed)
    drawn = np.array([_f1(counts[rng.integers(0, len(people), len(people))].sum(axis=0)) for _ in range(DRAWS)])
    found, missed, false = counts.sum(axis=0).tolist()
    alarms = {a: _alarms(said, a, threshold) for a in sorted({one.activity for one in said if not one.fall})}
    return {
        "f1": round(_f1(counts.sum(axis=0)), 4),
        "f1_95": [round(float(x), 4) for x in np.percentile(drawn, [2.5, 97.5])],
        "falls_found": f"{found}/{found + missed}",
        "false_alarm_recordings": f"{false}/{sum(not one.fall for one in said)}",
        "false_alarms_on_clapping_or_zipping": sum(int(alarms[a].split("/")[0]) for a in TROUBLE if a in alarms),
        "false_alarm_recordings_by_activity": alarms,
        "missed": [f"{one.person} {one.activity}" for one in said if one.fall and one.probability < threshold],
        "people": len(people),
        "threshold": threshold,
    }


def _alarms(said: Sequence[Said], activity: str, threshold: float) -> str:
    those = [one for one in said if one.activity == activity]
    return f"{sum(one.probability >= threshold for one in those)}/{len(those)}"


def _counts(said: Sequence[Said], threshold: float) -> tuple[int, int, int]:
    """Falls found, falls missed, recordings of daily life with an alarm."""
    alarm = [one.probability >= threshold for one in said]
    found = sum(a and one.fall for a, one in zip(alarm, said, strict=True))
    missed = sum(not a and one.fall for a, one in zip(alarm, said, strict=True))
    return found, missed, sum(a and not one.fall for a, one in zip(alarm, said, strict=True))


def _f1(counts: npt.NDArray[np.int64]) -> float:
    found, missed, false = (float(one) for one in counts)
    return 2 * found / max(2.0 * found + missed + false, 1.0)
