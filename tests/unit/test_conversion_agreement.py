"""A float graph must say what its model says: weights that were lost on the way are found."""

import graph_by_hand
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.conversion.adoption import adopted
from converters.conversion.agreement import TOLERANCE, check_agreement
from edge_mm.errors import ConvertError

WEIGHTS = np.linspace(-1, 1, 6).astype(np.float32)


def graph(op="MUL", options=None, *, weights=WEIGHTS):
    given, out = (graph_by_hand.tensor(1, 6, dtype="float32") for _ in range(2))
    given.name, out.name = b"beat", b"loud"
    constant = graph_by_hand.tensor(1, 6, dtype="float32", value=weights[None])
    inputs = [given, constant] if op == "MUL" else [given]
    return adopted(graph_by_hand.graph((op, 1, inputs, [out], options)))


def test_a_model_and_its_graph_agree_but_for_rounding():
    gap = check_agreement(lambda row: {"loud": row["beat"] * WEIGHTS}, graph(options=schema.MulOptionsT()), where="own")
    assert gap < 1e-6


@pytest.mark.parametrize("lost", [np.zeros(6), WEIGHTS * 1.002, WEIGHTS[::-1], WEIGHTS + 0.01])
def test_a_graph_with_other_weights_is_refused(lost):
    with pytest.raises(ConvertError, match=r"own: the float graph's output 'loud' differs .*% .*lost weights"):
        check_agreement(lambda row: {"loud": row["beat"] * lost}, graph(options=schema.MulOptionsT()), where="own")


def test_what_is_no_number_must_be_none_in_both():
    content = graph("LOG")
    with np.errstate(invalid="ignore"):
        assert check_agreement(lambda row: {"loud": np.log(row["beat"])}, content, where="own") < TOLERANCE
        with pytest.raises(ConvertError, match="'loud' differs"):
            check_agreement(lambda row: {"loud": np.log(np.abs(row["beat"]))}, content, where="own")
        with pytest.raises(ConvertError, match="'loud' differs"):
            half = {"loud": np.array([[np.nan] * 3 + [0.0] * 3])}
            check_agreement(lambda row: half, graph(options=schema.MulOptionsT(), weights=np.zeros(6)), where="own")


def test_an_output_that_is_missing_is_named():
    with pytest.raises(ConvertError, match=r"outputs \['loud'\], the model \['loud', 'soft'\]"):
        check_agreement(
            lambda row: {"loud": row["beat"] * WEIGHTS, "soft": row["beat"]},
            graph(options=schema.MulOptionsT()),
            where="own",
        )
