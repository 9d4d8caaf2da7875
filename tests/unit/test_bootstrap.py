"""How sure a loss is: paired, by groups, seeded, and never surer than the data."""

import numpy as np
import pytest

from converters.evaluation.bootstrap import judge, paired_bootstrap
from converters.evaluation.metrics import Metric, score
from edge_mm.errors import ConvertError

RIGHT = Metric("accuracy", "event")


def answers(rows, *, float_wrong=0, lost=0, won=0):
    """Yes/no answers of both graphs to rows that are all yes: `lost` only float has right, `won` only int8."""
    real, int8 = np.ones(rows), np.ones(rows)
    real[:float_wrong] = int8[:float_wrong] = 0
    int8[float_wrong : float_wrong + lost] = 0
    real[float_wrong + lost : float_wrong + lost + won] = 0
    return (real, int8), np.ones(rows, int)


def test_the_loss_is_the_difference_of_the_scores():
    said, truth = answers(400, float_wrong=40, lost=12, won=4)
    loss = paired_bootstrap(RIGHT, said, truth)
    assert (loss.float_percent, loss.int8_percent) == (89.0, 87.0)
    assert loss.loss_pp == pytest.approx(2.0)
    assert loss.low_pp < 2.0 < loss.high_pp


def test_what_is_hard_for_both_does_not_widen_the_interval():
    width = {}
    for hard in (0, 190):
        loss = paired_bootstrap(RIGHT, *answers(400, float_wrong=hard, lost=6))
        width[hard] = loss.high_pp - loss.low_pp
    assert width[190] == pytest.approx(width[0], rel=0.1)


def test_the_interval_is_that_of_the_normal_distribution_where_rows_are_many():
    loss = paired_bootstrap(RIGHT, *answers(5000, float_wrong=300, lost=200, won=100))
    spread = 100 * np.sqrt((300 / 5000 - (100 / 5000) ** 2) / 5000)
    assert loss.low_pp == pytest.approx(2.0 - 1.96 * spread, abs=0.05)
    assert loss.high_pp == pytest.approx(2.0 + 1.96 * spread, abs=0.05)


def test_the_interval_holds_the_true_loss_as_often_as_it_says():
    rng = np.random.default_rng(3)
    held = 0
    for i in range(300):
        rows = rng.choice(3, size=400, p=[0.95, 0.04, 0.01])  # 1: lost, 2: won; the true loss is 3 points
        said = np.where(rows == 2, 0.0, 1.0), np.where(rows == 1, 0.0, 1.0)
        loss = paired_bootstrap(RIGHT, said, np.ones(400, int), resamples=1000, seed=i)
        held += loss.low_pp <= 3.0 <= loss.high_pp
    assert 0.92 <= held / 300 <= 0.99


def test_without_any_difference_the_upper_end_is_that_of_the_rule_of_three():
    loss = paired_bootstrap(RIGHT, *answers(600, float_wrong=30))
    assert (loss.loss_pp, loss.low_pp) == (0.0, 0.0)
    assert loss.high_pp == pytest.approx(100 * 3 / 600, rel=0.02)
    assert judge(paired_bootstrap(RIGHT, *answers(310))).outcome == "passes"
    assert judge(paired_bootstrap(RIGHT, *answers(250))).outcome == "too little data"


def test_each_lost_row_moves_the_upper_end_up():
    ends = [paired_bootstrap(RIGHT, *answers(400, lost=lost)).high_pp for lost in range(6)]
    assert ends == sorted(ends)
    assert len(set(ends)) == len(ends)


def test_rows_of_one_person_count_once():
    said, truth = answers(40, lost=4)
    rows = paired_bootstrap(RIGHT, said, truth)
    people = np.repeat(np.arange(40), 25)
    many = tuple(np.repeat(one, 25) for one in said), np.repeat(truth, 25)
    grouped = paired_bootstrap(RIGHT, *many, groups=people)
    assert (grouped.rows, grouped.groups) == (1000, 40)
    assert grouped.low_pp == pytest.approx(rows.low_pp, abs=0.5)
    narrow = paired_bootstrap(RIGHT, *many)
    assert narrow.high_pp - narrow.low_pp < (grouped.high_pp - grouped.low_pp) / 3


def test_groups_may_have_names_and_sizes_of_their_own():
    said, truth = answers(120, lost=20)
    groups = np.array(["anna"] * 100 + ["ben"] * 15 + ["cleo"] * 5)
    loss = paired_bootstrap(RIGHT, said, truth, groups=groups)
    assert loss.groups == 3
    assert loss.loss_pp == pytest.approx(100 * 20 / 120)
    assert "few groups" in judge(loss).sentence


def test_the_same_seed_gives_the_same_interval():
    said, truth = answers(200, lost=6, won=2)
    assert np.array_equal(*(paired_bootstrap(RIGHT, said, truth, seed=1).draws for _ in range(2)))
    other = paired_bootstrap(RIGHT, said, truth, seed=2).draws
    assert not np.array_equal(other, paired_bootstrap(RIGHT, said, truth, seed=1).draws)


@pytest.mark.parametrize("kind", ["f1", "auroc"])
@pytest.mark.parametrize("grouped", [False, True])
def test_resampling_by_weights_is_resampling_by_rows(kind, grouped):
    rng = np.random.default_rng(5)
    truth = rng.integers(3, size=240)
    real = rng.random((240, 3)) + 0.8 * np.eye(3)[truth]
    int8 = real + rng.normal(scale=0.15, size=real.shape)
    groups = np.arange(240) // 8
    loss = paired_bootstrap(Metric(kind, "c"), (real, int8), truth, groups=groups if grouped else None, resamples=1500)
    slow = []
    for _ in range(400):
        rows = (
            (rng.integers(30, size=30)[:, None] * 8 + np.arange(8)).ravel() if grouped else rng.integers(240, size=240)
        )
        slow.append(
            score(Metric(kind, "c"), real[rows], truth[rows]) - score(Metric(kind, "c"), int8[rows], truth[rows])
        )
    assert loss.draws.mean() == pytest.approx(np.mean(slow), abs=4 * np.std(slow) / np.sqrt(400))
    assert loss.draws.std() == pytest.approx(np.std(slow), rel=0.15)
    assert np.percentile(slow, 2.5) == pytest.approx(loss.low_pp, abs=0.35 * np.std(slow))


def test_thirty_rows_are_refused_however_well_they_agree():
    said = judge(paired_bootstrap(RIGHT, *answers(30)), max_loss_pp=50)
    assert said.outcome == "too little data"
    assert "30 rows are too few" in said.sentence


def test_one_person_alone_is_refused():
    said, truth = answers(900)
    result = judge(paired_bootstrap(RIGHT, said, truth, groups=np.zeros(900)))
    assert result.outcome == "too little data"
    assert "one group" in result.sentence


def test_auroc_that_most_resamples_cannot_score_is_refused():
    truth = np.array([1] + [0] * 199)
    values = np.linspace(1, 0, 200)
    result = judge(paired_bootstrap(Metric("auroc", "event"), (values, values), truth))
    assert result.outcome == "too little data"
    assert "a class was missing" in result.sentence


def test_a_real_loss_loses_and_says_how_much():
    result = judge(paired_bootstrap(RIGHT, *answers(1000, lost=60)))
    assert result.outcome == "loses"
    assert "100.00 % in float, 94.00 % in int8, a loss of 6.00 points" in result.sentence
    assert "1000 rows" in result.sentence


def test_between_the_two_it_says_how_much_data_would_tell():
    few = judge(paired_bootstrap(RIGHT, *answers(200, lost=1)))
    assert few.outcome == "too little data"
    wanted = int(few.sentence.split("about ")[1].split(" rows")[0])
    assert judge(paired_bootstrap(RIGHT, *answers(wanted, lost=wanted // 200))).outcome == "passes"
    assert judge(paired_bootstrap(RIGHT, *answers(wanted // 4, lost=wanted // 800))).outcome != "passes"


def test_a_better_int8_graph_passes():
    assert judge(paired_bootstrap(RIGHT, *answers(500, won=8))).outcome == "passes"


def test_what_does_not_fit_is_refused():
    said, truth = answers(100)
    with pytest.raises(ConvertError, match="group: 3 entries for 100 rows"):
        paired_bootstrap(RIGHT, said, truth, groups=np.zeros(3))
    with pytest.raises(ConvertError, match="confidence 95"):
        paired_bootstrap(RIGHT, said, truth, confidence=95)
