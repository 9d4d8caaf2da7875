"""The resampler: block borders do not matter, tones and DC pass, what would alias does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.sources.resample import Resampler

RATES = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]


def resampled(sound: np.ndarray, from_hz: int, to_hz: int = 16_000, cuts: list[int] | None = None) -> np.ndarray:
    resampler = Resampler(from_hz=from_hz, to_hz=to_hz)
    blocks = np.split(sound.astype(np.float32), sorted(cuts or []))
    return np.concatenate([*(resampler.push(block) for block in blocks), resampler.flush()])


def tone(hz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    rate=st.sampled_from(RATES),
    count=st.integers(1, 5000),
    cuts=st.lists(st.integers(0, 5000), max_size=12),
    seed=st.integers(0, 99),
)
def test_where_the_blocks_are_cut_makes_no_difference(rate, count, cuts, seed):
    noise = np.random.default_rng(seed).normal(size=count).astype(np.float32)
    np.testing.assert_array_equal(
        resampled(noise, rate, cuts=[min(cut, count) for cut in cuts]), resampled(noise, rate)
    )


@settings(deadline=None, max_examples=60)
@given(
    from_hz=st.sampled_from([16_000, *RATES]), to_hz=st.sampled_from([8_000, 16_000, 44_100]), n=st.integers(0, 4000)
)
def test_the_length_is_that_of_the_same_time_at_the_new_rate(from_hz, to_hz, n):
    assert len(resampled(np.zeros(n), from_hz, to_hz)) == -(-n * to_hz // from_hz)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_out_as_the_same_tone_at_the_same_time(rate):
    hz = 440.0 if rate == 8_000 else 3_000.0
    got = resampled(tone(hz, rate), rate)
    middle = slice(400, 7600)  # the ends ring: there is nothing before and after
    np.testing.assert_allclose(got[middle], tone(hz, 16_000)[middle], atol=2e-4)


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays_what_it_is(rate):
    np.testing.assert_allclose(resampled(np.full(rate // 2, 0.7), rate)[400:7600], 0.7, atol=1e-5)


@pytest.mark.parametrize(("rate", "hz"), [(22_050, 9_500), (44_100, 9_000), (48_000, 15_000), (192_000, 60_000)])
def test_what_the_new_rate_cannot_hold_is_removed_not_folded_back(rate, hz):
    assert np.abs(resampled(tone(hz, rate), rate)[400:7600]).max() < 1e-3


def test_an_equal_rate_passes_blocks_through_unchanged():
    noise = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    np.testing.assert_array_equal(resampled(noise, 16_000, cuts=[3, 500]), noise)


@pytest.mark.parametrize("rate", [0, -8000, 15_999])
def test_an_impossible_rate_is_refused_with_a_sentence(rate):
    with pytest.raises(ValueError, match="Hz"):
        Resampler(from_hz=rate, to_hz=16_000)


def test_the_count_stays_right_over_ten_minutes():
    resampler = Resampler(from_hz=48_000, to_hz=16_000)
    block = np.zeros(480_000, dtype=np.float32)
    given = sum(len(resampler.push(block)) for _ in range(60))
    assert resampler.position == given
    assert given == pytest.approx(600 * 16_000, abs=100)
