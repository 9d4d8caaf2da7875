"""The capture time of sampled signals: drift followed, jitter smoothed, steps noticed, exact times untouched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.perception.clock import SampleClock

S = 1_000_000_000
MS = 1_000_000


def stamps(clock, times, n):
    return np.array([clock.stamp(int(t), n) for t in times])


@pytest.mark.parametrize(("rate_hz", "n"), [(16000, 1600), (360, 36), (64, 64)])
@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_drift_of_200_ppm_over_an_hour_stays_within_a_few_milliseconds(rate_hz, n, ppm):
    rng = np.random.default_rng(1)
    length = n / rate_hz * S * (1 + ppm * 1e-6)
    true = np.arange(int(3600 * S / length)) * length
    delay = rng.exponential(4 * MS, len(true)).clip(0, 40 * MS)
    clock = SampleClock(rate_hz)
    out = stamps(clock, true + delay, n)
    error = out - true - delay.mean()
    assert np.abs(error[true > 5 * S]).max() < 5 * MS  # while it learns, and ever after
    assert error[true > 120 * S].std() < 1 * MS
    assert abs(error[true > 120 * S].mean()) < 0.5 * MS  # drift is known, not run after
    assert (np.diff(out) > 0).all()


def test_at_the_start_delays_are_averaged_so_a_late_first_block_is_soon_forgotten():
    true = np.arange(200) * 20 * MS
    delay = np.random.default_rng(4).uniform(0, 20 * MS, 200)
    delay[0] = 20 * MS
    error = stamps(SampleClock(1000), true + delay, 20) - true - delay.mean()
    assert np.abs(error[100:]).max() < 3 * MS


def test_jitter_of_a_fifth_of_a_second_is_smoothed_where_blocks_are_a_second_long():
    true = np.arange(300) * S
    delay = np.random.default_rng(4).uniform(0, 400 * MS, 300)
    error = stamps(SampleClock(100), true + delay, 100) - true - 200 * MS
    assert error[60:].std() < 30 * MS


@given(st.sampled_from([16000.0, 360.0, 64.0, 4.0, 44100.0]), st.lists(st.integers(1, 4000), min_size=1, max_size=60),
       st.integers(0, 10**18), st.integers(0, 59))  # fmt: skip
def test_exact_times_pass_through_unchanged_even_around_a_gap(rate_hz, sizes, origin_ns, gap_at):
    clock = SampleClock(rate_hz)
    elements = 0
    for i, n in enumerate(sizes):
        if i == gap_at:
            elements += round(10 * rate_hz)
        t_ns = origin_ns + round(elements * S / rate_hz)
        assert clock.stamp(t_ns, n) == t_ns
        elements += n


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["block", "block", "block", "gap", "back", "jump"]), st.integers(0, 30)),
                min_size=1, max_size=200))  # fmt: skip
def test_time_never_goes_back_whatever_the_stamps_do(events):
    clock = SampleClock(1000)
    now, last = 10 * S, -1
    for what, jitter in events:
        now += {"block": 20 * MS, "gap": 3 * S, "back": -S, "jump": 60 * MS}[what]
        out = clock.stamp(now + jitter * MS, 20)
        assert out > last
        last = out


def test_a_gap_is_followed_at_once():
    clock = SampleClock(1000)
    rng = np.random.default_rng(2)
    stamps(clock, np.arange(500) * 20 * MS + rng.integers(0, 5 * MS, 500), 20)
    assert clock.stamp(15 * S, 20) == 15 * S


def test_a_lost_block_smaller_than_the_jitter_is_noticed_because_it_lasts():
    clock = SampleClock(1000)
    rng = np.random.default_rng(3)
    before = np.arange(1000) * 20 * MS
    stamps(clock, before + rng.integers(0, 8 * MS, 1000), 20)
    after = before[-1] + 40 * MS + np.arange(50) * 20 * MS
    out = stamps(clock, after + rng.integers(0, 8 * MS, 50), 20)
    assert np.abs(out[-20:] - after[-20:] - 4 * MS).max() < 6 * MS


def test_a_delay_that_ends_for_good_is_noticed_because_it_lasts():
    true = S + np.arange(1600) * 20 * MS
    delay = np.random.default_rng(4).uniform(0, 4 * MS, 1600)
    delay[:1500] += 30 * MS
    out = stamps(SampleClock(1000), true + delay, 20)
    assert np.abs(out - true - 2 * MS)[-50:].max() < 4 * MS


def test_after_a_step_back_time_goes_on_slower_until_the_stream_has_caught_up():
    clock = SampleClock(1000)
    before = stamps(clock, np.arange(50) * 20 * MS, 20)
    times = before[-1] + 20 * MS - 200 * MS + np.arange(200) * 20 * MS
    out = stamps(clock, times, 20)
    steps = np.diff(out)
    assert steps.min() >= 18 * MS
    assert out[-1] == times[-1]


def test_a_rate_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="rate_hz"):
        SampleClock(0)
