"""The comparison of the fusion with its rivals: nobody is on both sides, conditions are what they say.

Needs TensorFlow. The recordings of people are in ../shared/data; without them only what needs none is tested.
"""

from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def small():
    """Two senses of eight people whose state is in both; real embeddings need no more than that."""
    from converters.study.sets import FROZEN, NOISE, Recorded, Variant

    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.5).astype(np.float32)

    def sense():
        return (y[:, None, None] * 1.5 + rng.normal(0, 1, (400, 6, 3))).astype(np.float32)

    x = {"acc": sense(), "gyro": sense()}
    nothing = np.full(400, np.nan, np.float32)
    wrong = {
        NOISE: {m: Variant(rng.normal(0, 3, v.shape).astype(np.float32), nothing) for m, v in x.items()},
        FROZEN: {m: Variant(np.repeat(v[::-1, :1], 6, axis=1), y[::-1]) for m, v in x.items()},
    }
    there = np.ones((400, 2), np.float32)
    return Recorded("simulated", "fall", ("acc", "gyro"), x, there, wrong, y, np.arange(400) % 8, 4, strided=False)


@pytest.fixture(scope="module")
def embedded(small):
    from converters.study.encoders import Embedded

    return Embedded(small, small.people > 1, seed=0, steps=30)


def test_conditions_name_every_single_corruption_and_pairs(small):
    from converters.study.tables import conditions

    asked = conditions(small)
    assert next(iter(asked)) == "clean" and asked["clean"] == {}
    assert asked["gyro noise"] == {"gyro": "noise"}
    assert asked["acc off, gyro off"] == {"acc": "off", "gyro": "off"}


def test_only_what_is_off_is_flagged(small, embedded):
    from converters.study.tables import tested
    from edge_mm.perception.fusion import PRESENCE

    rows = np.arange(50)
    plain, off, noisy = (tested(small, embedded, rows, w) for w in ({}, {"acc": "off"}, {"acc": "noise"}))
    assert (off.inputs[PRESENCE] == [0, 1]).all() and not off.inputs["acc"].any()
    assert (noisy.inputs[PRESENCE] == 1).all() and (noisy.corrupted == [1, 0]).all()
    assert not np.allclose(noisy.inputs["acc"], plain.inputs["acc"])
    assert np.array_equal(noisy.inputs["gyro"], plain.inputs["gyro"])
    assert not noisy.shows[:, 0].any() and plain.shows.all()


def test_training_rows_keep_a_sense_and_one_clean_copy(small, embedded):
    from converters.study.tables import COPIES, clean, spoiled
    from edge_mm.perception.fusion import PRESENCE

    rows = np.arange(200)
    table = spoiled(small, embedded, rows, np.random.default_rng(0))
    assert len(table.states) == COPIES * len(rows)
    assert table.inputs[PRESENCE].any(axis=1).all()
    assert table.corrupted.any() and (table.corrupted.sum(axis=1) <= 1).all()
    first = clean(small, embedded, rows)
    assert np.array_equal(table.inputs["acc"][: len(rows)], first.inputs["acc"])


def test_encoders_learn_from_the_training_people_alone(small, embedded):
    """Other labels of the people left out change nothing."""
    from converters.study.encoders import Embedded

    left_out = small.people <= 1
    lied = small._replace(y=np.where(left_out, 1 - small.y, small.y))
    again = Embedded(lied, ~left_out, seed=0, steps=30)
    assert np.allclose(again.clean["acc"], embedded.clean["acc"], atol=1e-5)


def test_rank_correlation():
    from converters.study.explain import rank_correlation

    assert rank_correlation(np.array([1.0, 2, 9]), np.array([0.1, 0.2, 0.3])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(np.array([1.0, 1, 1]), np.array([3.0, 2, 1])))


def test_summary_is_paired_over_people_and_verdicts_follow_it():
    from converters.study import report
    from converters.study.run import ATTENTION, CONCAT, summary

    base = np.linspace(0.6, 0.8, 5)[:, None] + np.array([0.1, 0.0, 0.0])
    found = summary(
        {ATTENTION: base, CONCAT: base - [0.0, 0.05, 0.05], "acc": base - 0.2}, ["clean", "a", "b"], ("acc",), seed=0
    )
    lead = found["lead"][CONCAT]
    assert lead["clean"]["mean"] == pytest.approx(0) and lead["sweep"]["mean"] == pytest.approx(0.05)
    assert lead["sweep"]["ci95"] == pytest.approx([0.05, 0.05])  # paired: people differ, the lead does not
    told = {"halved_mean": 0.79, "rank_correlation_within_windows": 0.5}
    said = {asked: reached for asked, _, reached in report.verdicts({**found, "explanation": told})}
    assert list(said.values()) == [True, True, True, True, False, True]


def test_missing_data_is_said(tmp_path, capsys):
    from converters.study.__main__ import main

    assert main(["--data", str(tmp_path)]) == 2
    assert "open/stress_predict" in capsys.readouterr().err


@pytest.mark.skipif(
    not (SHARED / "research/hifd").is_dir(), reason="not here: the recordings of ../shared/data/research/hifd"
)
def test_real_falls_are_late_by_what_is_said():
    from converters.study import sets

    falls = sets.falls(SHARED, seed=0)
    assert falls.y.sum() == 89 and len(set(falls.people.tolist())) == 18
    late = falls.wrong["late 1 s"]["ppg"].x
    assert np.array_equal(late[:, 50:], falls.x["ppg"][:, :-50]) and not np.array_equal(late, falls.x["ppg"])


def test_study_of_one_fold_judges_only_who_was_left_out(small, monkeypatch):
    from converters import fusion
    from converters.study import run

    monkeypatch.setattr(fusion, "EPOCHS", 3)
    said = []
    found = run.study(small, seed=0, folds=1, encoder_steps=30, say=said.append)
    assert found["people"] == 2 and len(said) == 1
    assert found["clean"]["attention"]["mean"] > 0.7
    assert found["conditions"]["acc off, gyro off"]["attention"] == 0.5  # nothing is there to tell them apart
    assert 0 <= found["explanation"]["halved_mean"] <= 1
