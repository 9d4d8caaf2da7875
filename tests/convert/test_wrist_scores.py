"""How stress is scored: within a person, and against a model that sees only the clock."""

import numpy as np
import pytest

from converters.skin.score import auroc, matched, nulls, within
from converters.skin.sessions import Session
from edge_mm.perception.skin_stress import STEPS


def session(person, shift, *, seed=0):
    """Tasks in the middle; every schedule is a little later than the one before."""
    labels = (np.abs(np.arange(200) - 100 - shift) < 40).astype(np.int64)
    ends = 600.0 + 10.0 * np.arange(200)
    return Session(person, np.zeros((200, STEPS, 5)), ends, labels, labels + np.random.default_rng(seed).random(200))


def test_auroc_within_a_person():
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1])) == 1.0
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), np.array([0, 1, 0, 1])) == 0.5
    import sklearn.metrics as sklearn

    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 9, 300) / 8.0, rng.integers(0, 2, 300)
    assert auroc(scores, labels) == pytest.approx(sklearn.roc_auc_score(labels, scores))


def test_a_model_of_the_clock_is_exposed():
    """What elapsed time alone gets within people is high; between people at the same time it is worth nothing."""
    sessions = [session(f"p{k}", 3 * k, seed=k) for k in range(6)]
    labels = [one.labels for one in sessions]
    clock = [-np.abs(one.ends_s - 1650.0) for one in sessions]
    assert within(clock, labels, seed=0)["mean"] > 0.95
    assert matched(clock, sessions)["auroc"] < 0.6
    truth = [one.labels + 0.0 for one in sessions]
    assert matched(truth, sessions)["auroc"] == 1.0
    null = nulls(sessions, truth, seed=0)
    assert null["elapsed_time_only"]["mean"] > 0.9
    assert null["eda_level_only"]["mean"] > 0.9  # the level of these sessions is the label
    assert abs(null["labels_shifted_in_time"]["mean"] - 0.5) < 0.1
