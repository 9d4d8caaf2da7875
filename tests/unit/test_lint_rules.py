"""Rules of lint on graphs of one op: what a runtime refuses, what it gets wrong, and the limits of an Edge TPU."""

import importlib.util

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from graph_by_hand import graph, numbers, one_op, tensor

from converters.graphs.reader import read_graph
from converters.lint.board import Board
from converters.lint.edgetpu import partition
from converters.lint.edgetpu_ops import TABLE
from converters.lint.judge import lint
from converters.lint.kernel_versions import RUNTIMES, newest_version
from edge_mm.errors import ConvertError

OLD = Board("old", ("tflite_runtime",), edgetpu=False)
NEW = Board("new", ("ai_edge_litert",), edgetpu=False)
BOTH = Board("both", ("ai_edge_litert", "tflite_runtime"), edgetpu=False)
CORAL = Board("coral", ("tflite_runtime",), edgetpu=True)


def errors(content, board):
    return [str(one) for one in lint(content, board, compile_it=False).findings if one.level == "error"]


def warnings(content, board):
    return [str(one) for one in lint(content, board, compile_it=False).findings if one.level == "warning"]


def against(content):
    """Why the first op is not on the Edge TPU; empty when it is."""
    return partition(read_graph(content), content).verdicts[0].reason


def refusal(runtime, content):
    """What a runtime says to a graph when it is created."""
    interpreter = importlib.import_module(f"{runtime}.interpreter").Interpreter
    try:
        interpreter(model_content=content)
    except (ValueError, RuntimeError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
@pytest.mark.parametrize("op", ["ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LOG", "QUANTIZE", "SPLIT"])
def test_the_newest_version_of_an_op_is_the_one_that_the_runtime_takes(runtime, op):
    if importlib.util.find_spec(runtime) is None:
        pytest.skip(f"not here: {runtime} is not in this environment")
    newest = newest_version(op, runtime=runtime)
    made = {v: one_op(op, [tensor(1)], [tensor(1)], version=v) for v in (newest, newest + 1)}
    assert "Didn't find op" not in refusal(runtime, made[newest])
    assert "Didn't find op" in refusal(runtime, made[newest + 1])


def test_a_version_that_only_the_newer_runtime_takes_fails_on_a_board_with_the_older_one():
    content = one_op("LOG", [tensor(1, 8)], [tensor(1, 8)], version=2)
    assert errors(content, NEW) == []
    assert errors(content, BOTH) == errors(content, OLD)
    assert errors(content, OLD)[0].startswith("error: op 0 LOG v2: tflite-runtime 2.14 takes it up to v1: ")


def test_an_op_that_came_after_a_runtime_is_named_as_absent():
    content = one_op("STABLEHLO_SCATTER", [tensor(1, 8)], [tensor(1, 8)])
    assert "tflite-runtime 2.14 does not have this op" in errors(content, OLD)[0]
    assert errors(content, NEW) == []


def dense(*, version, scales, dtype="float32", sparse=False):
    weights = tensor(4, 8, value=np.ones((4, 8)), scales=(0.1,) * scales, sparse=sparse)
    return one_op("FULLY_CONNECTED", [tensor(1, 8, dtype=dtype), weights], [tensor(1, 4, dtype=dtype)], version=version)


def test_a_dense_layer_with_float_values_and_a_scale_per_unit_is_refused_or_wrong_in_the_older_runtime():
    assert "takes it up to v10" in errors(dense(version=12, scales=4), OLD)[0]
    assert "gives wrong numbers without an error" in errors(dense(version=1, scales=4), OLD)[0]
    assert errors(dense(version=9, scales=1), OLD) == []
    assert errors(dense(version=1, scales=4), NEW) == []
    assert errors(dense(version=4, scales=4, dtype="int8"), OLD) == []


def test_sparse_weights_are_refused_by_one_runtime_and_useless_in_the_other():
    content = dense(version=4, scales=1, dtype="int8", sparse=True)
    assert "refuses at allocation" in errors(content, NEW)[0]
    assert errors(content, OLD) == []
    assert "without being any faster" in warnings(content, OLD)[0]


def test_an_int8_div_fails_where_the_kernel_has_none_and_a_float_one_runs():
    def div(dtype):
        return one_op("DIV", [tensor(1, 8, dtype=dtype), tensor(1, 8, dtype=dtype)], [tensor(1, 8, dtype=dtype)])

    assert "fails when it is invoked" in errors(div("int8"), OLD)[0]
    assert errors(div("int8"), NEW) == errors(div("float32"), OLD) == []


@pytest.mark.parametrize(
    ("op", "board", "most"), [("STRIDED_SLICE", NEW, 5), ("PAD", OLD, 5), ("MEAN", NEW, 6), ("CONCATENATION", NEW, 6)]
)
def test_more_axes_than_a_kernel_takes_fail(op, board, most):
    def made(rank):
        return one_op(op, [tensor(*[1] * rank)], [tensor(*[1] * rank)])

    assert errors(made(most), board) == []
    assert f"has {most + 1} axes" in errors(made(most + 1), board)[0]


def test_a_broadcast_difference_of_six_axes_would_end_the_process():
    one, other = tensor(1, 2, 2, 2, 2, 2), tensor(1, 2, 2, 2, 2, 1)
    content = one_op("SUB", [one, other], [tensor(1, 2, 2, 2, 2, 2)])
    assert "tflite-runtime 2.14 takes 5" in errors(content, OLD)[0]
    assert errors(content, NEW) == []
    assert errors(one_op("SUB", [one, tensor(1, 2, 2, 2, 2, 2)], [tensor(1, 2, 2, 2, 2, 2)]), OLD) == []


def test_custom_ops_are_refused_by_name_but_for_those_that_the_runtimes_bring():
    assert "Flex delegate" in errors(one_op("FlexErf", [tensor(1, 8)], [tensor(1, 8)]), BOTH)[0]
    assert "op 0 MyOp v1" in errors(one_op("MyOp", [tensor(1, 8)], [tensor(1, 8)]), BOTH)[0]
    assert errors(one_op("TFLite_Detection_PostProcess", [tensor(1, 8)], [tensor(1, 8)]), BOTH) == []


def test_variables_that_are_left_over_are_an_error():
    content = one_op("READ_VARIABLE", [tensor(1, dtype="resource")], [tensor(1, 8, dtype="float32")])
    assert "was not frozen" in errors(content, NEW)[0]


def test_a_fused_lstm_warns_of_its_state_and_maps():
    content = one_op("UNIDIRECTIONAL_SEQUENCE_LSTM", [tensor(1, 4, 8), tensor(1, 8, variable=True)], [tensor(1, 4, 8)])
    assert any("keeps its state" in line for line in warnings(content, NEW))
    assert against(content) == ""
    assert "does not have" in against(one_op("BIDIRECTIONAL_SEQUENCE_LSTM", [tensor(1, 4, 8)], [tensor(1, 4, 8)]))


def test_a_file_that_asks_for_a_newer_runtime_warns():
    op = ("TANH", 2, [tensor(1, 8)], [tensor(1, 8)], None)
    assert "needs a runtime of 2.17.0" in warnings(graph(op, min_runtime="2.17.0"), OLD)[0]
    assert warnings(graph(op, min_runtime="1.14.0"), OLD) == []
    assert warnings(graph(op, min_runtime="2.17.0"), NEW) == []


def test_an_op_that_stays_in_float_between_int8_ops_is_named():
    whole, part, back = tensor(1, 8), tensor(1, 8, dtype="float32"), tensor(1, 8, dtype="float32")
    content = graph(
        ("DEQUANTIZE", 2, [whole], [part], None),
        ("TANH", 1, [part], [back], None),
        ("QUANTIZE", 1, [back], [tensor(1, 8)], None),
    )
    assert [line.split(":")[1].strip() for line in warnings(content, NEW)] == ["op 1 TANH v1"]


def test_the_body_of_a_loop_is_judged_as_well():
    content = graph(("LOG", 2, [tensor(1, 8)], [tensor(1, 8)], None), subgraphs=2)
    found = errors(content, OLD)
    assert len(found) == 2
    assert "in subgraph 1 (a loop, a branch): " in found[1]


def test_a_file_of_endless_subgraphs_is_refused():
    with pytest.raises(ConvertError, match="201 subgraphs"):
        lint(graph(("TANH", 2, [tensor(1, 8)], [tensor(1, 8)], None), subgraphs=201), NEW)


@pytest.mark.parametrize(
    ("shape", "axes", "fits"),
    [
        ((1, 1, 10), [1], True),  # the examples of the documentation: [y][x][z] of 1,1,10 and 1,5,10
        ((1, 5, 10), [0], True),
        ((5, 1, 10), [1], False),
        ((1, 5, 1, 10), [], False),
        ((1, 1, 5, 10), [], True),
    ],
)
def test_squeeze_takes_out_leading_ones_only(shape, axes, fits):
    content = one_op("SQUEEZE", [tensor(*shape)], [tensor(10)], options=schema.SqueezeOptionsT(), squeezeDims=axes)
    assert (against(content) == "") is fits


@pytest.mark.parametrize(("alpha", "fits"), [((1, 1, 8), True), ((8,), True), ((4, 1, 8), False)])
def test_prelu_needs_an_alpha_per_channel(alpha, fits):
    slope = tensor(*alpha, value=np.ones(alpha))
    assert (against(one_op("PRELU", [tensor(1, 4, 4, 8), slope], [tensor(1, 4, 4, 8)])) == "") is fits


@pytest.mark.parametrize(("axis", "fits"), [(0, False), (1, True), (-3, False), (-1, True)])
def test_pack_is_not_over_the_batch(axis, fits):
    content = one_op("PACK", [tensor(1, 8)], [tensor(1, 8, 1)], options=schema.PackOptionsT(), axis=axis)
    assert (against(content) == "") is fits


@pytest.mark.parametrize(
    ("op", "axis", "fits"), [("REDUCE_MIN", 0, False), ("REDUCE_MAX", -1, True), ("MEAN", -4, False)]
)
def test_reductions_are_not_over_the_batch(op, axis, fits):
    assert (against(one_op(op, [tensor(1, 4, 4, 8), numbers(axis)], [tensor(1, 4, 4)])) == "") is fits


def test_axes_that_are_computed_cannot_be_compiled():
    assert "not constant" in against(one_op("MEAN", [tensor(1, 8), tensor(1)], [tensor(1)]))
    assert "not constant" in against(one_op("PAD", [tensor(1, 8), tensor(2, 2)], [tensor(1, 8)]))


def test_weights_that_are_computed_cannot_be_compiled():
    content = one_op("CONV_2D", [tensor(1, 4, 4, 8), tensor(1, 3, 3, 8)], [tensor(1, 4, 4, 1)])
    assert against(content) == "its weights are computed, not constant"


def test_int16_values_are_not_for_an_edge_tpu():
    assert against(one_op("TANH", [tensor(1, 8, dtype="int16")], [tensor(1, 8, dtype="int16")])).endswith("is int16")


def test_a_transposed_convolution_of_a_version_that_the_compiler_cannot_read_is_an_error():
    def made(version):
        filters = tensor(4, 3, 3, 8, value=np.ones((4, 3, 3, 8)))
        inputs = [numbers(1, 8, 8, 4), filters, tensor(1, 4, 4, 8)]
        return one_op("TRANSPOSE_CONV", inputs, [tensor(1, 8, 8, 4)], version=version)

    assert errors(made(3), CORAL) == []
    assert "refuses the whole file" in errors(made(4), CORAL)[0]


def test_a_compiled_graph_is_for_a_coral_and_for_nothing_else():
    content = one_op("edgetpu-custom-op", [tensor(1, 8)], [tensor(1, 8)])
    report = lint(content, CORAL)
    assert report.summary == "1 of 1 ops would run on the Edge TPU"
    assert not report.fails
    assert "compiled for an Edge TPU" in errors(content, NEW)[0]


def test_what_no_document_confirms_is_marked_in_the_table_and_said():
    for name, op in TABLE.items():
        assert op.confirmed or op.doubt, name
    content = one_op("RSQRT", [tensor(1, 8)], [tensor(1, 8)], version=2)
    report = lint(content, CORAL, compile_it=False)
    assert [one.kind for one in report.findings if one.op] == ["unconfirmed"]
    assert report.verdicts[0].where == "edgetpu"
