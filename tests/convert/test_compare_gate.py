"""The gate on real digits: a good int8 graph passes, a loss, too few rows and a poor output do not."""

from importlib import import_module

import numpy as np
import pytest

from converters.dataset import DataSet
from converters.evaluation.gate import Limits, verdict
from converters.evaluation.layers import layer_table
from converters.evaluation.metrics import Metric
from converters.evaluation.remedies import remedies
from edge_mm.errors import ConvertError

CHANNEL = np.array([30.0] + [1.0] * 11)


@pytest.fixture(scope="module")
def digits():
    return import_module("digits_graphs").digits()


def test_a_good_graph_passes(digits):
    said = verdict(digits.float_graph, digits.int8, digits.held_out)
    assert said.passed, said.sentences
    assert said.metric == "accuracy:classes"
    assert said.n == 997
    assert said.interval[0] <= said.loss_pp <= said.interval[1] <= 1.0
    assert set(said.snr_db) == {"classes", "embedding"}
    assert min(said.snr_db.values()) > 20
    assert said.advice == ()


def test_a_graph_calibrated_on_dark_images_is_refused_and_the_calibration_is_named(digits):
    said = verdict(digits.float_graph, digits.dark, digits.held_out)
    assert not said.passed
    assert said.interval[0] > 1.0
    assert "it loses too much" in said.sentences[0]
    assert said.worst_layer == "image"
    assert any("input image goes from 0 to 1 here, its int8 range only from 0 to 0.125" in text for text in said.advice)


def test_thirty_rows_are_refused_although_the_graph_is_good(digits):
    said = verdict(digits.float_graph, digits.int8, digits.held_out.rows(slice(0, 30)))
    assert not said.passed
    assert "30 rows are too few" in said.sentences[0]


def test_rows_of_one_person_are_refused_although_the_graph_is_good(digits):
    data = digits.held_out
    alone = DataSet(data.inputs, data.targets, np.zeros(len(data)), data.digest)
    assert not verdict(digits.float_graph, digits.int8, alone).passed
    many = DataSet(data.inputs, data.targets, np.arange(len(data)) // 5, data.digest)
    said = verdict(digits.float_graph, digits.int8, many)
    assert (said.passed, said.groups) == (True, 200)


def test_an_output_below_its_floor_is_refused_and_remedies_are_measured(digits):
    limits = Limits(min_snr_db={"embedding": 60})
    said = verdict(digits.float_graph, digits.int8, digits.held_out, limits=limits, samples=digits.samples)
    assert not said.passed
    assert [text.split(":")[0] for text in said.sentences] == ["output embedding"]
    assert "at least 60 dB" in said.sentences[0]
    assert any("SNR of embedding" in text for text in said.advice)


def test_a_range_that_one_channel_takes_for_itself_is_found_where_it_hurts_and_float_layers_mend_it(digits):
    """One channel after the second convolution is 30 times as large and read 30 times as weakly: the float net is the
    same, the int8 net has few steps left for the other channels."""
    import keras

    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph

    model = keras.models.clone_model(digits.model)
    model.set_weights(digits.model.get_weights())
    kernel, bias = model.get_layer("second").get_weights()
    model.get_layer("second").set_weights([kernel * CHANNEL, bias * CHANNEL])
    kernel, bias = model.get_layer("embedding").get_weights()
    model.get_layer("embedding").set_weights([kernel / np.tile(CHANNEL, 16)[:, None], bias])
    content = float_graph(model)
    table = layer_table(content, quantize_graph(content, digits.samples), digits.held_out)
    (worst,) = table.worst()
    assert worst.name.startswith("embedding")
    assert [name.split("_")[0] for name in worst.sources] == ["flatten", "second"]
    alone, both = None, None
    for remedy in remedies(content, digits.samples, digits.held_out, [worst], output="embedding"):
        assert str(remedy) == f"{remedy.what}: SNR of embedding {remedy.before_db:.1f} -> {remedy.after_db:.1f} dB"
        alone = remedy if len(remedy.layers) == 1 else alone
        both = remedy if len(remedy.layers) == 3 else both
    assert both.after_db > both.before_db + 10
    assert both.after_db > alone.after_db


def test_a_layer_left_in_float_has_a_cleaner_output_in_the_table(digits):
    from converters.conversion.int8 import quantize_graph

    plain = layer_table(digits.float_graph, digits.int8, digits.held_out)
    name = plain.layers[0].name
    mixed = layer_table(
        digits.float_graph, quantize_graph(digits.float_graph, digits.samples, float_layers=[name]), digits.held_out
    )
    assert mixed.layers[0].fidelity.snr_db > plain.layers[0].fidelity.snr_db
    assert mixed.layers[0].dtype == "float32"
    assert name not in [layer.name for layer in mixed.worst(10)]


def test_a_graph_whose_names_were_stripped_is_matched_by_the_order_of_its_ops(digits):
    stripped = renamed(digits.int8, lambda i: b"")
    table, by_name = (layer_table(digits.float_graph, one, digits.held_out) for one in (stripped, digits.int8))
    assert table.layers == by_name.layers
    assert table.inputs == by_name.inputs


def test_a_graph_of_other_ops_is_compared_at_its_outputs_only(digits):
    import keras

    from converters.conversion.keras_graph import float_graph

    image = keras.Input((8, 8, 1), name="image")
    classes = keras.layers.Dense(10, name="classes")(keras.layers.Flatten()(image))
    other = renamed(float_graph(keras.Model(image, {"classes": classes})), lambda i: b"other %d" % i)
    table = layer_table(other, digits.int8, digits.held_out)
    assert table.layers == ()
    assert "only outputs compared" in table.note
    with pytest.raises(ConvertError, match="not of one model"):
        verdict(other, digits.int8, digits.held_out)


def renamed(content, name):
    """The graph with other tensor names."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = name(i)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_every_op_of_an_unrolled_lstm_has_its_twin_and_no_slice_is_blamed():
    """The quantizer gives all outputs of a SPLIT one name; the order of the ops tells them apart."""
    import keras

    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph

    keras.utils.set_random_seed(0)
    sound = keras.Input((4, 6), name="sound")
    state = keras.layers.LSTM(8, unroll=True)(sound)
    content = float_graph(keras.Model(sound, {"event": keras.layers.Dense(1, activation="sigmoid")(state)}))
    rows = np.random.default_rng(0).normal(size=(80, 4, 6)).astype(np.float32)
    data = DataSet({"sound": rows}, {}, None, "")
    table = layer_table(content, quantize_graph(content, [data.sample(i) for i in range(80)]), data)
    assert table.note == ""
    assert "SPLIT" in {layer.op for layer in table.layers}
    assert "SPLIT" not in {layer.op for layer in table.worst(100)}
    assert table.layers[-1].output and table.layers[-1].fidelity.snr_db > 15


def test_a_graph_against_itself_loses_nothing(digits):
    table = layer_table(digits.float_graph, digits.float_graph, digits.held_out)
    assert {layer.fidelity.snr_db for layer in table.layers} == {120.0}
    assert table.worst(3) == []


def test_a_metric_without_targets_and_one_of_no_output_are_refused(digits):
    with pytest.raises(ConvertError, match="no targets under 'embedding'"):
        verdict(digits.float_graph, digits.int8, digits.held_out, metric=Metric("within", "embedding", 0.1))
    with pytest.raises(ConvertError, match="classes, embedding, not 'speed'"):
        verdict(digits.float_graph, digits.int8, digits.held_out, metric=Metric("accuracy", "speed"))


def test_data_of_another_model_is_refused(digits):
    data = digits.held_out
    with pytest.raises(ConvertError, match="reads 'image', the data has 'picture'"):
        verdict(digits.float_graph, digits.int8, DataSet({"picture": data.inputs["image"]}, data.targets, None, ""))
    with pytest.raises(ConvertError, match="shape"):
        small = DataSet({"image": data.inputs["image"][:, :7]}, data.targets, None, "")
        verdict(digits.float_graph, digits.int8, small)
