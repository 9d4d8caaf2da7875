"""Training further on real digits: labels, a teacher, both; what does not fit is refused in a sentence."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError


@pytest.fixture(scope="module")
def digits():
    """Real handwritten digits: 1,797 images of 8x8, values 0 to 1."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return (loaded.images[..., None] / 16).astype(np.float32), loaded.target.astype(np.int64)


def data(image, **targets):
    from converters.dataset import DataSet

    return DataSet({"image": image}, targets, None, "digits")


def plan(**changes):
    from converters.training.finetune import FineTune

    return FineTune(**{"epochs": 4, "rate": 1e-2, **changes})


def net(seed=0, *, dropout=0.0, last="softmax", name="classes", units=10):
    import keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(16, 3, use_bias=False)(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dropout(dropout)(keras.layers.Flatten()(x))
    return keras.Model(image, {name: keras.layers.Dense(units, activation=last)(x)})


def right(model, image, labels):
    said = np.asarray(next(iter(model(image, training=False).values())))
    return float((said.argmax(axis=1) == labels).mean())


def oracle(labels):
    """A teacher that knows: asked in the order of the rows."""
    places = iter(range(0, len(labels), 64))
    eye = np.eye(10, dtype=np.float32) * 0.9 + 0.01

    def teacher(inputs):
        start = next(places)
        return {"classes": eye[labels[start : start + len(inputs["image"])]]}

    return teacher


def test_labels_alone_teach_the_digits_and_the_loss_falls(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    student = net()
    losses = finetune(student, data(image[:1200], classes=labels[:1200]), teacher=None, plan=plan())
    assert len(losses) == 4
    assert losses[-1] < 0.3 * losses[0]
    assert right(student, image[1200:], labels[1200:]) > 0.85


def test_a_teacher_alone_teaches_the_digits(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    student = net()
    finetune(student, data(image[:1200]), teacher=oracle(labels[:1200]), plan=plan())
    assert right(student, image[1200:], labels[1200:]) > 0.85


def test_the_label_weight_says_whom_to_believe_where_labels_and_teacher_disagree(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    other = (labels + 1) % 10
    for weight, truth in ((0.9, labels), (0.1, other)):
        student = net()
        rows = data(image[:1200], classes=labels[:1200])
        finetune(student, rows, teacher=oracle(other[:1200]), plan=plan(label_weight=weight))
        assert right(student, image[1200:], truth[1200:]) > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    rows = data(image[:300], classes=labels[:300])

    def trained(seed):
        student = net(dropout=0.3)
        losses = finetune(student, rows, teacher=None, plan=plan(epochs=2, seed=seed))
        return losses, [np.asarray(weight) for weight in student.weights]

    first, again, other = trained(1), trained(1), trained(2)
    assert first[0] == again[0] != other[0]
    assert all(np.array_equal(a, b) for a, b in zip(first[1], again[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first[1], other[1], strict=True))


def test_batch_norm_sees_batches_and_each_step_is_told(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    student = net()
    before = np.asarray(student.layers[2].moving_mean).copy()
    told = []
    finetune(
        student,
        data(image[:130], classes=labels[:130]),
        teacher=None,
        plan=plan(epochs=2),
        on_step=told.append,
    )
    assert told == [student] * 6  # 130 rows in batches of at most 64: three of 43
    assert not np.array_equal(before, student.layers[2].moving_mean)


def test_what_a_step_sets_to_zero_stays_zero(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    student = net()
    kernel = student.layers[-1].kernel
    mask = (np.arange(kernel.shape[0]) % 2)[:, None].astype(np.float32)
    finetune(
        student,
        data(image[:200], classes=labels[:200]),
        teacher=None,
        plan=plan(epochs=1),
        on_step=lambda _: kernel.assign(kernel * mask),
    )
    assert (np.asarray(kernel)[::2] == 0).all()
    assert (np.asarray(kernel)[1::2] != 0).any()


def test_sigmoid_linear_and_logit_outputs_learn_from_labels_and_from_a_teacher(digits):
    import keras

    from converters.training.finetune import finetune
    from converters.training.teachers import keras_teacher

    image, labels = digits
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(given))
    outputs = {
        "big": keras.layers.Dense(1, activation="sigmoid")(x),
        "ink": keras.layers.Dense(1)(x),
        "logits": keras.layers.Dense(10)(x),
        "unused": keras.layers.Dense(3)(x),  # no labels: costs nothing
    }
    teacher = keras.Model(given, outputs)
    student = keras.models.clone_model(teacher)
    ink = 100 * image.mean(axis=(1, 2, 3))  # of a size that an unscaled loss would drown in
    rows = data(image, big=labels > 4, ink=ink, logits=labels)
    finetune(teacher, rows, teacher=None, plan=plan(epochs=12))
    finetune(student, data(image), teacher=keras_teacher(teacher), plan=plan(epochs=12))
    for model in (teacher, student):
        said = {name: np.asarray(value) for name, value in model(image).items()}
        assert ((said["big"][:, 0] > 0.5) == (labels > 4)).mean() > 0.85
        assert np.abs(said["ink"][:, 0] - ink).mean() < 0.3 * ink.std()
        assert (said["logits"].argmax(axis=1) == labels).mean() > 0.9


def test_a_list_of_outputs_goes_by_the_names_of_the_layers(digits):
    import keras

    from converters.training.finetune import finetune

    image, labels = digits
    given = keras.Input((8, 8, 1), name="image")
    flat = keras.layers.Flatten()(given)
    student = keras.Model(
        given,
        [keras.layers.Dense(10, activation="softmax", name="kind")(flat), keras.layers.Dense(1, name="other")(flat)],
    )
    losses = finetune(student, data(image, kind=labels), teacher=None, plan=plan())
    assert losses[-1] < 0.5 * losses[0]


def test_sequential_models_teach_and_learn(digits):
    import keras

    from converters.training.finetune import finetune
    from converters.training.teachers import keras_teacher

    image, labels = digits
    keras.utils.set_random_seed(0)

    def built():
        flat, dense = keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax", name="kind")
        return keras.Sequential([keras.Input((8, 8, 1), name="image"), flat, dense])

    teacher, student = built(), built()
    finetune(teacher, data(image, kind=labels), teacher=None, plan=plan())
    losses = finetune(student, data(image), teacher=keras_teacher(teacher), plan=plan())
    assert losses[-1] < 0.2 * losses[0]


def test_what_does_not_fit_is_refused_with_what_and_where(digits):
    from converters.training.finetune import finetune

    image, labels = digits
    image, labels = image[:64], labels[:64]
    holed = image.copy()
    holed[3] = np.nan
    silent = np.full((64, 10), np.nan, np.float32)
    cases = [
        (data(image), None, {}, "nothing to learn from.*labels are there for nothing"),
        (data(image, other=labels), None, {}, "nothing to learn from.*labels are there for other"),
        (data(image), lambda _: {"another": silent}, {}, "the teacher answers another"),
        (data(image[:, :4], classes=labels), None, {}, r"'image'.*\(4, 8, 1\).*takes \(8, 8, 1\)"),
        (data(holed, classes=labels), None, {}, "'image': 1 of 64 rows hold NaN"),
        (data(image, classes=labels + 5), None, {}, "class indices run from 5 to 14"),
        (data(image, classes=labels + 0.5), None, {}, r"'classes'.*shape \(\).*\(10,\)"),
        (data(image, classes=np.zeros((64, 3), np.float32)), None, {}, r"'classes'.*\(3,\).*\(10,\)"),
        (data(image, classes=np.full((64, 10), 2.0)), None, {}, "0 to 1"),
        (data(image), lambda _: {"classes": silent}, {}, "teacher's output 'classes': 64 of 64 rows hold NaN"),
        (data(image), lambda _: {"classes": silent[:3]}, {}, "gives 3 rows of 'classes' for 64"),
        (data(image[:0], classes=labels[:0]), None, {}, "no rows"),
        (data(image, classes=labels), None, {"epochs": 0}, "epochs 0"),
        (data(image, classes=labels), None, {"rate": float("nan")}, "rate nan"),
        (data(image, classes=labels), None, {"label_weight": 1.5}, "label weight 1.5"),
        (data(image, classes=labels), None, {"temperature": 0.0}, "temperature 0"),
        (data(image, classes=labels), None, {"rate": 1e30}, "at step [0-9]+ .*lower rate"),
    ]
    for rows, teacher, changes, sentence in cases:
        with pytest.raises(ConvertError, match=sentence):
            finetune(net(), rows, teacher=teacher, plan=plan(**changes))


def test_a_student_without_weights_to_train_is_refused(digits):
    from converters.training.finetune import finetune

    student = net()
    student.trainable = False
    with pytest.raises(ConvertError, match="no weights that may be trained"):
        finetune(student, data(digits[0], classes=digits[1]), teacher=None, plan=plan())
