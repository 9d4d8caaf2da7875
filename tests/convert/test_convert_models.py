"""`edge-mm-convert quantize`: a model of one's own becomes, by one command, a graph that both runtimes run."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module

import numpy as np
import pytest


@pytest.fixture(scope="module")
def files(own, runtimes, tmp_path_factory):
    """The models as their owner has them."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("own")
    keras.utils.set_random_seed(0)
    models = {"cnn": own.cnn(), "lstm": own.lstm(), "two": own.two_inputs()}
    for name, model in models.items():
        own.write(folder, name, model)
    models["cnn"].export(folder / "saved", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
    (folder / "plain.tflite").write_bytes(converter.convert())
    return folder, models


@pytest.fixture(scope="module")
def made(files):
    """Runs the command once for each model; gives its report, the graph, the float graph."""
    folder, _ = files
    kept = {}

    def make(model, data):
        if model not in kept:
            out = folder / f"{model.replace('.', '-')}.out.tflite"
            floats = out.with_suffix(".float.tflite")
            given = ["--representative", str(folder / data), "--out", str(out), "--float-out", str(floats), "--json"]
            command = [sys.executable, "-m", "converters.cli", "quantize", str(folder / model), *given]
            said = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (said.returncode, said.stderr) == (0, "")  # nobody watches: nothing is said but the report
            kept[model] = json.loads(said.stdout), out.read_bytes(), floats.read_bytes()
        return kept[model]

    return make


@pytest.mark.parametrize(
    ("model", "trained"),
    [("cnn.keras", "cnn"), ("lstm.keras", "lstm"), ("two.keras", "two"), ("saved", "cnn"), ("plain.tflite", "cnn")],
)
def test_one_command_makes_an_int8_graph_that_both_runtimes_run(files, made, own, model, trained):
    folder, models = files
    report, content, floats = made(model, f"{trained}.npz")
    assert [trial["runtime"] for trial in report["trials"]] == ["ai_edge_litert", "tflite_runtime"]
    assert [trial["version"] for trial in report["trials"]][1] == "2.14.0"
    assert all(trial["us"] > 0 for trial in report["trials"])
    assert {dtype for _, _, dtype in own.ops(content)} <= {"int8", "int32"}
    assert min(report["snr_db"].values()) > 20

    rows = dict(np.load(folder / f"{trained}.npz"))
    real, said = own.keras_says(models[trained], rows), own.graph_says(floats, rows)
    if model in ("saved", "plain.tflite"):  # an export of Keras calls its outputs output_0, ...
        real = {f"output_{i}": value for i, value in enumerate(real.values())}
    assert set(said) == set(real)
    for name, value in real.items():
        assert np.abs(said[name] - value).max() < 1e-4 * max(1, np.abs(value).max())
    assert not any("VAR" in kind for kind, _, _ in own.ops(floats))


def test_a_graph_keeps_its_inputs_apart_whatever_their_order(files, made, own):
    folder, _ = files
    _, content, _ = made("two.keras", "two.npz")
    rows = dict(np.load(folder / "two.npz"))
    said = own.graph_says(content, rows)
    rows["breath"] = -rows["breath"]
    other = own.graph_says(content, rows)
    assert np.array_equal(said["calm"], other["calm"])  # which reads the pulse only
    assert not np.array_equal(said["stress"], other["stress"])


def test_what_made_a_graph_lies_beside_it(files, made):
    folder, _ = files
    report, content, floats = made("cnn.keras", "cnn.npz")
    kept = json.loads((folder / "cnn-keras.out.tflite.json").read_text())
    assert kept["sha256"] == hashlib.sha256(content).hexdigest() == report["sha256"]
    assert (kept["bytes"], kept["float_bytes"]) == (len(content), len(floats))
    assert kept["recipe"]["name"] == "int8-static"
    assert kept["recipe"]["quantize"]["mode"] == "int8"
    assert {"tensorflow", "keras", "numpy", "edge-mm", "ai-edge-litert", "python"} <= set(kept["versions"])
    assert kept["data"]["rows"] == kept["data"]["used"] == 60
    assert len(kept["data"]["sha256"]) == 64
    assert kept["float_ops"] == []


def test_an_outlier_among_the_rows_is_said_and_no_runtime_is_blamed(files, tmp_path):
    folder, _ = files
    rows = dict(np.load(folder / "cnn.npz"))
    rows["image"][3, 2, 2, 0] = 5000.0
    np.savez(tmp_path / "outlier.npz", **rows)
    given = ["--representative", str(tmp_path / "outlier.npz"), "--out", str(tmp_path / "out.tflite")]
    command = [sys.executable, "-m", "converters.cli", "quantize", str(folder / "cnn.keras"), *given]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "look for outliers in the rows" in said.stdout


def test_a_conversion_that_is_terminated_leaves_nothing_behind(files, tmp_path):
    folder, _ = files
    given = ["--representative", str(folder / "cnn.npz"), "--out", str(tmp_path / "out.tflite")]
    command = [sys.executable, "-m", "converters.cli", "quantize", str(folder / "cnn.keras"), *given]
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}) as child:
        while not list((tmp_path / "tmp").glob("edge-mm-*")):
            assert child.poll() is None
            time.sleep(0.01)
        child.terminate()
    assert child.returncode == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "out.tflite").exists()


def test_a_ruined_graph_is_not_blamed_on_a_runtime_and_a_good_one_that_differs_there_is(runtimes):
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.one import NEAR_DB, snr_db, trials_of
    from edge_mm.errors import ConvertError

    digits, both = import_module("digits_graphs").digits(), ["ai_edge_litert", "tflite_runtime"]
    rows = [{"image": sample["image"].copy()} for sample in digits.samples[:100]]
    rows[3]["image"][0, 2, 2, 0] = 500.0
    ruined = quantize_graph(digits.float_graph, rows)
    one, other = trials_of(ruined, digits.float_graph, rows[::2], both)
    assert min(snr_db(one.outputs, other.outputs).values()) < NEAR_DB
    with pytest.raises(ConvertError, match=r"tflite_runtime .* says something else than ai_edge_litert: .* kernel"):
        trials_of(ruined, ruined, rows[::2], both)  # as if it said in one runtime what float says
