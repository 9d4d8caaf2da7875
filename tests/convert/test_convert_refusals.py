"""What cannot be converted, or runs in one runtime only, is refused in a sentence; a crash is one as well."""

import os
import signal
import zipfile

import numpy as np
import pytest

from edge_mm.errors import ConvertError


class Heard:
    """Hears what a conversion is doing, and does something at one of its steps."""

    def __init__(self):
        self.steps, self.at, self.then = [], None, None

    def __call__(self, what, done, total):
        self.steps.append((what, done, total))
        if what == self.at:
            self.at = None
            self.then()


@pytest.fixture(scope="module")
def heard():
    return Heard()


@pytest.fixture(scope="module")
def converter(heard):
    from converters.conversion.child import Converter

    with Converter(heard) as one:
        yield one


@pytest.fixture
def convert(converter, heard, tmp_path):
    """Converts as the verb does, in a child that all tests of this file share; what was there stays when it refuses."""
    from converters.conversion.one import Wanted, convert_model

    out = tmp_path / "out.tflite"

    def run(model, data, recipe="int8-static", **more):
        out.write_bytes(b"of last week")
        try:
            report = convert_model(Wanted(model, data, recipe, out, **more), converter=converter, say=heard)
        except ConvertError:
            assert out.read_bytes() == b"of last week"
            assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.tflite"]
            raise
        return report, out.read_bytes()

    return run


def test_a_loop_is_refused_with_the_way_out(own, convert, tmp_path):
    with pytest.raises(ConvertError, match=r"loop.*unroll=True.*dynamic-range"):
        convert(*own.write(tmp_path, "loop", own.lstm(unroll=False)))


def test_a_loop_takes_dynamic_range_in_both_runtimes(own, runtimes, convert, tmp_path):
    report, content = convert(*own.write(tmp_path, "loop", own.lstm(unroll=False, units=32)), recipe="dynamic-range")
    assert "WHILE" in {kind for kind, _, _ in own.ops(content)}
    assert [trial["runtime"] for trial in report["trials"]] == ["ai_edge_litert", "tflite_runtime"]
    assert report["bytes"] < 0.6 * report["float_bytes"]
    assert report["snr_db"]["head"] > 20
    assert report["notes"] == []


def test_dynamic_range_says_when_it_changed_nothing(own, convert, tmp_path):
    paths = own.write(tmp_path, "small", own.sequential())
    report, _ = convert(*paths, recipe="dynamic-range", runtimes=("ai_edge_litert",))
    assert "1024" in report["notes"][0]


def test_what_one_runtime_refuses_is_refused_with_its_name_and_its_reason(own, runtimes, convert, tmp_path):
    import keras

    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    below = keras.layers.Dense(4, activation="sigmoid")(right) + 1.0
    paths = own.write(tmp_path, "share", keras.Model([left, right], keras.ops.divide(left, below)))
    with pytest.raises(ConvertError, match=r"tflite-runtime 2\.14\.0 refuses the graph.*Div only supports"):
        convert(*paths)
    report, _ = convert(*paths, runtimes=("ai_edge_litert",))
    assert min(report["snr_db"].values()) > 20


def test_an_op_without_an_int8_form_is_named(own, convert, tmp_path):
    import keras

    volume = keras.Input((6, 6, 6, 1), name="volume")
    paths = own.write(tmp_path, "scan", keras.Model(volume, {"out": keras.layers.Conv3D(2, 3, name="deep")(volume)}))
    with pytest.raises(ConvertError, match=r"no int8 form: CONV_3D \(.*--float-layer"):
        convert(*paths)


def test_a_crash_in_calibration_is_a_sentence_and_the_next_job_works(own, convert, converter, heard, tmp_path):
    paths = own.write(tmp_path, "plain", own.sequential())
    heard.at, heard.then = "calibrating", lambda: os.kill(converter.pid, signal.SIGSEGV)
    with pytest.raises(
        ConvertError, match=r"calibrating plain\.keras: the converter's process died \(signal SIGSEGV\)"
    ):
        convert(*paths)
    report, _ = convert(*paths, runtimes=("ai_edge_litert",))
    assert min(report["snr_db"].values()) > 20


def test_every_step_is_said(own, convert, heard, tmp_path):
    heard.steps.clear()
    convert(*own.write(tmp_path, "plain", own.sequential()), runtimes=("ai_edge_litert",))
    words = list(dict.fromkeys(what for what, _, _ in heard.steps))
    assert words[-3:] == ["calibrating", "quantizing", "trying in ai-edge-litert"]
    assert [done for what, done, _ in heard.steps if what == "calibrating"] == list(range(60))


def test_code_in_a_model_file_is_refused_and_not_run(own, convert, tmp_path):
    import keras

    given = keras.Input((5,), name="x")
    trap = tmp_path / "trap"
    code = eval(f"lambda value: [open({str(trap)!r}, 'w'), value * 2.0][1]")  # what a closure holds is not saved
    model = keras.Model(given, keras.layers.Lambda(code, output_shape=(5,))(given))
    path, data = own.write(tmp_path, "lambda", model)
    model(np.zeros((1, 5)))
    trap.unlink()  # it is a trap: whoever runs the model springs it
    with pytest.raises(ConvertError, match=r"lambda\.keras: it has a Lambda layer.*replace"):
        convert(path, data)
    assert not trap.exists()


def test_a_class_of_ones_own_is_named(own, convert, tmp_path):
    import keras

    class Doubled(keras.layers.Layer):
        def call(self, value):
            return value * 2.0

    given = keras.Input((5,), name="x")
    with pytest.raises(ConvertError, match=r"needs 'Doubled'.*SavedModel"):
        convert(*own.write(tmp_path, "own", keras.Model(given, Doubled()(given))))


def test_a_model_of_16_bits_is_told_how_to_become_one_of_32(own, convert, tmp_path):
    import keras

    given = keras.Input((5,), name="x")
    model = keras.Model(given, keras.layers.Dense(2, dtype="mixed_float16", name="half")(given))
    with pytest.raises(ConvertError, match=r"16 bits \(half\).*float32"):
        convert(*own.write(tmp_path, "half", model))


def test_inputs_without_a_size_or_of_whole_numbers_are_refused_by_name(own, convert, tmp_path):
    import keras

    series = keras.Input((None, 4), name="series")
    keras.Model(series, keras.layers.GlobalAveragePooling1D()(series)).save(tmp_path / "free.keras")
    counts = keras.Input((6,), name="counts", dtype="int32")
    keras.Model(counts, keras.layers.Dense(2)(counts)).save(tmp_path / "counts.keras")
    np.savez(tmp_path / "counts.npz", counts=np.arange(360).reshape(60, 6) % 9)
    with pytest.raises(ConvertError, match=r"'series' has the shape.*fixed sizes"):
        convert(tmp_path / "free.keras", tmp_path / "words.npz")
    with pytest.raises(ConvertError, match=r"'counts' holds int32.*Embedding"):
        convert(tmp_path / "counts.keras", tmp_path / "counts.npz")


def test_an_embedding_reads_whole_numbers_and_the_rest_is_int8(own, convert, tmp_path):
    import keras

    tokens = keras.Input((6,), name="tokens", dtype="int32")
    table = keras.layers.Embedding(9, 4, name="table")(tokens)
    keras.Model(tokens, keras.layers.Dense(2)(keras.layers.Flatten()(table))).save(tmp_path / "words.keras")
    np.savez(tmp_path / "words.npz", tokens=np.arange(360).reshape(60, 6) * 7 % 9)
    convert(tmp_path / "words.keras", tmp_path / "words.npz")


def test_half_a_keras_file_is_refused(own, convert, tmp_path):
    path, data = own.write(tmp_path, "whole", own.sequential())
    (tmp_path / "half.keras").write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ConvertError, match=r"half\.keras: not a whole \.keras file"):
        convert(tmp_path / "half.keras", data)
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("readme.txt", "no model")
    with pytest.raises(ConvertError, match=r"other\.keras: Keras .* cannot load it"):
        convert(tmp_path / "other.keras", data)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConvertError, match="folder: not a SavedModel"):
        convert(tmp_path / "folder", data)


def test_dynamic_range_is_not_made_from_a_graph(own, convert, converter, tmp_path):
    path, data = own.write(tmp_path, "plain", own.sequential())
    (tmp_path / "plain.tflite").write_bytes(converter.float_graph(path))
    with pytest.raises(ConvertError, match=r"plain\.tflite: dynamic range is made from the model"):
        convert(tmp_path / "plain.tflite", data, recipe="dynamic-range")
