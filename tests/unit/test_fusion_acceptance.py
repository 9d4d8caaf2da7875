"""The acceptance of a fusion lets nothing through that it has not shown, and notices sabotage by what is answered."""

import numpy as np
import pytest

from converters.acceptance import Case, failures, judge
from edge_mm.types import NS_PER_S, Estimate, Window

SENSES = ("vision", "audio", "physio")
JUDGED = {"drowsy": 0.6}


def case(state, corrupted="audio"):
    there = dict.fromkeys(SENSES, 1.0)
    code = np.full((1, 1), state == "drowsy", np.float32)
    return Case(Window(0, 10 * NS_PER_S, dict.fromkeys(SENSES, code), there, there), state, corrupted)


CASES = [case("drowsy"), case("drowsy"), case("alert"), case("alert")]


class Answers:
    """Says what it is told to say of a drowsy and of any other window, with these weights."""

    def __init__(self, *, drowsy=1.0, other=0.0, weights=(0.9, 0.05, 0.05)):
        self._said = (other, drowsy)
        self._weights = dict(zip(SENSES, weights, strict=True))

    def estimate(self, window):
        score = self._said[int(window.embeddings["vision"][0, 0])]
        return Estimate(window.end_ns, window.start_ns, {"drowsy": score}, self._weights, {}, {}, {})


EQUAL = (1 / 3, 1 / 3, 1 / 3)


def test_right_answers_with_attention_off_the_corrupted_sense_pass():
    assert failures(Answers(), CASES, JUDGED) == []


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        (Answers(drowsy=0.0), "drowsy:"),
        (Answers(other=1.0), "drowsy:"),
        (Answers(weights=EQUAL), "attention:"),
        (Answers(drowsy=float("nan")), "numbers:"),
        (Answers(weights=(float("nan"),) * 3), "numbers:"),
    ],
)
def test_each_thing_that_is_wrong_is_said(subject, word):
    (problem,) = failures(subject, CASES, JUDGED)
    assert problem.startswith(word)


@pytest.mark.parametrize("cases", [[], [case("alert")], [case("drowsy")]])
def test_windows_of_one_state_alone_show_nothing(cases):
    (problem,) = failures(Answers(), cases, JUDGED)
    assert problem.startswith("windows:")


def test_a_twin_that_answers_rightly_is_not_noticed_by_its_attention_alone():
    verdicts = {"fusion": [], "constant_attention": failures(Answers(weights=EQUAL), CASES, JUDGED)}
    assert verdicts["constant_attention"]
    with pytest.raises(RuntimeError, match=r"constant_attention.*proves nothing"):
        judge(verdicts)


def test_a_twin_that_answers_wrongly_is_noticed():
    judge({"fusion": [], "constant_attention": failures(Answers(drowsy=0.0, weights=EQUAL), CASES, JUDGED)})


def test_a_fusion_that_fails_does_not_ship():
    with pytest.raises(RuntimeError, match="drowsy"):
        judge({"fusion": failures(Answers(other=1.0), CASES, JUDGED)})
