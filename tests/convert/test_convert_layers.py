"""Names, layers left in float, clipped ranges: what of a Keras model is found again in its graph."""

import json

import numpy as np
import pytest

from edge_mm.errors import ConvertError

LITERT = ("ai_edge_litert",)


@pytest.fixture(scope="module")
def cnn(own, tmp_path_factory):
    import keras

    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("layers")
    return own.write(folder, "cnn", own.cnn())


@pytest.fixture
def convert(converter):
    """Converts as the verb does, in a child that all tests of this file share."""
    from converters.conversion.one import Wanted, convert_model

    def run(model, data, out, recipe="int8-static", **more):
        return convert_model(Wanted(model, data, recipe, out, **{"runtimes": LITERT, **more}), converter=converter)

    return run


def agrees(own, converter, folder, model):
    """The float graph, and whether it says what the model says: under the model's own names."""
    path, data = own.write(folder, "one", model)
    content = converter.float_graph(path)
    rows = dict(np.load(data))
    real, said = own.keras_says(model, rows), own.graph_says(content, rows)
    assert set(said) == set(real)
    for name, value in said.items():
        assert np.abs(real[name] - value).max() < 1e-4
    return content, said


@pytest.mark.parametrize("name", ["heart-rate", "1st.beat", "it's; größe", "in:0", "names"])
def test_inputs_and_outputs_keep_the_names_that_their_owner_gave_them(own, converter, tmp_path, name):
    import keras

    given = keras.Input((5,), name=name)
    _, said = agrees(own, converter, tmp_path, keras.Model(given, keras.layers.Dense(2, name="1st-out.x")(given)))
    assert set(said) == {"1st-out.x"}


def test_odd_names_go_all_the_way(own, convert, tmp_path):
    import keras

    given = keras.Input((5,), name="größe; .npy")
    answer = keras.layers.Dense(2, name="answer")(given)
    model = keras.Model(given, {"file": answer})  # numpy.savez has an argument of that name
    model.save(tmp_path / "odd.keras")
    np.savez(tmp_path / "odd.npz", x=np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32))
    report = convert(tmp_path / "odd.keras", tmp_path / "odd.npz", tmp_path / "odd.tflite")
    assert report["snr_db"]["file"] > 20


def test_a_layer_that_tensorflow_cannot_trace_is_named(own, converter, tmp_path):
    import keras

    given = keras.Input((5,), name="x")
    path, _ = own.write(tmp_path, "odd", keras.Model(given, keras.layers.Dense(2, name="two words")(given)))
    with pytest.raises(ConvertError, match=r"layer called 'two words'.*letters"):
        converter.float_graph(path)


def test_a_layer_is_found_by_the_name_that_keras_gave_it(own, converter, tmp_path):
    import keras

    keras.backend.clear_session()
    given = keras.Input((8, 8, 1), name="image")
    layers = [keras.layers.Conv2D(4, 3) for _ in range(3)]  # conv2d, conv2d_1, conv2d_2
    value = given
    for layer in layers:
        value = layer(value)
    content, _ = agrees(own, converter, tmp_path, keras.Model(given, keras.layers.ReLU(name="end")(value)))
    assert [name for kind, name, _ in own.ops(content) if kind == "CONV_2D"] == ["conv2d", "conv2d_1", "end"]


def test_every_output_is_kept_where_one_layer_has_several(own, converter, tmp_path):
    import keras

    given = keras.Input((6, 4), name="beat")
    model = keras.Model(given, keras.layers.LSTM(3, unroll=True, return_state=True, name="memory")(given))
    path, data = own.write(tmp_path, "states", model)
    rows = dict(np.load(data))
    said = own.graph_says(converter.float_graph(path), rows)
    for name, value in zip(["memory", "memory_1", "memory_2"], model(rows["beat"]), strict=True):
        assert np.abs(said[name] - value.numpy()).max() < 1e-4


def test_inputs_in_a_dict_go_by_their_own_names(own, converter, tmp_path):
    import keras

    left, right = keras.Input((4,), name="left_eye"), keras.Input((4,), name="right_eye")
    layer = keras.layers.Dense(3, name="shared")
    model = keras.Model({"l": left, "r": right}, {"gap": keras.layers.Subtract()([layer(left), layer(right)])})
    path, data = own.write(tmp_path, "dict", model)
    rows = dict(np.load(data))
    said = own.graph_says(converter.float_graph(path), rows)
    real = model({"l": rows["left_eye"], "r": rows["right_eye"]})["gap"]
    assert np.abs(said["gap"] - real.numpy()).max() < 1e-4


def test_a_layer_named_by_hand_stays_in_float_and_no_other_does(own, convert, cnn, tmp_path):
    report = convert(*cnn, tmp_path / "out.tflite", float_layers=("second",))
    ops = own.ops((tmp_path / "out.tflite").read_bytes())
    assert [(kind, dtype) for kind, name, dtype in ops if name == "second"] == [("CONV_2D", "float32")]
    assert {dtype for kind, name, dtype in ops if name != "second" and kind not in ("QUANTIZE", "DEQUANTIZE")} == {
        "int8"
    }
    assert report["float_ops"] == ["CONV_2D (second)"]
    kept = json.loads((tmp_path / "out.tflite.json").read_text())
    assert kept["float_layers"] == ["second"]


def test_all_of_an_unrolled_lstm_stays_in_float_by_its_one_name(own, convert, tmp_path):
    convert(*own.write(tmp_path, "lstm", own.lstm()), tmp_path / "out.tflite", float_layers=("memory",))
    kinds = {kind for kind, _, dtype in own.ops((tmp_path / "out.tflite").read_bytes()) if dtype == "float32"}
    assert {"FULLY_CONNECTED", "LOGISTIC", "TANH", "MUL"} <= kinds
    assert [dtype for _, name, dtype in own.ops((tmp_path / "out.tflite").read_bytes()) if name == "head"] == ["int8"]


@pytest.mark.parametrize(
    ("layer", "why"), [("thrid", "no layer is called 'thrid'; there are first, "), ("(", "regular expression")]
)
def test_a_layer_that_is_not_there_is_named(convert, cnn, tmp_path, layer, why):
    with pytest.raises(ConvertError, match=why):
        convert(*cnn, tmp_path / "out.tflite", float_layers=(layer,))
    assert list(tmp_path.iterdir()) == []


def test_outliers_do_not_widen_the_ranges_of_the_percentile_recipe(own, convert, cnn, tmp_path):
    model, data = cnn
    rows = np.load(data)["image"]
    rows[0, 0, 0, 0] = 1000.0
    np.savez(tmp_path / "spike.npz", image=rows)
    plain = convert(model, tmp_path / "spike.npz", tmp_path / "plain.tflite")
    clipped = convert(model, tmp_path / "spike.npz", tmp_path / "clipped.tflite", recipe="int8-percentile")
    ordinary = {"image": rows[1:]}
    real = own.graph_says(convert_float(model), ordinary)["classes"]
    lost = {
        name: np.abs(own.graph_says((tmp_path / f"{name}.tflite").read_bytes(), ordinary)["classes"] - real).mean()
        for name in ("plain", "clipped")
    }
    assert lost["clipped"] < 0.5 * lost["plain"]
    assert plain["data"]["sha256"] == clipped["data"]["sha256"]


def convert_float(model):
    from converters.conversion.keras_graph import float_graph, load_keras

    return float_graph(load_keras(model))
