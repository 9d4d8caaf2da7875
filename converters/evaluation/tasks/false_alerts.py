"""Alerts for nothing: high and medium priority, per hour of recordings in which nothing is wrong.

Read: every alert that is raised. Recordings: held-out MIT-BIH records in sinus rhythm (``sinus``), wrist pulses of
healthy people at rest and under stress, and mixtures of held-out sounds (speech, noises that stand for a road, quiet),
named as such. An alert about the heart rate is not false where the annotated beats, or the sensor's own
intervals, are beyond the limit too.
"""

from __future__ import annotations

import numpy as np

from converters.audio.clips import RATE_HZ, read_all
from converters.evaluation.results import Result, Table, Target
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import MITDB, STRESS, Floats, electrocardiograms, wrists
from converters.evaluation.watching import Signal, watch
from converters.hearing import LENGTH_S, mixture
from converters.physio.records import Record
from edge_mm.alerts.limits import Limits
from edge_mm.types import Alert

TITLE = "False alerts"
NEEDS = (*MITDB, STRESS, "open/esc10")
SENSES = ("physio", "audio")
LIMIT = Target("<=", 0.5)
FEW_V = 10
"""V beats of a sinus record, at most, in half an hour."""
SOUNDS = {"speech": 40, "road": 60, "quiet": 20}
"""Mixtures of ``LENGTH_S`` seconds of each kind: an hour in all."""
LOOK_BACK_S, NEAR_BPM = 60.0, 3.0
"""A rate alert is true where the reference passes the limit, but for so much, in so long before it."""
URGENT = ("high", "medium")


def run(context: Context) -> Result:
    """Each kind of recording, and all together."""
    result = Result("false_alerts", TITLE)
    parts = {
        "ECG: held-out MIT-BIH records in sinus rhythm": _ecg(context),
        "wearable: wrist pulses of healthy people (Stress-Predict)": _wearable(context),
        "sound: mixtures of held-out clips": _sound(context),
    }
    count, hours = 0, 0.0
    for split, (wrong, true, long_h) in parts.items():
        urgent = [one for one in wrong if one.priority in URGENT]
        table = Table(result, split, of="recordings")
        table.rate("false alerts, high and medium", len(urgent), long_h, target=LIMIT)
        table.rate("false alerts, low", len(wrong) - len(urgent), long_h)
        count, hours = count + len(urgent), hours + long_h
        kinds = sorted({one.kind for one in wrong})
        said = ", ".join(f"{kind} {sum(one.kind == kind for one in wrong)}" for kind in kinds) or "none"
        result.notes.append(f"{split}: {said}. True by the reference and not counted: {len(true)}.")
    table = Table(result, "all of the above", of="recordings")
    table.rate("false alerts, high and medium", count, hours, target=LIMIT)
    result.notes.append("No film of a driver to whom nothing happens is in the data: video is not in these hours.")
    return result


def sinus(record: Record) -> bool:
    """Whether nothing in a record is worth an alert: sinus rhythm throughout, hardly a ventricular beat."""
    return {name for _, name in record.rhythms} <= {"N", "SBR"} and int((record.classes == "V").sum()) <= FEW_V


def excused(alert: Alert, rate: Floats) -> bool:
    """Whether a reference (n, 2) of seconds and bpm is beyond the limit of a heart-rate alert before it was raised."""
    at = alert.t_ns / 1e9
    near = rate[(rate[:, 0] > at - LOOK_BACK_S) & (rate[:, 0] <= at), 1]
    if not near.size:
        return False
    limits = Limits()
    if alert.kind == "health.heart_rate_high":
        return bool(near.max() >= limits.heart_rate_high_bpm - NEAR_BPM)
    if alert.kind == "health.heart_rate_low":
        return bool(near.min() <= limits.heart_rate_low_bpm + NEAR_BPM)
    return False


def _parted(alerts: list[Alert], rate: Floats) -> tuple[list[Alert], list[Alert]]:
    wrong = [one for one in alerts if one.category == "physiological" and not excused(one, rate)]
    return wrong, [one for one in alerts if excused(one, rate)]


def _ecg(context: Context) -> tuple[list[Alert], list[Alert], float]:
    wrong: list[Alert] = []
    true: list[Alert] = []
    hours = 0.0
    for one in electrocardiograms(context):
        if sinus(one.record):
            rr = np.diff(one.record.beats_s)
            found = _parted(one.watched.raised(), _smooth(one.record.beats_s[1:], rr))
            wrong, true, hours = wrong + found[0], true + found[1], hours + one.hours
    return wrong, true, hours


def _wearable(context: Context) -> tuple[list[Alert], list[Alert], float]:
    wrong: list[Alert] = []
    true: list[Alert] = []
    hours = 0.0
    for one in wrists(context):
        found = _parted(one.watched.raised(), _smooth(one.ibi[:, 0], one.ibi[:, 1]))
        wrong, true, hours = wrong + found[0], true + found[1], hours + one.hours
    return wrong, true, hours


def _sound(context: Context) -> tuple[list[Alert], list[Alert], float]:
    side = [clip for clip in read_all(context.data) if clip.held_out]
    rng = np.random.default_rng(0)
    kinds = [kind for kind, count in SOUNDS.items() for _ in range(2 if context.quick else count)]
    wrong: list[Alert] = []
    for kind in context.each(kinds, "sound mixtures"):
        said = watch(context.bundle, Signal(mixture(kind, side, rng), rate_hz=float(RATE_HZ), kind="audio"))
        wrong += [one for one in said.raised() if one.category == "physiological"]
    return wrong, [], len(kinds) * LENGTH_S / 3600


def _smooth(at_s: Floats, rr_s: Floats, *, beats: int = 8) -> Floats:
    """(n, 2) seconds and the rate in bpm over a few intervals."""
    if len(rr_s) < beats:
        return np.zeros((0, 2))
    mean = np.convolve(rr_s, np.full(beats, 1 / beats), "valid")
    return np.column_stack([at_s[beats - 1 :], 60.0 / mean])
