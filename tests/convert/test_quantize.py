"""A Keras 3 model with an unrolled LSTM becomes an int8 graph that says what the float model says."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(0)
    mel = keras.Input((24, 8), name="mel")
    extra = keras.Input((4,), name="extra")
    state = keras.layers.LSTM(8, unroll=True)(keras.layers.Conv1D(8, 3, activation="relu")(mel))
    embedding = keras.layers.Dense(6, activation="tanh")(keras.layers.Concatenate()([state, extra]))
    classes = keras.layers.Dense(3, activation="softmax")(embedding)
    return keras.Model([mel, extra], {"embedding": embedding, "classes": classes})


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    return [{"mel": rng.normal(size=(1, 24, 8)), "extra": rng.normal(size=(1, 4))} for _ in range(64)]


def test_int8_agrees_with_float_under_the_models_own_names(model, inputs):
    from converters.conversion.in_process import quantize

    graph = Graph(quantize(model, inputs), name="toy")
    assert set(graph.inputs) == {"mel", "extra"}
    assert set(graph.outputs) == {"embedding", "classes"}
    for item in inputs[:8]:
        real = model({k: v.astype(np.float32) for k, v in item.items()})
        ours = graph(**item)
        for key in ours:
            assert np.abs(ours[key] - np.asarray(real[key])[0]).max() < 0.08


@pytest.fixture(scope="module")
def recurrent():
    """Graph -> its untrained net and inputs: the two of the bundle that hold an LSTM."""
    import keras

    from converters.audio import encoder
    from converters.physio import rhythm

    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    sound = encoder.build(seed=0)
    return {
        "physio.rhythm": (rhythm.model(), [{"rhythm": row[None]} for row in rhythm.simulated(40, rng)[0]]),
        "audio.encoder": (sound, [{"log_mel": rng.normal(size=(1, *sound.input_shape[1:]))} for _ in range(12)]),
    }


@pytest.mark.parametrize(("name", "times"), [("physio.rhythm", 8), ("audio.encoder", 4)])
def test_every_conversion_of_a_recurrent_graph_is_int8_throughout_and_the_same_to_the_byte(recurrent, name, times):
    from converters.conversion.in_process import quantize
    from converters.conversion.int8 import float_ops

    graphs = [quantize(*recurrent[name]) for _ in range(times)]
    assert len(set(graphs)) == 1
    assert float_ops(graphs[0]) == []
    assert set(kinds(graphs[0])) == {np.int8, np.int32}


def test_convolutions_have_a_scale_for_each_channel_and_dense_layers_one(recurrent):
    from converters.conversion.in_process import quantize
    from converters.graphs.reader import read_graph

    graph = read_graph(quantize(*recurrent["audio.encoder"]))
    scales = {
        name: {len(graph.tensors[op.inputs[1]].scales) for op in graph.ops if op.name == name}
        for name in ("CONV_2D", "FULLY_CONNECTED")
    }
    assert scales["FULLY_CONNECTED"] == {1}
    assert min(scales["CONV_2D"]) > 8


def kinds(content):
    """The types of all tensors, as the device's runtime sees them."""
    from ai_edge_litert.interpreter import Interpreter

    return [one["dtype"] for one in Interpreter(model_content=content).get_tensor_details()]


def test_an_op_in_float_is_seen_and_named(model, tmp_path):
    import tensorflow as tf

    from converters.conversion.int8 import float_ops

    model.export(tmp_path / "saved", verbose=False)
    said = float_ops(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    assert any(one.startswith("FULLY_CONNECTED (") for one in said)
    assert any(one.startswith("SPLIT (") and "lstm_cell" in one for one in said)


def test_reversed_input_changes_the_embedding(model, inputs):
    from converters.conversion.in_process import quantize

    graph = Graph(quantize(model, inputs), name="toy")
    item = inputs[0]
    back = graph(mel=item["mel"][:, ::-1], extra=item["extra"])["embedding"]
    assert np.abs(back - graph(**item)["embedding"]).max() > 0.05


def test_a_loop_is_refused_before_it_can_crash_the_interpreter(inputs):
    import keras

    from converters.conversion.in_process import quantize

    mel = keras.Input((24, 8), name="mel")
    rolled = keras.Model(mel, {"state": keras.layers.LSTM(8)(mel)})
    with pytest.raises(ConvertError, match="unroll=True"):
        quantize(rolled, [{"mel": item["mel"]} for item in inputs])


def test_no_representative_data_is_refused(model):
    from converters.conversion.in_process import quantize

    with pytest.raises(ConvertError, match="representative"):
        quantize(model, [])
