"""Intervals and events of an evaluation, against published tables and scipy's functions."""

import numpy as np
import pytest
from scipy import stats

from converters.evaluation import spread
from converters.evaluation.events import matched
from converters.evaluation.exact import rate_interval, share_interval
from converters.evaluation.results import Result, Table, Target, curve


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 20), (3, 20), (19, 20), (20, 20), (495, 500), (36, 40)])
def test_a_share_of_few_has_clopper_and_pearsons_interval(k, n):
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert share_interval(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("count", [0, 1, 3, 12, 200])
def test_a_rate_has_garwoods_interval(count):
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert rate_interval(count, 6.0) == pytest.approx((low / 6, high / 6), rel=1e-9)


def test_no_alert_in_six_hours_still_allows_for_more_than_a_half_per_hour():
    assert rate_interval(0, 6.0)[1] == pytest.approx(3.6889 / 6, abs=1e-4)  # Garwood's table: 3.69 at 0 events


@pytest.mark.parametrize(
    "wrong", [lambda: share_interval(3, 2), lambda: share_interval(0, 0), lambda: rate_interval(1, 0)]
)
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs"):
        wrong()


def test_people_are_drawn_whole():
    """Ten people with 100 equal frames each are ten draws, not a thousand."""
    right = np.repeat(np.array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], float), 100)
    terms = np.column_stack([right, np.ones(1000)])
    by_person = spread.of_sums(terms, np.repeat(np.arange(10), 100), spread.share)
    by_frame = spread.of_sums(terms, np.arange(1000), spread.share)
    assert by_person.value == by_frame.value == 0.8
    binomial = stats.binom(10, 0.8).ppf([0.025, 0.975]) / 10
    assert (by_person.low, by_person.high) == pytest.approx(tuple(binomial))
    assert by_frame.high - by_frame.low < 0.06 < by_person.high - by_person.low


def test_one_person_has_no_interval():
    found = spread.of_sums(np.ones((50, 2)), ["anna"] * 50, spread.share)
    assert found.value == 1.0
    assert np.isnan(found.low)


def test_an_interval_of_no_width_is_not_given():
    """Seven people without an error do not prove that there are none."""
    found = spread.of_sums(np.ones((70, 2)), np.arange(70) % 7, spread.share)
    assert found.value == 1.0
    assert np.isnan(found.low)
    result = Result("faces", "Face found")
    Table(result, "some", of="people").spread("found", found, n="70", target=Target(">=", 0.9))
    assert (result.rows[0].met, result.rows[0].sure) == (True, None)
    assert "no interval" in result.rows[0].note


def test_auroc_is_the_mann_whitney_statistic_and_nan_without_both_classes():
    rng = np.random.default_rng(3)
    truth = rng.random(200) < 0.3
    score = np.round(rng.normal(size=200) + truth, 1)  # with ties
    wins = stats.mannwhitneyu(score[truth], score[~truth]).statistic
    found = spread.auroc(score, truth, np.arange(200) % 20)
    assert found.value == pytest.approx(wins / (truth.sum() * (~truth).sum()))
    assert found.low < found.value < found.high
    assert np.isnan(spread.auroc(score, truth | True, np.arange(200)).value)


def test_macro_f1_leaves_out_a_class_that_nobody_asked_for_but_counts_what_was_said_of_it():
    table = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]], float)
    a, b = 16 / (10 + 9), 18 / (10 + 11)
    assert spread.macro_f1(table.reshape(1, -1))[0] == pytest.approx((a + b) / 2)
    said_elsewhere = np.array([[8, 0, 2], [1, 9, 0], [0, 0, 0]], float)
    assert spread.macro_f1(said_elsewhere.reshape(1, -1))[0] == pytest.approx((16 / 19 + 18 / 19) / 2)


def test_an_alert_is_late_by_the_time_from_the_onset_and_false_outside_of_all_events():
    found = matched([(10.0, 14.0), (30.0, 33.0), (50.0, 51.0)], [5.0, 11.5, 13.0, 34.9, 60.0], after_s=2.0)
    assert found.latency_s == pytest.approx((1.5, 4.9))
    assert (found.found, found.events, found.false) == (2, 3, 2)


def test_a_target_is_met_by_the_value_and_surely_met_by_the_whole_interval():
    result = Result("faces", "Face found")
    table = Table(result, "some", of="people")
    table.count("found", 99, 100, what="frames", target=Target(">=", 0.97))
    table.count("wrong", 0, 100, what="frames", target=Target("<=", 0.01))
    table.lacking("asleep", "nobody slept", target=Target(">=", 0.9))
    assert [(row.met, row.sure) for row in result.rows] == [(True, False), (True, False), (None, None)]
    assert result.rows[2].as_data()["note"] == "not measured: nobody slept"


def test_a_roc_curve_runs_from_corner_to_corner_and_shows_the_threshold():
    truth = np.array([True, True, False, True, False, False])
    found = curve("x", np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1]), truth, 0.65)
    assert (found.false_share[0], found.true_share[0]) == (0.0, 0.0)
    assert (found.false_share[-1], found.true_share[-1]) == (1.0, 1.0)
    assert found.at == (round(1 / 3, 4), round(2 / 3, 4))
    area = np.trapezoid(found.true_share, found.false_share) if hasattr(np, "trapezoid") else None
    assert area is None or area == pytest.approx(8 / 9, abs=1e-3)
