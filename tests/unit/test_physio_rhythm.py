"""Rates and quality, from intervals and raw values that are written out (no recording)."""

import numpy as np
import pytest

from edge_mm.errors import BundleError
from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.physio_beat import SIMILARITY, BeatShapes
from edge_mm.perception.physio_quality import SignalQuality
from edge_mm.perception.physio_rhythm import (
    BEATS,
    CHANNELS,
    HeartRhythm,
    Interval,
    bridged,
    entropy,
    rhythm_input,
)
from edge_mm.types import StreamSpec


class Silent:
    """A rhythm graph is not asked for a rate."""

    def __call__(self, **inputs):
        raise AssertionError("the net was run for a heart rate")


def rhythm_of(intervals_s):
    rhythm, at = HeartRhythm(Silent()), 0.0
    for rr in intervals_s:
        at += rr
        rhythm.add(Interval(at, rr, 0.0, 0.0))
    return rhythm, at


def test_a_steady_second_is_60_beats_per_minute():
    rhythm, at = rhythm_of([1.0] * 12)
    assert rhythm.rate_bpm(at) == pytest.approx(60.0)


def test_bigeminy_counts_every_beat():
    rhythm, at = rhythm_of([0.6, 1.4] * 6)
    assert rhythm.rate_bpm(at) == pytest.approx(60.0)


def test_a_missed_beat_and_an_extra_beat_do_not_move_the_rate():
    rhythm, at = rhythm_of([0.8, 0.8, 0.8, 1.6, 0.8, 0.8, 0.35, 0.8])
    assert rhythm.rate_bpm(at) == pytest.approx(75.0, abs=1.0)


def test_there_is_no_rate_nine_seconds_after_the_last_beat_and_none_from_impossible_intervals():
    rhythm, at = rhythm_of([1.0] * 8)
    assert rhythm.rate_bpm(at + 9.5) is None
    assert not rhythm.add(Interval(at + 5.0, 5.0, 0.0, 0.0))
    assert not rhythm.add(Interval(at + 0.1, 0.1, 0.0, 0.0))


def test_the_rhythm_input_has_the_newest_beat_last_and_a_mask():
    rows = rhythm_input([Interval(k * 0.8, 0.8 + 0.1 * (k == 19), 0.0, 0.0) for k in range(20)])
    assert rows.shape == (BEATS, CHANNELS)
    assert rows[:, 2].sum() == 19  # intervals between 20 beats
    assert rows[-1, 0] == pytest.approx(0.125)
    assert not rows[: BEATS - 19].any()


def intervals_of(rr_s, ventricular):
    at = np.cumsum(rr_s)
    return [Interval(a, rr, v, 0.0) for a, rr, v in zip(at, rr_s, ventricular, strict=True)]


def test_ventricular_beats_with_their_pauses_are_bridged():
    rng = np.random.default_rng(0)
    sinus = 0.8 + 0.01 * rng.standard_normal(40)
    wild = np.zeros(40)
    for k in (5, 11, 12, 20, 22, 24, 26):  # single, a pair, bigeminy
        wild[k] = 1.0
    rr = sinus.copy()
    rr[wild > 0] *= 0.6
    for k in (6, 13, 21, 23, 25, 27):
        rr[k] += 0.4 * 0.8 * (2 if k == 13 else 1)
    assert np.ptp(rr) > 0.5
    assert np.ptp(bridged(intervals_of(rr, wild))) < 0.06
    assert np.ptp(bridged(intervals_of(rr, np.zeros(40)))) > 0.5
    assert len(bridged(intervals_of(rr, np.ones(40)))) == 40  # nothing else there: as they are


def test_the_entropy_tells_fibrillation_from_breathing_at_any_rate():
    rng = np.random.default_rng(1)
    for mean in (0.5, 0.8, 1.2):
        breath = mean * (1 + 0.05 * np.sin(np.arange(48)) + 0.01 * rng.standard_normal(48))
        fibrillation = mean * np.exp(0.22 * rng.standard_normal(48))
        assert entropy(breath) < -1.2 < -0.9 < entropy(fibrillation)
    assert entropy(np.full(5, 0.8)) == -1.0
    # two values that alternate: each says the next
    assert entropy(np.tile([0.6, 1.0], 20)) < entropy(rng.permutation(np.tile([0.6, 1.0], 20)))


def test_a_bundle_of_another_version_is_refused_when_a_stream_is_announced(bundle):
    other = bundle.replace(**{"physio.rhythm": bundle.graph("physio.beat")})
    with pytest.raises(BundleError, match="use a bundle of this version"):
        PhysioFrontEnd(other, StreamSpec("ecg", "ecg", 250.0, "mV"))


def test_a_rate_is_compared_with_the_last_minute_and_not_with_what_was_before_it():
    rhythm, at = rhythm_of([1.0] * 100 + [0.8] * 77)
    assert rhythm.summary(at)[1] == pytest.approx(0.0, abs=1e-6)


class Irregular:
    """Stands in for the net: it always finds the rhythm irregular."""

    def __call__(self, **inputs):
        return {"embedding": np.ones((1, 8), np.float32), "irregular": np.ones((1, 1), np.float32)}


def test_what_the_rhythm_net_said_is_not_told_of_a_later_time():
    rhythm = HeartRhythm(Irregular())
    for k in range(1, 31):
        rhythm.add(Interval(float(k), 1.0, 0.0, 0.0))
    assert rhythm.irregular(30.0) == 1.0
    assert rhythm.summary(30.0)[-9:].tolist() == [1.0] * 9
    assert not rhythm.summary(39.5).any()  # the electrodes are off: no rate any more
    rhythm.irregular(30.0)
    rhythm.add(Interval(100.0, 1.0, 0.0, 0.0))  # on again: a rate at once, a rhythm not yet
    assert rhythm.summary(100.0)[:8].any()
    assert not rhythm.summary(100.0)[-9:].any()


def quality_of(seconds, *, since_beat=0.5):
    signal, said = SignalQuality(), []
    for n, second in enumerate(seconds):
        for part in np.array_split(second, 4):
            signal.chunk(part, 250.0)
        signal.beat(0.98, 1.0)
        said.append(signal.second(since_beat, float(n + 1)))
    return said


def ecg_like(seconds=10):
    """Synthetic: a narrow spike a second on a slow wave."""
    t = np.arange(250 * seconds) / 250.0
    return np.exp(-(((t % 1.0) - 0.4) ** 2) / 2e-4) + 0.1 * np.sin(2 * np.pi * 0.3 * t)


def test_a_clean_signal_is_trusted_and_a_flat_line_is_named_within_two_seconds():
    clean = ecg_like().reshape(10, 250)
    said = quality_of([*clean, np.full(250, 0.3), np.full(250, 0.3)])
    assert said[9].value > 0.8
    assert said[9].label == ""
    assert said[-1] == (0.0, "flat line")


def test_flicker_of_the_last_bit_is_a_flat_line_after_a_signal():
    rng = np.random.default_rng(0)
    said = quality_of([*(1000 * ecg_like()).reshape(10, 250), rng.integers(0, 2, 250).astype(float)])
    assert said[-1].label == "flat line"


def test_one_transient_is_no_flat_line_for_ever():
    movement = 100.0 * np.sin(np.arange(1000) / 20.0)
    said = quality_of([*movement.reshape(4, 250), *ecg_like(100).reshape(100, 250)])
    assert {q.label for q in said[4:40]} == {"flat line"}  # as long as the height is remembered
    assert {q.label for q in said[80:]} == {""}


@pytest.mark.parametrize("nonsense", [1e4, 1e15, 3e38])
def test_after_nonsense_of_any_size_a_signal_is_trusted_again_within_a_minute_and_a_half(nonsense):
    said = quality_of([*np.tile([nonsense, -nonsense], (4, 125)), *ecg_like(100).reshape(100, 250)])
    assert {q.label for q in said[94:]} == {""}


def test_flicker_of_the_last_bit_stays_a_flat_line_when_the_signal_is_long_ago():
    flicker = np.random.default_rng(0).integers(0, 2, (30, 250)).astype(float)
    said = quality_of([*(1000 * ecg_like()).reshape(10, 250), *flicker])
    assert {q.label for q in said[10:]} == {"flat line"}


def test_missing_values_noise_rails_and_silence_each_have_their_name():
    rng = np.random.default_rng(0)
    clean = ecg_like().reshape(10, 250)
    assert quality_of([*clean, np.full(250, np.nan)])[-1] == (0.0, "missing")
    noisy = quality_of(clean + rng.normal(0, 0.3, clean.shape))[-1]
    assert noisy.label == "noise"
    assert noisy.value < 0.4
    clipped = quality_of(np.clip(ecg_like() * 8, -0.3, 0.3).reshape(10, 250))[-1]
    assert clipped.label == "clipped"
    assert quality_of(clean, since_beat=9.0)[-1] == (0.0, "no signal")


def beat_shapes(kinds):
    """Windows of narrow (n) and wide inverted (v) beats, and how alike each is to the normal beat."""
    t = np.arange(128) - 68
    shape = {"n": np.exp(-((t / 4.0) ** 2)), "v": -1.4 * np.exp(-((t / 14.0) ** 2))}
    rng, shapes = np.random.default_rng(0), BeatShapes()
    beats = [shapes.push(shape[k] + rng.normal(0, 0.01, t.size), 0.8) for k in kinds]
    return [float(b.features[SIMILARITY]) for b in beats]


def test_the_first_beat_may_be_ventricular_without_becoming_the_normal_one():
    alike = beat_shapes("v" + "n" * 10)
    assert min(alike[-5:]) > 0.95


def test_minutes_of_bigeminy_and_pairs_do_not_make_the_ventricular_beat_the_normal_one():
    kinds = "n" * 100 + "nv" * 150 + "nvv" * 60
    alike = np.array(beat_shapes(kinds))
    ventricular = np.array([k == "v" for k in kinds])
    assert alike[~ventricular].min() > 0.95
    assert alike[ventricular].max() < 0.5


def test_another_lead_becomes_the_normal_beat_within_minutes():
    assert min(beat_shapes("n" * 300 + "v" * 260)[-20:]) > 0.95
