"""A small net learns real digits from a larger one, as Keras model and as ``.tflite``, better than from few labels."""

import argparse
import json

import numpy as np
import pytest

from edge_mm.errors import ConvertError

TRAINED, LABELLED = 1200, 60
"""Images that may be learnt from; how many of them somebody labelled for the student."""


def net(seed, filters, width):
    import keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(filters, 3, use_bias=False)(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Conv2D(filters, 3, strides=2, activation="relu")(x)
    embedding = keras.layers.Dense(width, activation="tanh", name="embedding")(keras.layers.Flatten()(x))
    classes = keras.layers.Dense(10, activation="softmax", name="classes")(embedding)
    return keras.Model(image, {"classes": classes, "embedding": embedding})


def student_net(seed=0):
    return net(seed, 6, 12)


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return (loaded.images[..., None] / 16).astype(np.float32), loaded.target.astype(np.int64)


@pytest.fixture(scope="module")
def room(tmp_path_factory, digits):
    """A folder with the teacher as .keras, float and int8 .tflite, an untrained student, and data."""
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune, finetune

    folder = tmp_path_factory.mktemp("distil")
    image, labels = digits
    teacher = net(0, 24, 32)
    rows = DataSet({"image": image[:TRAINED]}, {"classes": labels[:TRAINED]}, None, "digits")
    finetune(teacher, rows, teacher=None, plan=FineTune(epochs=12, rate=3e-3))
    teacher.save(folder / "teacher.keras")
    content = float_graph(teacher)
    (folder / "teacher.tflite").write_bytes(content)
    samples = [{"image": image[i : i + 1]} for i in range(100)]
    (folder / "teacher-int8.tflite").write_bytes(quantize_graph(content, samples))
    student_net().save(folder / "student.keras")
    np.savez(folder / "unlabelled.npz", image=image[:TRAINED])
    np.savez(folder / "labelled.npz", image=image[:TRAINED], classes=labels[:TRAINED])
    return folder


def right(model, image, labels):
    return float((np.asarray(model(image, training=False)["classes"]).argmax(axis=1) == labels).mean())


def distilled(room, *options, teacher="teacher.keras", data="unlabelled.npz", out="out.keras", student="student.keras"):
    """What the verb prints with --json, and the student that it wrote."""
    import keras

    from converters.verbs import distill

    parser = argparse.ArgumentParser()
    distill.arguments(parser)
    given = [room / teacher, room / student, "--data", room / data, "--out", room / out, *options]
    args = parser.parse_args([str(word) for word in given])
    assert distill.run(args) == 0
    return keras.models.load_model(room / out)


@pytest.fixture(scope="module")
def from_few_labels(digits):
    """How often the same student is right that learnt from the labelled images alone, as long."""
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune, finetune

    image, labels = digits
    student = student_net()
    few = DataSet({"image": image[:LABELLED]}, {"classes": labels[:LABELLED]}, None, "few")
    steps = 25 * TRAINED // 64
    finetune(student, few, teacher=None, plan=FineTune(epochs=steps, rate=1e-2))
    return right(student, image[TRAINED:], labels[TRAINED:])


@pytest.mark.parametrize("teacher", ["teacher.keras", "teacher-int8.tflite"])
def test_a_student_of_a_tenth_the_size_learns_more_from_a_teacher_than_from_few_labels(
    room, digits, from_few_labels, teacher
):
    image, labels = digits
    student = distilled(room, "--epochs", "25", "--rate", "0.01", teacher=teacher)
    assert student.count_params() == student_net().count_params() < 0.11 * net(0, 24, 32).count_params()
    learnt = right(student, image[TRAINED:], labels[TRAINED:])
    print(f"{teacher}: {learnt:.3f}, from {LABELLED} labels {from_few_labels:.3f}")
    assert learnt > from_few_labels + 0.15
    assert set(student.output) == {"classes", "embedding"}  # the projection is gone


def test_the_record_beside_the_student_says_how_it_was_made_and_what_it_learnt(room, capsys):
    distilled(room, "--epochs", "3", "--rate", "0.01", "--json", data="labelled.npz", out="small.keras")
    printed = json.loads(capsys.readouterr().out)
    record = json.loads((room / "small.keras.json").read_text())
    assert printed["loss"] == record["loss"]
    assert len(record["loss"]) == 3
    assert record["loss"][-1] < record["loss"][0]
    assert record["outputs"] == {
        "matched": ["classes"],
        "projected": ["embedding -> embedding"],
        "student_alone": [],
        "teacher_alone": [],
    }
    assert record["score"]["teacher"] > record["score"]["after"] > record["score"]["before"] + 30
    assert (record["score"]["rows"], record["score"]["on"]) == (240, "held-out rows")
    assert record["trained_rows"] == 960
    assert record["recipe"]["epochs"] == 3
    assert record["data"]["rows"] == TRAINED
    assert len(record["data"]["digest"]) == len(record["made_from"]["teacher"]["sha256"]) == 64
    assert {"tensorflow", "keras", "numpy"} <= set(record["versions"])


def test_the_same_seed_gives_the_same_student(room):
    first, again, other = (
        distilled(room, "--epochs", "2", "--seed", seed, out=f"seed{i}.keras") for i, seed in enumerate((5, 5, 6))
    )
    pairs = list(zip(first.get_weights(), again.get_weights(), other.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b, _ in pairs)
    assert not all(np.array_equal(a, c) for a, _, c in pairs)


def test_a_teacher_and_its_tflite_teach_the_same(room):
    """The float graph says what the Keras model says, so the losses agree."""
    for out, teacher in (("a.keras", "teacher.keras"), ("b.keras", "teacher.tflite")):
        distilled(room, "--epochs", "2", teacher=teacher, out=out)
    a, b = (json.loads((room / f"{name}.keras.json").read_text()) for name in "ab")
    assert np.allclose(a["loss"], b["loss"], rtol=1e-3)
    assert a["parameters"] == {"teacher": net(0, 24, 32).count_params(), "student": student_net().count_params()}
    assert abs(b["parameters"]["teacher"] - a["parameters"]["teacher"]) < 100  # BatchNorm is folded in the graph


def test_embeddings_of_another_name_and_width_are_taken_over_through_the_map(room, digits):
    import keras

    image = keras.Input((8, 8, 1), name="image")
    features = keras.layers.Dense(6, name="features")(keras.layers.Flatten()(image))
    keras.utils.set_random_seed(0)
    keras.Model(image, {"mine": features, "extra": keras.layers.Dense(2)(features)}).save(room / "other.keras")
    options = ("--epochs", "15", "--rate", "0.01", "--embedding-map", "embedding:mine")
    student = distilled(room, *options, student="other.keras", out="mapped.keras")
    record = json.loads((room / "mapped.keras.json").read_text())
    assert record["outputs"]["projected"] == ["embedding -> mine"]
    assert record["outputs"]["student_alone"] == ["extra"]
    assert record["outputs"]["teacher_alone"] == ["classes"]
    # a linear map of what it says tells most of the teacher's embedding on images that nobody learnt from
    seen, unseen = digits[0][:TRAINED], digits[0][TRAINED:]
    teacher = keras.models.load_model(room / "teacher.keras")
    mine = [np.hstack([np.asarray(student(x)["mine"]), np.ones((len(x), 1))]) for x in (seen, unseen)]
    theirs = [np.asarray(teacher(x)["embedding"]) for x in (seen, unseen)]
    map_ = np.linalg.lstsq(mine[0], theirs[0], rcond=None)[0]
    left = np.square(theirs[1] - mine[1] @ map_).mean() / theirs[1].var(axis=0).mean()
    assert left < 0.5


def test_the_only_input_may_have_another_name_and_logits_learn_from_a_softmax(room, digits, capsys):
    import keras

    picture = keras.Input((8, 8, 1), name="picture")
    keras.utils.set_random_seed(0)
    classes = keras.layers.Dense(10, name="classes")(keras.layers.Flatten()(picture))
    keras.Model(picture, classes).save(room / "logits.keras")
    np.savez(room / "xy.npz", x=digits[0][:TRAINED], y=digits[1][:TRAINED], group=np.arange(TRAINED) // 6)
    distilled(room, "--epochs", "4", "--rate", "0.01", data="xy.npz", student="logits.keras", out="named.keras")
    record = json.loads((room / "named.keras.json").read_text())
    assert record["outputs"]["teacher_alone"] == ["embedding"]
    assert record["score"]["after"] > record["score"]["before"] + 40
    assert "not learnt, the student has no such output: embedding" in capsys.readouterr().out


def test_people_are_on_one_side_of_the_split(digits):
    from converters.dataset import DataSet
    from converters.training.distillation import split

    groups = np.repeat(np.array(["a", "b", "c", "d", "e"]), 20)
    rows = DataSet({"image": digits[0][:100]}, {}, groups, "digits")
    train, test = split(rows, 0.4, seed=3)
    assert sorted([*train, *test]) == list(range(100))
    assert len(set(groups[test])) == 2
    assert not set(groups[train]) & set(groups[test])
    with pytest.raises(ConvertError, match="5 groups cannot be parted"):
        split(rows, 0.05, seed=3)


def test_what_cannot_be_distilled_is_refused_in_a_sentence(room, digits):
    import keras

    image, labels = digits
    given = keras.Input((8, 8, 1), name="image")
    flat = keras.layers.Flatten()(given)
    keras.Model(given, {"answer": keras.layers.Dense(10, activation="softmax")(flat)}).save(room / "stranger.keras")
    keras.Model(given, {"classes": keras.layers.Dense(9, activation="softmax")(flat)}).save(room / "nine.keras")
    keras.Model(given, {"classes": keras.layers.Dense(10)(flat)}).save(room / "linear.keras")
    small = keras.Input((4, 4, 1), name="image")
    keras.Model(small, {"classes": keras.layers.Dense(10)(keras.layers.Flatten()(small))}).save(room / "low.keras")
    holed = image[:100].copy()
    holed[7] = np.nan
    np.savez(room / "holed.npz", image=holed)
    np.savez(room / "wrong.npz", image=image[:100], classes=labels[:100] + 1)
    (room / "broken.tflite").write_bytes((room / "teacher.tflite").read_bytes()[:3000])
    (room / "text.onnx").write_text("no graph")
    cases = [
        ({"student": "stranger.keras"}, (), "no output in common: classes, embedding against answer"),
        ({"student": "nine.keras"}, (), r"'classes'.*\(10,\).*\(9,\)"),
        ({"teacher": "linear.keras"}, (), "end it in a softmax"),
        ({"teacher": "low.keras"}, (), r"teacher takes \(4, 4, 1\), the student \(8, 8, 1\)"),
        ({"data": "holed.npz"}, (), "1 of 100 rows hold NaN"),
        ({"data": "wrong.npz"}, (), "10"),
        ({"data": "absent.npz"}, (), "no such file"),
        ({"teacher": "broken.tflite"}, (), "."),
        ({"teacher": "text.onnx"}, (), "must be a .keras or a .tflite"),
        ({"teacher": "absent.tflite"}, (), "No such file"),
        ({}, ("--embedding-map", "embedding"), "write TEACHER_OUTPUT:STUDENT_OUTPUT"),
        ({}, ("--embedding-map", "none:embedding"), "no output or layer 'none'"),
        ({"teacher": "teacher.tflite"}, ("--embedding-map", "none:embedding"), "no output 'none'; it has"),
        ({}, ("--embedding-map", "embedding:none"), "no output or layer 'none'"),
        ({}, ("--metric", "accuracy:classes", "--held-out", "1"), "held out 1"),
        ({"data": "labelled.npz"}, ("--metric", "accuracy:other"), "no labels for output 'other'"),
        ({"out": "out.h5"}, (), "must end in .keras"),
        ({"out": "student.keras"}, (), "would overwrite"),
        ({"out": "none/out.keras"}, (), "no folder"),
        ({}, ("--epochs", "0"), "epochs 0"),
    ]
    for files, options, sentence in cases:
        with pytest.raises(ConvertError, match=sentence):
            distilled(room, "--epochs", "1", *options, **files)
    assert not list(room.glob(".*"))
