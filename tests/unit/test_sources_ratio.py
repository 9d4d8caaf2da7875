"""The ratio of ratios on pulses of a known R, and on what is none."""

import numpy as np
import pytest
from simulated_max30102 import finger

from edge_mm.sources.ratio import NOTHING, ratio_of, spo2_percent

RATE_HZ = 100.0


def lights(r, *, bpm=72.0, perfusion=0.02, seconds=4.0, rate_hz=RATE_HZ, noise=0.0, drift=0.0, seed=1):
    light = finger(r=r, bpm=bpm, perfusion=perfusion, per_step=130_000.0, red_per_step=90_000.0)
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    red, infrared = np.array([light(t) for t in t_s]).T
    chance = np.random.default_rng(seed)
    wander = 1 + drift * np.sin(2 * np.pi * 0.1 * t_s)
    return (
        red * wander + noise * red.mean() * chance.standard_normal(len(red)),
        infrared * wander + noise * infrared.mean() * chance.standard_normal(len(red)),
    )


@pytest.mark.parametrize("bpm", [45, 72, 110, 170])
@pytest.mark.parametrize("r", [0.4, 0.6, 0.8, 1.0])
def test_a_known_ratio_comes_back_at_every_heart_rate(r, bpm):
    found = ratio_of(*lights(r, bpm=bpm), RATE_HZ)
    assert found.good
    assert found.r == pytest.approx(r, rel=0.01)
    assert found.perfusion == pytest.approx(0.02, rel=0.25)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 400.0])
def test_any_rate_of_the_part_will_do(rate_hz):
    found = ratio_of(*lights(0.7, rate_hz=rate_hz), rate_hz)
    assert (found.good, found.r) == (True, pytest.approx(0.7, rel=0.01))


def test_breathing_and_a_little_noise_change_it_little():
    found = ratio_of(*lights(0.6, drift=0.01, noise=0.0005), RATE_HZ)
    assert (found.good, found.r) == (True, pytest.approx(0.6, rel=0.03))


def test_the_curve_is_the_published_one_and_says_nothing_where_it_means_nothing():
    assert spo2_percent(0.5) == pytest.approx(98.757)
    assert spo2_percent(0.8) == pytest.approx(90.290, abs=1e-3)
    assert spo2_percent(1.0) == pytest.approx(80.139)
    assert np.isnan([spo2_percent(r) for r in (0.1, 0.29, 1.2, 2.0, np.nan, np.inf)]).all()
    assert max(spo2_percent(r) for r in np.arange(0.3, 1.1, 0.01)) < 100


def test_of_a_hundred_windows_of_motion_hardly_one_is_believed():
    """Motion moves both lights alike, with R near 1, and comes back at no time of its own."""
    chance = np.random.default_rng(7)
    believed = 0
    for _ in range(100):
        walk = np.convolve(chance.standard_normal(440), np.hanning(41), mode="valid")[:400]
        motion = 1 + 0.02 * walk / walk.std()
        noise = 1 + 0.001 * chance.standard_normal((2, 400))
        believed += ratio_of(90_000 * motion * noise[0], 130_000 * motion * noise[1], RATE_HZ).good
    assert believed <= 2


def test_motion_over_a_pulse_is_wrong_by_little_or_not_believed():
    chance = np.random.default_rng(3)
    wrong = believed = 0
    for seed in range(100):
        red, infrared = lights(0.5, seed=seed, bpm=60 + seed)
        walk = np.convolve(chance.standard_normal(440), np.hanning(41), mode="valid")[:400]
        motion = 1 + chance.uniform(0, 0.02) * walk / walk.std()
        found = ratio_of(red * motion, infrared * motion, RATE_HZ)
        believed += found.good
        wrong += found.good and abs(spo2_percent(found.r) - spo2_percent(0.5)) > 4
    assert wrong <= 2
    assert believed >= 5


def test_noise_alone_is_never_believed():
    chance = np.random.default_rng(5)
    for _ in range(200):
        red, infrared = 1e5 * (1 + 0.01 * chance.standard_normal((2, 400)))
        assert not ratio_of(red, infrared, RATE_HZ).good


def test_too_little_too_much_missing_or_no_light_is_nothing():
    red, infrared = lights(0.6)
    assert not ratio_of(*lights(0.6, perfusion=0.0005), RATE_HZ).good
    assert not ratio_of(*lights(0.6, perfusion=0.2), RATE_HZ).good
    missing = red.copy()
    missing[17] = np.nan
    for one, other in ((missing, infrared), (red[:100], infrared[:100]), (0 * red, infrared), (red, 0 * infrared + 5)):
        assert ratio_of(one, other, RATE_HZ) == NOTHING
    assert ratio_of(red, infrared, RATE_HZ) != NOTHING


@pytest.mark.parametrize("later", [0.62, 0.8])
def test_a_ratio_that_changes_within_the_window_is_not_believed(later):
    before, after = lights(0.5), lights(later)
    red = np.concatenate([before[0][:200], after[0][200:]])
    assert not ratio_of(red, before[1], RATE_HZ).good


def test_red_that_beats_at_another_moment_is_not_believed():
    red, infrared = lights(0.6)
    found = ratio_of(np.roll(red, 15), infrared, RATE_HZ)
    assert (found.good, found.periodicity > 0.9) == (False, True)
