"""Blocks lie at the file's own times: gaps, unreadable times, midnights, wherever the chunks are cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.sources.blocks import BlockCutter, timing_of
from edge_mm.types import Sample

NAN = float("nan")


def cut(times: np.ndarray, rate_hz: float, chunks: tuple[int, ...] = ()) -> list[Sample]:
    """Blocks of a counting signal at these times, pushed in chunks that end at the given places."""
    timing = timing_of(np.arange(100) / rate_hz)
    cutter = BlockCutter(stream="s", rate_hz=rate_hz, start_ns=0, timing=timing)
    values = np.arange(len(times), dtype=np.float32)
    samples = []
    for part in np.split(np.arange(len(times)), chunks):
        samples += cutter.push(values[part], times[part])
    return samples + cutter.push(values[:0], times[:0], last=True)


def element_times(samples: list[Sample], rate_hz: float) -> np.ndarray:
    return np.concatenate([sample.t_ns / 1e9 + np.arange(len(sample.data)) / rate_hz for sample in samples])


@pytest.mark.parametrize("chunks", [(), (500,), (501,), (502,), (499, 500, 501)], ids=str)
@pytest.mark.parametrize("lost", [[500], [499], [500, 501, 502], [498, 499, 500]], ids=str)
def test_unreadable_times_beside_a_gap_do_not_close_it(lost, chunks):
    true = np.arange(1500) / 250 + np.where(np.arange(1500) < 500, 0, 100)
    times = true.copy()
    times[lost] = NAN
    got = element_times(cut(times, 250, chunks), 250)
    np.testing.assert_allclose(np.delete(got, lost), np.delete(true, lost), atol=0.002)


def test_unreadable_first_times_lie_before_the_first_readable_one():
    times = 1e9 + np.arange(300) / 100
    times[:30] = NAN
    np.testing.assert_allclose(element_times(cut(times, 100), 100), np.arange(300) / 100, atol=1e-6)


@pytest.mark.parametrize("wild", [NAN, np.inf, -np.inf, 1e308, -1e308, 1e18])
def test_a_time_that_cannot_be_one_is_counted_over(wild):
    times = np.arange(500) / 250
    times[200] = wild
    np.testing.assert_allclose(element_times(cut(times, 250), 250), np.arange(500) / 250, atol=1e-6)


@pytest.mark.parametrize("chunks", [(), (150,), (100, 150, 200)], ids=str)
@pytest.mark.parametrize("unreadable", [[], [149], [99], [100]], ids=str)
def test_after_a_midnight_time_goes_on_in_every_later_chunk(chunks, unreadable):
    times = (86_399 + np.arange(400) / 100) % 86_400
    times[300:] += 10  # and a gap is still one
    times[unreadable] = NAN
    true = np.arange(400) / 100 + np.where(np.arange(400) < 300, 0, 10)
    np.testing.assert_allclose(element_times(cut(times, 100, chunks), 100), true, atol=1e-3)


def test_a_block_after_a_gap_has_the_files_own_time_even_where_counting_ran_ahead():
    times = np.arange(600) * 0.00999  # the column is 4 ms behind the counted time after 400 rows
    times[400:] += 0.0055  # a lost row
    block = next(sample for sample in cut(times, 100) if sample.data[0] == 400)
    assert block.t_ns == pytest.approx(times[400] * 1e9, abs=1000)


@pytest.mark.parametrize("times", [np.arange(20) * 5e-324, np.arange(5000) // 250], ids=["denormal", "whole seconds"])
def test_times_that_hardly_rise_give_no_rate(times):
    assert timing_of(times.astype(float)) is None


@settings(deadline=None, max_examples=200)
@given(
    times=st.lists(st.one_of(st.floats(0, 100), st.floats(), st.sampled_from([5e-324, 1e308, -1e308])), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
)
def test_any_numbers_in_a_time_column_give_every_value_once_and_never_go_back(times, cuts):
    column = np.array(times)
    timing_of(column)
    samples = cut(column, 50, tuple(sorted(cuts)))
    assert sum(len(sample.data) for sample in samples) == len(times)
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(samples))
