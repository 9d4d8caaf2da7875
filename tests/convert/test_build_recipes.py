"""Every recipe is followed from a trained net of real digits to a bundle; one that loses too much is refused."""

import json
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from converters.bundling.build import build
from converters.conversion.trial import install
from converters.recipe import toml
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]
SMALL_DYNAMIC = """
name = "small-dynamic"
summary = "half of the channels, weights in int8"
[prune]
keep = 0.5
[train]
epochs = 6
[quantize]
mode = "dynamic-range"
"""
CLIPPED = """
name = "clipped"
summary = "ranges that leave out a third of the values"
[quantize]
percentile = 66.0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained net, a small untrained one, and rows."""
    import keras
    from keras import layers

    install()
    folder, digits = tmp_path_factory.mktemp("digits"), import_module("digits_graphs").digits()
    digits.model.save(folder / "net.keras")
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    outputs = {"classes": layers.Dense(10, activation="softmax", name="classes")(layers.Flatten()(x))}
    keras.Model(image, outputs).save(folder / "student.keras")
    images = np.concatenate([sample["image"] for sample in digits.samples])
    np.savez(folder / "calibrate.npz", image=images)
    learn, classes = import_module("digits_graphs").learnt()
    np.savez(folder / "learn.npz", image=learn, classes=classes)
    np.savez(folder / "held_out.npz", **digits.held_out.inputs, **digits.held_out.targets)
    (folder / "small-dynamic.toml").write_text(SMALL_DYNAMIC)
    (folder / "clipped.toml").write_text(CLIPPED)
    return folder


def plan(place, recipe, **graph):
    head = {
        "name": Path(recipe).stem, "version": "1.0", "window_s": 1.0, "hop_s": 1.0, "modalities": ["vision"],
        "heads": ["classes"], "recipe": recipe,
    }  # fmt: skip
    one = {
        "model": "net.keras", "representative": "calibrate.npz", "training": "learn.npz", "evaluation": "held_out.npz",
        **graph,
    }  # fmt: skip
    text = [
        *(f"{k} = {toml(v)}" for k, v in head.items()),
        "[graphs.fusion]",
        *(f"{k} = {toml(v)}" for k, v in one.items()),
    ]
    path = place / f"{Path(recipe).stem}-plan.toml"
    path.write_text("\n".join(text) + "\n")
    return path


def made(place, recipe, **graph):
    return build(plan(place, recipe, **graph), place / "out", cache=place / "cache")


@pytest.mark.parametrize(
    ("recipe", "graph", "share"),
    [
        ("int8-static", {}, 0.6),
        ("int8-qat", {}, 0.6),
        ("int8-percentile", {}, 0.6),
        ("channels-50-int8", {}, 0.45),
        ("distilled-int8", {"model": "student.keras", "teacher": "net.keras"}, 0.9),
        ("dynamic-range", {}, 0.7),
        ("small-dynamic.toml", {}, 0.45),
    ],
)
def test_a_recipe_ends_in_a_bundle_whose_graph_is_small_and_runs_in_both_runtimes(place, recipe, graph, share):
    done = made(place, recipe, **graph)
    (one,) = done.graphs
    assert set(one.report["runtimes"]) == {"ai_edge_litert", "tflite_runtime"}
    assert len(one.content) < share * one.report["float_bytes"]
    assert one.report["percent"] > (60 if recipe == "distilled-int8" else 88)
    assert ("shrunk_pp" in one.report) == (recipe in ("channels-50-int8", "distilled-int8", "small-dynamic.toml"))
    if done.path is not None:
        told = json.loads(load_bundle(done.path).member("conversion.json"))
        assert set(told["recipes"]) == {done.graphs[0].report["recipe"]}
        assert "tensorflow" in told["versions"]


def test_what_is_quantized_is_the_model_that_the_recipe_made(place):
    whole, half = made(place, "dynamic-range"), made(place, "small-dynamic.toml")
    assert half.costs["fusion"].macs < 0.8 * whole.costs["fusion"].macs


def test_what_trainers_convert_by_themselves_is_the_same_to_the_byte_however_many_rows_there_are(place):
    from converters.conversion.in_process import quantize

    rows = np.load(place / "learn.npz")["image"]
    assert len(rows) > 500
    model = import_module("digits_graphs").digits().model
    (one,) = made(place, "int8-static", representative="learn.npz").graphs
    assert quantize(model, [{"image": row[None]} for row in rows]) == one.content
    assert quantize(model, [{"image": row[None]} for row in rows[:300]]) != one.content


def test_a_student_is_judged_against_its_teacher(place):
    done = made(place, "distilled-int8", model="student.keras", teacher="net.keras")
    (one,) = done.graphs
    teacher = made(place, "int8-static").graphs[0]
    assert one.report["float_percent"] == teacher.report["float_percent"]
    assert one.report["loss_pp"] > 1
    assert done.path is None
    assert any("it loses too much" in text for text in done.refused)


def test_a_graph_that_loses_too_much_is_not_packaged_and_the_layer_that_hurts_is_named(place):
    done = made(place, "clipped.toml")
    assert done.path is None
    assert not list((place / "out").glob("clipped-*"))
    said = "\n".join(done.refused)
    assert "loses too much" in said or "signal-to-noise ratio" in said
    assert "fusion: try: what hurts most is the input image itself" in said
    assert "fusion: try: calibrating with the extremes: SNR of " in said


def test_a_build_that_was_killed_goes_on_where_it_was(place, tmp_path):
    code = (
        "import sys; from pathlib import Path; from converters.bundling.build import build\n"
        "build(Path(sys.argv[1]), Path(sys.argv[2]), cache=Path(sys.argv[3]), say=lambda text: print(text, flush=True))"
    )
    words = [str(plan(place, "int8-static")), str(tmp_path / "out"), str(tmp_path / "cache")]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as child:
        for line in child.stdout:
            if line == "fusion: judged\n":
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    said = []
    done = build(Path(words[0]), tmp_path / "out", cache=tmp_path / "cache", say=said.append)
    assert said == ["fusion: float, made before", "fusion: quantized, made before", "fusion: judged", "packing"]
    assert done.path.read_bytes() == made(place, "int8-static").path.read_bytes()


SPOILT = """
name = "spoilt"
summary = "a quarter of the channels, no training"
[prune]
keep = 0.25
[train]
epochs = 0
"""


def test_what_pruning_lost_is_said_and_quantization_is_not_blamed(place):
    (place / "spoilt.toml").write_text(SPOILT)
    done = made(place, "spoilt.toml")
    assert done.path is None
    (one,) = done.graphs
    assert one.report["shrunk_pp"] > 5
    said = "\n".join(done.refused)
    assert re.search(r"fusion: try: (all|[\d.]+) of the [\d.]+ points of classes were lost before quantization", said)
    assert "calibrat" not in said


def test_a_floor_for_an_output_that_is_not_there_is_refused(place):
    with pytest.raises(ConvertError, match=r"fusion: output_snr_db has a floor for 'clases'; the graph says"):
        made(place, "int8-static", output_snr_db={"clases": 90.0})
