"""Graphs as TensorFlow makes them, judged for an Edge TPU: the verdict on every op was written down from the table."""

import numpy as np
import pytest

RNG = np.random.default_rng(0)
IMAGE = (1, 8, 8, 8)


def drawn(*shape):
    import tensorflow as tf

    return tf.constant(RNG.normal(size=shape).astype(np.float32))


def converted(function, *shapes, kind="int8"):
    """A ``.tflite`` of a function; kind: ``int8``, ``float``, or ``between``: int8 with float inputs and outputs."""
    import tensorflow as tf

    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    concrete = tf.function(function, input_signature=specs).get_concrete_function()
    return quantized(tf.lite.TFLiteConverter.from_concrete_functions([concrete]), shapes, kind)


def quantized(converter, shapes, kind):
    import tensorflow as tf

    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [RNG.uniform(0.1, 1, [n or 1 for n in shape]).astype(np.float32) for shape in shapes] for _ in range(4)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if kind == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def judged(content, *, board="coral-usb"):
    from converters.lint.board import find_board
    from converters.lint.judge import lint

    return lint(content, find_board(board), compile_it=False)


def verdicts(report):
    """``CONV_2D`` on the Edge TPU, ``-SOFTMAX`` on the CPU for its own sake, ``(ADD)`` because of what came before."""
    said = []
    for one in report.verdicts:
        after = one.reason.startswith("it comes after")
        said.append(one.op.name if one.where == "edgetpu" else f"({one.op.name})" if after else f"-{one.op.name}")
    return " ".join(said)


def cnn(x):
    import tensorflow as tf

    x = tf.nn.relu(tf.nn.conv2d(x, drawn(3, 3, 8, 8), 1, "SAME"))
    x = tf.nn.max_pool2d(x, 2, 2, "SAME")
    x = tf.nn.relu(tf.nn.depthwise_conv2d(x, drawn(3, 3, 8, 1), [1, 1, 1, 1], "SAME"))
    return tf.nn.softmax(tf.reduce_mean(x, [1, 2]) @ drawn(8, 4))


def gru_of_slices(x):
    """Two steps of a GRU, each taken with a slice."""
    import tensorflow as tf

    of_x, of_h = [drawn(6, 4) for _ in range(3)], [drawn(4, 4) for _ in range(3)]
    state = drawn(1, 4)
    for step in range(2):
        now = x[:, step]
        update = tf.sigmoid(now @ of_x[0] + state @ of_h[0])
        reset = tf.sigmoid(now @ of_x[1] + state @ of_h[1])
        state = update * state + (1 - update) * tf.tanh(now @ of_x[2] + (reset * state) @ of_h[2])
    return state


def table():
    """Name -> function, shapes of the inputs, what the documented table says of every op."""
    import tensorflow as tf

    tanh, sigmoid = tf.tanh, tf.sigmoid
    row, sequence, pair = (1, 8), (1, 3, 8), ((1, 8), (1, 8))
    return {
        "cnn": (cnn, [IMAGE], "CONV_2D MAX_POOL_2D DEPTHWISE_CONV_2D MEAN FULLY_CONNECTED SOFTMAX"),
        "div": (lambda a, b: tanh(sigmoid(a) / b), pair, "LOGISTIC -DIV (TANH)"),
        "rank 5": (lambda x: tanh(tf.reshape(x, (1, 2, 3, 4, 5))), [(1, 120)], "TANH -RESHAPE"),
        "fused activation": (
            lambda x: tf.nn.relu6(tf.nn.avg_pool2d(tanh(x), 2, 2, "SAME")),
            [IMAGE],
            "TANH -AVERAGE_POOL_2D",
        ),
        "constant in a pair": (lambda x: tf.concat([tanh(x), drawn(1, 4)], 1), [row], "TANH QUANTIZE -CONCATENATION"),
        "zeros in a pair": (lambda x: tf.concat([tanh(x), tf.zeros((1, 4))], 1), [row], "TANH QUANTIZE CONCATENATION"),
        "softmax of rows": (lambda x: tf.nn.softmax(tanh(x)), [sequence], "TANH -SOFTMAX"),
        "softmax of 16001": (lambda x: tf.nn.softmax(tanh(x)), [(1, 16_001)], "TANH -SOFTMAX"),
        "softmax of 16000": (lambda x: tf.nn.softmax(tanh(x)), [(1, 16_000)], "TANH SOFTMAX"),
        "dense over a sequence": (
            lambda x: sigmoid(tf.tensordot(tanh(x), drawn(8, 4), 1)),
            [sequence],
            "TANH -FULLY_CONNECTED (LOGISTIC)",
        ),
        "dilation in y": (
            lambda x: tf.nn.conv2d(tanh(x), drawn(3, 3, 8, 4), 1, "VALID", dilations=[1, 2, 1, 1]),
            [IMAGE],
            "TANH -CONV_2D",
        ),
        "slice with a stride": (lambda x: sigmoid(tanh(x)[:, ::2]), [IMAGE], "TANH -STRIDED_SLICE (LOGISTIC)"),
        "mean of 6 channels": (lambda x: sigmoid(tf.reduce_mean(tanh(x), -1)), [(1, 4, 4, 6)], "TANH -MEAN (LOGISTIC)"),
        "mean of 8 channels": (lambda x: sigmoid(tf.reduce_mean(tanh(x), -1)), [(1, 4, 4, 8)], "TANH MEAN LOGISTIC"),
        "gather": (lambda x: sigmoid(tf.gather(tanh(x), [1, 0], axis=1)), [IMAGE], "TANH -GATHER (LOGISTIC)"),
        "split of the batch": (lambda x: tf.add(*tf.split(tanh(x), 2, 0)), [(2, 8)], "TANH -SPLIT (ADD)"),
        "split of channels": (lambda x: tf.add(*tf.split(tanh(x), 2, 1)), [row], "TANH SPLIT ADD"),
        "padded image": (lambda x: tf.pad(tanh(x), [[0, 0], [1, 1], [1, 1], [0, 0]]), [IMAGE], "TANH PAD"),
        "padded batch": (lambda x: tf.pad(tanh(x), [[1, 0], [0, 0]]), [row], "TANH -PAD"),
        "maximum over rows": (lambda x: tf.reduce_max(tanh(x), 1), [IMAGE], "TANH REDUCE_MAX"),
        "leaky relu": (lambda x: tf.nn.leaky_relu(tanh(x)), [IMAGE], "TANH -LEAKY_RELU"),
        "product of two inputs": (lambda a, b: tf.matmul(tanh(a), b), [(1, 4, 4), (1, 4, 4)], "TANH -BATCH_MATMUL"),
    }


@pytest.fixture(scope="module")
def reports():
    return {name: judged(converted(function, *shapes)) for name, (function, shapes, _) in table().items()}


def test_every_op_gets_the_verdict_of_the_documented_table(reports):
    assert {name: verdicts(report) for name, report in reports.items()} == {
        name: expected for name, (_, _, expected) in table().items()
    }


def test_what_falls_to_the_cpu_is_a_warning_and_names_the_end_of_the_partition(reports):
    report = reports["dense over a sequence"]
    assert not report.fails
    assert report.summary == "1 of 3 ops would run on the Edge TPU; the partition ends at op 1 (FULLY_CONNECTED)"
    lines = [str(one) for one in report.findings]
    assert any(line.startswith("warning: op 1 FULLY_CONNECTED v5: it runs on the CPU: its output") for line in lines)
    assert any("1 ops after it" in line and "LOGISTIC" in line for line in lines)
    assert not reports["cnn"].fails
    assert reports["cnn"].summary == "6 of 6 ops would run on the Edge TPU"


def test_an_int8_div_fails_in_the_older_runtime_and_only_there(reports):
    errors = [one for one in reports["div"].findings if one.level == "error"]
    assert [(one.op.index, one.op.name, one.kind) for one in errors] == [(1, "DIV", "kernel")]
    assert "tflite-runtime 2.14" in errors[0].what


def test_a_gru_of_slices_maps_throughout():
    report = judged(converted(gru_of_slices, (1, 2, 6)))
    names = {one.op.name for one in report.verdicts}
    assert {one.where for one in report.verdicts} == {"edgetpu"}
    assert names >= {"STRIDED_SLICE", "FULLY_CONNECTED", "LOGISTIC", "TANH", "MUL", "SUB", "ADD"}
    assert not report.fails


@pytest.fixture(scope="module")
def keras_gru():
    """unroll -> the converter of Keras's GRU."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def build(*, unroll):
        steps = keras.Input((3, 6), batch_size=1)
        model = keras.Model(steps, keras.layers.GRU(4, unroll=unroll)(steps))
        traced = tf.function(
            lambda x: model(x, training=False), input_signature=[tf.TensorSpec((1, 3, 6), tf.float32)]
        ).get_concrete_function()
        return tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(traced)])

    return build


def test_a_gru_that_keras_unrolls_ends_at_the_unpack_of_its_steps(keras_gru):
    report = judged(quantized(keras_gru(unroll=True), [(1, 3, 6)], "int8"))
    assert verdicts(report).startswith("RESHAPE -UNPACK ")
    assert report.summary.endswith("the partition ends at op 1 (UNPACK)")
    assert all(one.where == "cpu" for one in report.verdicts[1:])


def test_a_gru_in_a_loop_maps_nowhere_and_fails(keras_gru):
    report = judged(keras_gru(unroll=False).convert())
    assert verdicts(report) == "-RESHAPE -WHILE -STRIDED_SLICE"
    assert report.fails
    assert any("unroll=True" in one.advice for one in report.findings if one.op and one.op.name == "WHILE")
    assert any("subgraphs" in one.what for one in report.findings)


def test_a_batch_of_any_size_is_refused_by_the_compiler_and_a_warning_for_a_cpu():
    import tensorflow as tf

    content = converted(lambda x: tf.sigmoid(tf.tanh(x)), (None, 8))
    report = judged(content)
    assert verdicts(report) == "-TANH -LOGISTIC"
    assert any(one.level == "error" and "known only at run time" in one.what for one in report.findings)
    there = judged(content, board="raspberry-pi-4")
    assert [(one.level, one.kind) for one in there.findings] == [("warning", "shape")]
    assert not there.fails


def test_float_inputs_and_outputs_stay_on_the_cpu_and_the_middle_maps():
    import tensorflow as tf

    report = judged(converted(lambda x: tf.tanh(x @ drawn(8, 4)), (1, 8), kind="between"))
    assert verdicts(report) == "-QUANTIZE FULLY_CONNECTED TANH -DEQUANTIZE"
    assert not report.fails


def test_a_float_graph_fails_on_a_coral_and_runs_on_a_raspberry_pi():
    import tensorflow as tf

    content = converted(lambda x: tf.tanh(x @ drawn(8, 4)), (1, 8), kind="float")
    report = judged(content)
    assert verdicts(report) == "-FULLY_CONNECTED -TANH"
    assert report.fails
    assert judged(content, board="raspberry-pi-4").findings == ()


def test_an_op_that_no_document_confirms_says_so():
    import tensorflow as tf

    report = judged(converted(lambda x: tf.reduce_sum(tf.tanh(x), [1, 2]), IMAGE))
    assert verdicts(report) == "TANH SUM"
    assert [(one.kind, one.op.name) for one in report.findings] == [("unconfirmed", "SUM")]
