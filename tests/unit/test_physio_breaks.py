"""Where a signal breaks off or turns bad: nothing from before is said of what comes after, and beats stay in place."""

import numpy as np
import pytest

from edge_mm.perception.physio import BEAT_EMBEDDING, PhysioFrontEnd
from edge_mm.perception.physio_beat import LABELS
from edge_mm.perception.physio_qrs import HOP, LENGTH, RATE_HZ, STRIDE, QrsDetector
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

S = 1_000_000_000
FIRST_BEAT_S, BEAT_S = 0.3, 0.8


def ecg(seconds, rate_hz=250.0, beat_s=BEAT_S):
    """75 beats per minute if not told otherwise, P, QRS and T as Gaussians; synthetic."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = (t % beat_s) - FIRST_BEAT_S
    waves = ((-0.16, 0.02, 0.12), (-0.025, 0.009, -0.12), (0.0, 0.011, 1.0), (0.028, 0.01, -0.22), (0.22, 0.04, 0.25))
    values = sum(h * np.exp(-(((phase - at) / w) ** 2) / 2) for at, w, h in waves)
    return (values + np.random.default_rng(0).normal(0, 0.01, t.size)).astype(np.float32)


def listen(bundle, values, *, kind="ecg", rate_hz=250.0, gap_at=None, gap_s=0.0):
    """What is said of these values; from index ``gap_at`` on they come later."""
    front = PhysioFrontEnd(bundle, StreamSpec("chest", kind, rate_hz, "mV"))
    out = []
    for part, late_s in ((values[:gap_at], 0.0), (values[gap_at:] if gap_at else [], (gap_at or 0) / rate_hz + gap_s)):
        for i in range(0, len(part), 25):
            out += front.push(Sample("chest", round((i / rate_hz + late_s) * S), part[i : i + 25], rate_hz))
    return out + front.flush()


def named(out, name):
    return [o for o in out if isinstance(o, Observation) and o.name == name]


@pytest.mark.parametrize("how", ["missing", "gap"])
def test_beats_after_a_break_lie_where_they_are(bundle, how):
    values = ecg(30)
    gap = {"gap_at": 2500, "gap_s": 4 * BEAT_S} if how == "gap" else {}
    if how == "missing":
        values[2500:3300] = np.nan
    beats = np.array([o.t_ns / S for o in named(listen(bundle, values, **gap), "vitals.beat")])
    assert len(beats) > 30
    assert np.abs((beats - FIRST_BEAT_S + BEAT_S / 2) % BEAT_S - BEAT_S / 2).max() < 0.02
    assert not ((beats > 10.1) & (beats < 13.2)).any()


def test_no_interval_spans_a_break_that_follows_the_very_first_beat(bundle):
    values = ecg(20)
    values[150:300] = np.nan  # 0.6 to 1.2 s: the stretch before it ends 0.3 s after its beat
    out = listen(bundle, values)
    assert named(out, "vitals.beat")[0].t_ns < S
    assert [o.value for o in named(out, "vitals.rr_interval_s")] == pytest.approx([BEAT_S] * 22, abs=0.03)


def test_trust_is_earned_again_after_a_break(bundle):
    values = ecg(30)
    values[2500:2600] = np.nan
    said = {round(o.t_ns / S): o.value for o in named(listen(bundle, values), "sensor.quality")}
    assert said[10] > 0.9
    assert said[12] <= 0.5
    assert said[15] > 0.9


def test_the_shape_of_beats_is_that_of_the_last_three_seconds(bundle):
    values = ecg(25)
    values[5000:] = np.nan
    shape = slice(0, BEAT_EMBEDDING + len(LABELS))
    told = {round(e.t_ns / S) + 1: e.vector[shape] for e in listen(bundle, values) if isinstance(e, Embedding)}
    assert told[20].any()
    assert not told[24].any()


def test_nothing_is_said_about_the_rhythm_of_noise_nor_of_what_was_mostly_noise(bundle):
    values = ecg(120, beat_s=0.5)  # 16 beats, enough for the net, in 8 s
    values[40 * 250 : 80 * 250] = np.random.default_rng(0).normal(0, 0.5, 40 * 250)
    out = listen(bundle, values)
    quality = {o.t_ns: o.value for o in named(out, "sensor.quality")}
    said = named(out, "vitals.rhythm_irregular")
    assert {o.t_ns // S for o in said} >= {35, 40, 115, 120}
    assert all(o.quality >= 0.5 and quality[o.t_ns] >= 0.15 for o in said)
    assert not [o for o in said if 80 * S < o.t_ns < 92 * S]  # half of the last 30 s must have been good


class Sure:
    """Stands in for the QRS net: certain at these indices of the stretch (all of them if none are given)."""

    def __init__(self, *indices):
        self.indices, self.hop = indices, 0

    def __call__(self, ecg):
        assert ecg.shape == (LENGTH,)
        centres = self.hop + STRIDE // 2 + STRIDE * np.arange(HOP // STRIDE)
        self.hop += HOP
        return {"qrs": np.array([[float(not self.indices or bool(min(abs(c - i) for i in self.indices) < STRIDE))
                                  for c in centres]], np.float32)}  # fmt: skip


def spikes(*indices, size=4 * RATE_HZ):
    flicker = np.random.default_rng(0).normal(0, 1e-3, size)  # the net is not asked about a constant
    return np.exp(-0.5 * np.min([(np.arange(size) - i) ** 2 for i in indices], axis=0)) + flicker


def test_of_two_peaks_within_a_fifth_of_a_second_the_first_is_the_beat():
    at = (145, 165, 245)
    peaks = QrsDetector(Sure(*at), threshold=0.5).push(spikes(*at))
    assert [round(p.index) for p in peaks] == [at[0], at[2]]


def test_a_net_that_stays_certain_does_not_hold_beats_back():
    peaks = QrsDetector(Sure(), threshold=0.5).push(spikes(64, 192, 320))
    assert len(peaks) >= 3
