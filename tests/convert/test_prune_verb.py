"""`edge-mm-convert prune`: a model, its record and a report; refusals in one sentence."""

import argparse
import json

import numpy as np
import pytest

from edge_mm.errors import ConvertError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small net as it comes, and 400 real digits."""
    import keras
    from keras import layers
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("prune")
    found = load_digits()
    images, labels = (found.images[:400, ..., None] / 16).astype(np.float32), found.target[:400].astype(np.int64)
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 8, 1), name="image")
    some = {"activation": "relu", "bias_initializer": "random_normal"}  # a bias of zeros is left out of a graph
    x = layers.Conv2D(16, 3, strides=2, name="first", **some)(given)
    x = layers.Dense(64, name="hidden", **some)(layers.Flatten()(x))
    x = layers.Dense(16, name="embedding", **some)(x)
    head = layers.Dense(10, activation="softmax", bias_initializer="random_normal", name="digit")
    net = keras.Model(given, {"digit": head(x)})
    net.save(folder / "digits.keras")
    np.savez(folder / "digits.npz", image=images, digit=labels)
    return folder


def command(*words):
    from converters.verbs import prune

    parser = argparse.ArgumentParser()
    prune.arguments(parser)
    return prune.run(parser.parse_args([str(word) for word in words]))


def test_the_command_writes_a_model_and_what_was_done(files, capsys):
    import keras

    given = [files / "digits.keras", "--data", files / "digits.npz"]
    assert command(*given, "--recipe", "channels-50", "--epochs", "2", "--protect", "embedding", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    made = keras.models.load_model(files / "digits-pruned.keras")
    assert made.count_params() == report["parameters"]["after"]
    assert report["macs"]["after"] < 0.6 * report["macs"]["before"]
    assert report["bytes"]["after"] < 0.6 * report["bytes"]["before"]
    assert len(report["loss"]) == 2
    assert {layer["name"]: layer["after"] for layer in report["layers"]}["hidden"] == 32
    assert report["score"]["rows"] == 80
    record = json.loads((files / "digits-pruned.keras.json").read_text())
    assert record["recipe"]["prune"]["protect"] == ["embedding"]
    assert record["recipe"]["train"]["epochs"] == 2
    assert len(record["data"]["digest"]) == 64
    assert record["versions"]["keras"] == keras.__version__
    assert record["report"] == {key: value for key, value in report.items() if key != "out"}


def test_the_command_tells_people_what_went(files, capsys):
    given = [files / "digits.keras", "--data", files / "digits.npz", "--out", files / "small.keras"]
    assert command(*given, "--recipe", "channels-50", "--keep", "0.25", "--epochs", "2") == 0
    said = capsys.readouterr().out
    assert "hidden" in said
    assert "64 -> 16" in said
    assert "output of the model" in said
    assert "accuracy:digit" in said


def test_the_command_for_zeros_is_honest_about_them(files, capsys):
    given = [files / "digits.keras", "--data", files / "digits.npz", "--out", files / "zeros.keras"]
    assert command(*given, "--recipe", "magnitude-80", "--epochs", "2", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    sizes = report["transport"]
    assert sizes["graph"] == "int8"
    assert abs(sizes["after"]["raw"] - sizes["before"]["raw"]) < 0.01 * sizes["before"]["raw"]
    assert sizes["after"]["zlib9"] < 0.7 * sizes["before"]["zlib9"]
    assert [kernel["layer"] for kernel in report["kernels"]] == ["hidden", "embedding", "digit"]
    assert report["kernels"][0]["zeros"] == int(0.8 * report["kernels"][0]["weights"])
    assert "as large and as fast" in report["note"]


def test_without_epochs_it_is_cut_and_not_trained(files, capsys):
    given = [files / "digits.keras", "--data", files / "digits.npz", "--out", files / "cut.keras"]
    assert command(*given, "--epochs", "0", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["loss"], report["trained_rows"]) == ([], 0)
    assert report["score"]["pruned"] == report["score"]["after"]


def test_the_command_refuses_in_one_sentence(files, capsys):
    given = ["--data", files / "digits.npz"]
    for words, said in {
        (files / "digits.keras", *given, "--recipe", "int8-static"): "prunes nothing",
        (files / "digits.keras", *given, "--recipe", "channels-50", "--keep", "2"): "keep 2",
        (files / "digits.keras", *given, "--recipe", "channels-50", "--protect", "conv"): "no layer 'conv'",
        (files / "digits.keras", *given, "--recipe", "channels-5"): "no recipe",
        (files / "none.keras", *given, "--recipe", "channels-50"): "no such file",
        (files / "digits.keras", *given, "--recipe", "channels-50", "--out", files / "digits.keras"): "overwrite",
    }.items():
        with pytest.raises(ConvertError, match=said):
            command(*words)
        assert capsys.readouterr().out == ""
    assert not list(files.glob(".*"))
