"""What the gate says of what was measured: refusals, floors, the layer that hurts most, what to try."""

import numpy as np
import pytest

from converters.evaluation.bootstrap import paired_bootstrap
from converters.evaluation.fidelity import Fidelity, Sums, by_output, fidelity
from converters.evaluation.gate import Limits, settle
from converters.evaluation.layers import Layer, LayerTable
from converters.evaluation.metrics import Metric
from converters.evaluation.remedies import Remedy

RIGHT = Metric("accuracy", "event")


def loss(rows, *, lost=0):
    int8 = np.ones(rows)
    int8[:lost] = 0
    return paired_bootstrap(RIGHT, (np.ones(rows), int8), np.ones(rows, int))


def layer(name, before, after, *, op="CONV_2D", low=-1.0, high=1.0, dtype="int8"):
    return Layer(name, name, op, Fidelity(after, 1.0, 0.0, -1.0, 1.0), before, dtype, low, high)


def table(*layers, inputs=(), note=""):
    return LayerTable(tuple(layers), tuple(inputs), 64, note)


def outputs(**ratios):
    return {name: Fidelity(ratio, 1.0, 0.0, -1.0, 1.0) for name, ratio in ratios.items()}


CLEAN = table(layer("first", 56, 38), layer("last", 38, 30))


def test_a_graph_within_its_limits_passes_and_says_what_was_found():
    said = settle([loss(400)], outputs(event=30.0), CLEAN, Limits())
    assert said.passed
    assert "accuracy of event: 100.00 % in float, 100.00 % in int8" in said.sentences[0]
    assert "event 30.0 dB" in said.sentences[1]
    assert said.advice == ()


def test_a_real_loss_is_refused_with_the_layer_that_hurts_most():
    said = settle([loss(400, lost=40)], outputs(event=30.0), CLEAN, Limits())
    assert not said.passed
    assert said.worst_layer == "last"
    assert said.advice[0] == "the layer that hurts most is last (CONV_2D): 38.0 dB before it, 30.0 dB after it"
    assert any("(last)" in text and "float" in text for text in said.advice)


def test_too_few_rows_are_refused_without_blaming_a_layer():
    said = settle([loss(30)], outputs(event=30.0), CLEAN, Limits())
    assert not said.passed
    assert said.advice == ("give more held-out rows, of more people where rows are grouped",)


def test_each_output_has_its_floor_and_may_have_its_own():
    low = outputs(event=14.9, embedding=12.0)
    said = settle([loss(400)], low, CLEAN, Limits())
    assert [text.split(":")[0] for text in said.sentences] == ["output event", "output embedding"]
    said = settle([loss(400)], low, CLEAN, Limits(min_snr_db={"embedding": 10.0}))
    assert [text.split(":")[0] for text in said.sentences] == ["output event"]
    assert settle([loss(400)], low, CLEAN, Limits(min_snr_db=10.0)).passed


def test_a_higher_limit_lets_the_same_loss_pass():
    assert not settle([loss(1000, lost=20)], outputs(event=30.0), CLEAN, Limits()).passed
    assert settle([loss(1000, lost=20)], outputs(event=30.0), CLEAN, Limits(max_loss_pp=4.0)).passed


def test_the_first_layer_is_not_blamed_for_a_clean_input():
    assert CLEAN.worst()[0].name == "last"
    assert table(layer("first", 56, 20), layer("last", 20, 18)).worst()[0].name == "first"


def test_a_layer_in_float_is_not_blamed():
    assert table(layer("soft", 40, 10, dtype="float32"), layer("hard", 10, 8)).worst()[0].name == "hard"


def test_an_input_that_is_cut_off_is_named_before_any_layer():
    cut = layer("image", 120, 3, op="INPUT", low=0.0, high=0.25)
    said = settle([loss(400, lost=90)], outputs(event=2.0), table(layer("first", 3, 1), inputs=[cut]), Limits())
    assert said.worst_layer == "image"
    assert said.advice[0] == "what hurts most is the input image itself: 3.0 dB are left in int8"
    assert "input image goes from -1 to 1 here, its int8 range only from 0 to 0.25" in said.advice[1]


def test_measured_remedies_are_asked_for_the_output_that_failed_and_the_useless_are_left_out():
    asked = []

    def measured(output):
        asked.append(output)
        return [
            Remedy("leaving last in float", ("last",), output, 12.0, 27.4),
            Remedy("clipping", (), output, 12.0, 12.1),
        ]

    said = settle([loss(400)], outputs(event=30.0, points=12.0), CLEAN, Limits(), measured)
    assert asked == ["points"]
    assert "leaving last in float: SNR of points 12.0 -> 27.4 dB" in said.advice
    assert not any("clipping" in text for text in said.advice)
    settle([loss(400)], outputs(event=30.0, points=20.0), CLEAN, Limits(), measured)
    assert asked == ["points"]


def test_remedies_that_gain_nothing_are_said_to():
    useless = [Remedy("leaving last in float", ("last",), "event", 12.0, 12.1)]
    said = settle([loss(400)], outputs(event=12.0), CLEAN, Limits(), lambda output: useless)
    assert any(text.startswith("none of 1 remedies tried gains 1 dB") for text in said.advice)


def test_without_names_the_layer_is_said_to_be_unknown():
    said = settle([loss(400)], outputs(event=12.0), table(note="the names differ"), Limits())
    assert said.worst_layer == ""
    assert said.advice[0] == "which layer hurts most is not known: the names differ"


def test_the_ratio_is_that_of_powers():
    real = np.array([[3.0, -4.0], [0.0, 5.0]])
    found = fidelity(real, real * 0.9)
    assert found.snr_db == pytest.approx(20.0)
    assert found.cosine == pytest.approx(1.0)
    assert found.max_error == pytest.approx(0.5)
    assert (found.low, found.high) == (-4.0, 5.0)


def test_pieces_are_the_whole():
    rng = np.random.default_rng(0)
    real, int8 = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    sums = Sums()
    for a, b in zip(real, int8, strict=True):
        sums.add(a, b)
    assert sums.fidelity() == pytest.approx(fidelity(real, int8))
    assert by_output({"x": real}, {"x": int8})["x"] == fidelity(real, int8)


@pytest.mark.parametrize(
    ("real", "int8", "ratio"),
    [([1, 2], [1, 2], 120), ([0, 0], [0, 0], 120), ([0, 0], [1, 0], -120), ([1, np.nan], [1, 2], -120)],
)
def test_equal_empty_and_broken_values_have_a_ratio_too(real, int8, ratio):
    assert fidelity(np.array(real, float), np.array(int8, float)).snr_db == ratio


def test_each_labelled_output_must_pass_and_the_one_that_does_not_is_named():
    other = Metric("accuracy", "points")
    bad = loss(400, lost=40)._replace(metric=other)
    said = settle([loss(400), bad], outputs(event=30.0, points=30.0), CLEAN, Limits())
    assert (said.passed, said.metric, said.loss_pp) == (False, "accuracy:event", 0.0)
    assert [text.split(":")[0] for text in said.sentences] == ["accuracy of points"]
    good = settle([loss(400), loss(400)._replace(metric=other)], outputs(event=30.0, points=30.0), CLEAN, Limits())
    assert [text.split(":")[0] for text in good.sentences[:2]] == ["accuracy of event", "accuracy of points"]


def test_what_pruning_lost_is_not_blamed_on_a_layer_or_on_the_calibration():
    asked = []
    said = settle([loss(400, lost=40)], outputs(event=30.0), CLEAN, Limits(), asked.append, early={"event": 9.5})
    assert said.advice == (
        "9.50 of the 10.00 points of event were lost before quantization: let the smaller model learn longer "
        "(train.epochs) or from more rows (training), or leave more of it (prune.keep nearer to 1, less sparsity, a "
        "larger student)",
    )
    assert asked == []
    both = settle([loss(400, lost=40)], outputs(event=30.0), CLEAN, Limits(), early={"event": 5.0})
    assert both.advice[0].startswith("5.00 of the 10.00 points")
    assert both.advice[1].startswith("the layer that hurts most is last")


@pytest.mark.parametrize(("mode", "words"), [("float", "as shrunk"), ("dynamic-range", "with int8 weights")])
def test_a_graph_that_is_not_int8_is_not_told_to_calibrate(mode, words):
    said = settle([loss(400, lost=40)], outputs(event=30.0), CLEAN, Limits(), mode=mode)
    assert f"90.00 % {words}" in said.sentences[0]
    assert not any("calibrat" in text or "percentile" in text for text in said.advice)


def test_a_graph_that_is_no_better_than_chance_is_not_judged():
    by_luck = loss(400)._replace(float_percent=10.05, int8_percent=10.05, chance=10.2)
    said = settle([by_luck], outputs(event=30.0), CLEAN, Limits())
    assert not said.passed
    assert "10.05 % in float, up to 10.20 % without looking at the 400 rows" in said.sentences[0]
    assert said.advice == (
        "look whether the targets belong to these rows, in this order, and whether the model was trained",
    )
    assert settle([by_luck._replace(chance=5.0)], outputs(event=30.0), CLEAN, Limits()).passed
