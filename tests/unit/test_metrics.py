"""Percent of what a graph said right: every form of targets, and what cannot be scored."""

import numpy as np
import pytest

from converters.dataset import DataSet
from converters.evaluation.metrics import KINDS, Metric, chance, default_metric, parse_metric, score, tally
from edge_mm.errors import ConvertError

SOFTMAX = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]], np.float32)
CLASSES = Metric("accuracy", "classes")


def test_class_indices_against_softmax():
    assert score(CLASSES, SOFTMAX, np.array([0, 1, 2, 1])) == 75.0


@pytest.mark.parametrize("truth", [np.array([[0], [1], [2], [1]]), np.eye(3)[[0, 1, 2, 1]], [0, 1, 2, 1]])
def test_a_column_of_indices_one_hot_targets_and_a_list_say_the_same(truth):
    assert score(CLASSES, SOFTMAX, np.asarray(truth)) == 75.0


def test_soft_targets_mean_their_largest_class():
    soft = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]])
    assert score(CLASSES, SOFTMAX, soft) == 75.0


@pytest.mark.parametrize("said_column", [True, False])
@pytest.mark.parametrize("truth_column", [True, False])
def test_a_yes_no_output_is_a_yes_from_one_half_on(said_column, truth_column):
    said, truth = np.array([0.5, 0.49, 0.9, 0.1]), np.array([1, 1, 1, 0])
    said, truth = said[:, None] if said_column else said, truth[:, None] if truth_column else truth
    assert score(CLASSES, said, truth) == 75.0


def test_several_labels_at_once_count_each():
    said = np.array([[0.9, 0.9, 0.1], [0.1, 0.2, 0.3]])
    assert score(CLASSES, said, np.array([[1, 1, 1], [0, 0, 1]])) == pytest.approx(400 / 6)


def test_class_indices_at_each_step_of_a_sequence():
    said = np.stack([SOFTMAX, SOFTMAX])
    truth = np.array([[0, 1, 2, 0], [0, 0, 0, 0]])
    assert score(CLASSES, said, truth) == 75.0
    assert score(CLASSES, said, truth[..., None]) == 75.0


def test_indices_that_the_graph_says_itself():
    assert score(CLASSES, np.array([3.0, 1.0, 2.0]), np.array([3, 1, 1])) == pytest.approx(200 / 3)


def test_within_counts_the_limit_itself_and_shares_of_a_row():
    near = Metric("within", "points", 0.5)
    assert score(near, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.5, 2.0], [3.6, 9.0]])) == 50.0
    assert score(near, np.array([1.0, 2.0]), np.array([[1.0], [3.0]])) == 50.0


def test_f1_is_the_mean_over_the_classes_that_occur():
    said = np.eye(3)[[0, 0, 1, 2]]
    truth = np.array([0, 1, 1, 1])  # class 0: 2/3; class 1: 2/4; class 2 does not occur
    assert score(Metric("f1", "classes"), said, truth) == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)


def test_auroc_counts_ties_half_and_does_not_mind_the_scale():
    truth = np.array([0, 0, 1, 1])
    area = Metric("auroc", "event")
    assert score(area, np.array([0.1, 0.4, 0.4, 0.8]), truth) == 87.5
    assert score(area, np.array([-10.0, 4.0, 4.0, 800.0]), truth) == 87.5
    assert score(area, np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]]), truth) == 87.5


def test_auroc_of_one_class_only_is_refused_and_says_so():
    with pytest.raises(ConvertError, match=r"event.*one class"):
        score(Metric("auroc", "event"), np.array([0.1, 0.9]), np.array([1, 1]))


def test_a_weight_of_two_is_the_row_twice():
    rng = np.random.default_rng(0)
    said, truth = rng.random((40, 4)), rng.integers(4, size=40)
    rows = rng.integers(40, size=60)
    weights = np.bincount(rows, minlength=40).astype(float)[None]
    for kind in ("accuracy", "f1", "auroc"):
        metric = Metric(kind, "classes")
        once = tally(metric, said, truth).percent(weights)[0]
        assert once == pytest.approx(score(metric, said[rows], truth[rows]))


def test_a_resample_without_one_of_two_classes_has_no_auroc():
    made = tally(Metric("auroc", "event"), np.array([0.1, 0.9, 0.3]), np.array([0, 1, 0]))
    assert np.isnan(made.percent(np.array([[2.0, 0.0, 1.0]]))[0])


@pytest.mark.parametrize(
    ("said", "truth", "sentence"),
    [
        (SOFTMAX, np.array([0, 1, 2, 3]), "class 3 .* classes 0..2"),
        (SOFTMAX, np.array([0, 1, 2, -1]), "class -1"),
        (SOFTMAX, np.array([0, 1, 2, 0.5]), "whole numbers"),
        (SOFTMAX, np.array([0, 1, 2]), "4 rows said, 3 rows"),
        (SOFTMAX, np.zeros((4, 2)), "per row"),
        (SOFTMAX * np.nan, np.array([0, 1, 2, 1]), "NaN .* 4 of 4 rows"),
        (SOFTMAX, np.array(["a", "b", "c", "d"]), "numbers"),
        (SOFTMAX[:0], np.array([], int), "0 rows"),
    ],
)
def test_what_cannot_be_scored_is_refused_by_the_outputs_name(said, truth, sentence):
    with pytest.raises(ConvertError, match=f"output classes.*{sentence}"):
        score(CLASSES, said, truth)


def test_metrics_are_read_as_they_are_written():
    for text in ("accuracy:classes", "f1:classes", "auroc:event", "within:points:0.05", "within:a:b:2"):
        assert str(parse_metric(text)) == text
    assert parse_metric("within:points:0.05") == Metric("within", "points", 0.05)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy:",
        "speed:classes",
        "within:points",
        "within:points:-1",
        "within:points:nan",
        "within::1",
    ],
)
def test_a_metric_that_is_not_one_is_refused(text):
    with pytest.raises(ConvertError, match="metric"):
        parse_metric(text)


def test_scikit_learn_says_the_same():
    reference = pytest.importorskip("sklearn.metrics", reason="not here: scikit-learn is in the extra [convert]")
    rng = np.random.default_rng(1)
    truth = rng.integers(5, size=300)
    said = rng.random((300, 5)) + 0.6 * np.eye(5)[truth]
    said = np.round(said / said.sum(axis=1, keepdims=True), 2)  # with ties
    said[:, -1] = 1 - said[:, :-1].sum(axis=1)
    guess = said.argmax(axis=1)
    answers = {
        "accuracy": reference.accuracy_score(truth, guess),
        "f1": reference.f1_score(truth, guess, average="macro"),
        "auroc": reference.roc_auc_score(truth, said, multi_class="ovr"),
    }
    for kind, answer in answers.items():
        assert score(Metric(kind, "classes"), said, truth) == pytest.approx(100 * answer)
    labels = rng.integers(2, size=(300, 3))
    chances = np.clip(labels * 0.3 + rng.random((300, 3)) * 0.7, 0, 1)
    area = reference.roc_auc_score(labels, chances, average="macro")
    assert score(Metric("auroc", "labels"), chances, labels) == pytest.approx(100 * area)
    harmonic = reference.f1_score(labels, chances >= 0.5, average="macro")
    assert score(Metric("f1", "labels"), chances, labels) == pytest.approx(100 * harmonic)
    assert set(answers) < set(KINDS)


def data(**targets):
    return DataSet({"x": np.zeros((4, 1), np.float32)}, {k: np.asarray(v) for k, v in targets.items()}, None, "")


def test_without_a_metric_classes_come_first_then_yes_no_then_values():
    values, classes = np.array([0.1, 2.0, 3.0, 40.0]), np.array([0, 2, 1, 1])
    assert default_metric(data(points=values, classes=classes)) == CLASSES
    assert default_metric(data(points=values, event=np.array([0.0, 1.0, 1.0, 0.0]))) == Metric("accuracy", "event")
    assert default_metric(data(points=values, soft=np.full((4, 2), 0.5))) == Metric("accuracy", "soft")


def test_values_are_right_within_a_twentieth_of_their_range():
    values = np.linspace(100.0, 200.0, 101)  # 5th to 95th percentile: 105 to 195
    assert default_metric(data(rate=values)) == Metric("within", "rate", 4.5)


def test_data_without_targets_has_no_metric():
    with pytest.raises(ConvertError, match="no targets"):
        default_metric(data())


def test_chance_is_the_most_frequent_class_or_one_half_with_two_standard_errors():
    truth = np.repeat([0, 1, 2], [600, 300, 100])
    said = np.eye(3)[truth]
    assert chance(CLASSES, truth, said) == pytest.approx(100 * (0.6 + 2 * np.sqrt(0.6 * 0.4 / 1000)))
    yes = np.repeat([0, 1], [900, 100])
    expected = 100 * (0.5 + 2 * np.sqrt(1001 / (12 * 100 * 900)))
    assert chance(Metric("auroc", "event"), yes, yes.astype(float)) == pytest.approx(expected)
    assert chance(Metric("f1", "event"), yes, yes.astype(float)) is None


def test_scores_of_shuffled_labels_are_seldom_above_chance():
    rng, above = np.random.default_rng(0), 0
    for _ in range(200):
        truth, said = rng.permutation(np.repeat([0, 1], [90, 30])), rng.uniform(size=120)
        metric = Metric("auroc", "event")
        above += score(metric, said, truth) > chance(metric, truth, said)
    assert above < 12
