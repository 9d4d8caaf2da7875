"""Blocks, gaps, rates, missing values: what comes out depends on the signal, not on how it arrives."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.errors import UsageError
from edge_mm.perception.physio_filter import BandFilter, Highpass, Resampler
from edge_mm.perception.physio_intake import Intake
from edge_mm.types import Sample

S = 1_000_000_000


def blocks(values, rate_hz, sizes, start_ns=5 * S):
    """A stream cut at these sizes, over and over."""
    at, turn = 0, 0
    while at < len(values):
        size = sizes[turn % len(sizes)]
        yield Sample("ecg", start_ns + round(at * S / rate_hz), values[at : at + size], rate_hz)
        at, turn = at + size, turn + 1


def chunks(samples):
    intake = Intake("ecg")
    return [c for s in samples for c in intake.push(s)] + list(intake.flush())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6), st.sampled_from([64.0, 125.0, 250.0, 360.0, 999.7]))
def test_chunks_do_not_depend_on_block_boundaries(sizes, rate_hz):
    values = np.arange(3000, dtype=np.float32)
    whole = chunks(blocks(values, rate_hz, [3000]))
    cut = chunks(blocks(values, rate_hz, sizes))
    assert [c.start for c in cut] == [c.start for c in whole]
    assert all(np.array_equal(a.values, b.values) for a, b in zip(cut, whole, strict=True))
    assert [c.time.at(c.start) for c in cut] == [c.time.at(c.start) for c in whole]
    assert np.array_equal(np.concatenate([c.values for c in cut]), values)


def test_a_gap_starts_a_new_run_and_jitter_does_not():
    values = np.zeros(100, np.float32)
    jittered = [Sample("e", S + i * S // 10 + (-1) ** i * 15_000_000, values[:10], 100.0) for i in range(10)]
    assert sum(c.fresh for c in chunks(jittered)) == 1
    lost = [Sample("e", S, values, 100.0), Sample("e", 2 * S + 60_000_000, values, 100.0)]
    assert sum(c.fresh for c in chunks(lost)) == 2


def test_a_drifting_sensor_clock_is_followed_without_a_break():
    rate, true = 100.0, 100.0 * (1 - 200e-6)  # the sensor's second is 200 ppm longer than ours
    samples = [Sample("e", round(i * 100 * S / true), np.zeros(100, np.float32), rate) for i in range(600)]
    out = chunks(samples)
    assert sum(c.fresh for c in out) == 1
    assert abs(out[-1].time.at(out[-1].start) - out[-1].start * S / true) < 10_000_000


def test_blocks_take_their_stamps_and_rounding_moves_nothing():
    stamps = [0, 1_000_001_500, 1_999_998_500, 3_004_000_000, 4_004_000_000]
    intake, times = Intake("e"), []
    for t_ns in stamps:
        times += [c.time.at(c.start) for c in intake.push(Sample("e", t_ns, np.zeros(4, np.float32), 4.0))]
    assert times[:12] == [k * S // 4 for k in range(12)]
    assert times[12:] == [k * S // 4 + 4_000_000 for k in range(12, 20)]


@pytest.mark.parametrize("rate_hz", [0.3, 1.0, 2.0, 3.0, 4.0])
def test_a_slow_stream_has_chunks_of_one_value_and_none_is_empty(rate_hz):
    out = chunks(blocks(np.arange(12, dtype=np.float32), rate_hz, [1, 2]))
    assert [c.values.tolist() for c in out] == [[k] for k in range(12)]
    assert all(c.full for c in out)


def test_another_rate_starts_a_new_run():
    first = Sample("e", 0, np.zeros(100, np.float32), 100.0)
    assert [c.fresh for c in chunks([first, Sample("e", S, np.zeros(102, np.float32), 102.0)])].count(True) == 2
    assert [c.fresh for c in chunks([first, Sample("e", S, np.zeros(100, np.float32), 100.1)])].count(True) == 1


@pytest.mark.parametrize(("axes", "shape"), [(1, (4, 3)), (1, (4, 1)), (1, ()), (3, (4,)), (3, (4, 2)), (3, (4, 3, 1))])
def test_a_block_of_the_wrong_shape_is_refused_in_one_sentence(axes, shape):
    want = re.escape(f"must have shape {'(n,)' if axes == 1 else '(n, 3)'}") + ".*" + re.escape(f"not {shape}")
    with pytest.raises(UsageError, match=f"stream arm: .*{want}"):
        list(Intake("arm", axes=axes).push(Sample("arm", 0, np.zeros(shape, np.float32), 100.0)))


def test_acceleration_is_taken_by_its_magnitude_and_is_missing_where_an_axis_is():
    data = np.array([[3.0, 4.0, 0.0], [0.0, np.nan, 1.0], [np.inf, 0.0, 0.0], [0.0, 0.0, -1.0]], np.float32)
    (chunk,) = Intake("arm", axes=3).push(Sample("arm", 0, data, 16.0))
    np.testing.assert_array_equal(chunk.values, [5.0, np.nan, np.nan, 1.0])


@pytest.mark.parametrize("rate_hz", [100.0, 125.0, 200.0, 250.0, 360.0, 500.0, 977.3])
def test_resampling_keeps_the_band_and_its_timing_and_removes_mains(rate_hz):
    t = np.arange(int(8 * rate_hz)) / rate_hz
    out = Resampler(rate_hz, 128.0, cutoff_hz=42.0, half_s=0.1).push(np.sin(2 * np.pi * 9 * t))
    want = np.sin(2 * np.pi * 9 * np.arange(out.size) / 128)
    assert np.abs(out - want)[64:].max() < 0.02
    if rate_hz > 120:
        hum = Resampler(rate_hz, 128.0, cutoff_hz=42.0, half_s=0.1).push(np.sin(2 * np.pi * 60 * t))
        assert np.abs(hum)[64:].max() < 0.02


def test_the_high_pass_removes_any_offset_and_keeps_a_beat():
    high = Highpass(128.0, 0.6)
    assert np.abs(high.push(np.full(128 * 8, 1e6)))[128 * 4 :].max() < 1e-3
    tone = np.sin(2 * np.pi * 5 * np.arange(128 * 8) / 128)
    assert np.ptp(Highpass(128.0, 0.6).push(tone)[512:]) == pytest.approx(2.0, rel=0.02)


def band(values, rate_hz=250.0):
    out = list(BandFilter(rate_hz, 128.0, low_hz=0.6, high_hz=42.0, half_s=0.1).push(values))
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(300, 700), st.integers(1, 12))
def test_up_to_50_ms_of_missing_values_are_bridged(start, count):
    wave = np.sin(2 * np.pi * 3 * np.arange(2500) / 250.0)
    holed = wave.copy()
    holed[start : start + count] = np.nan
    pieces = band(holed)
    assert None not in pieces
    joined, want = np.concatenate([p.values for p in pieces]), band(wave)[0].values
    assert joined.size == want.size
    assert np.isfinite(joined).all()
    assert np.abs(joined - want).max() < 0.2


def test_more_than_50_ms_missing_breaks_the_signal_and_it_begins_again():
    holed = np.sin(np.arange(2500) / 20.0)
    holed[1000:1100] = np.nan
    pieces = band(holed)
    assert pieces.count(None) == 1
    assert [p.begins_at for p in pieces if p is not None and p.begins_at is not None] == [0, 1100]
