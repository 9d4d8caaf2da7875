"""Half the channels of a residual net that reads real digits: as good after fine-tuning, and half the int8 graph."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError


def data_set(images, labels):
    from converters.dataset import DataSet

    return DataSet({"image": images}, {} if labels is None else {"digit": labels}, None, "digits")


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images[..., None] / 16).astype(np.float32), found.target.astype(np.int64)


@pytest.fixture(scope="module")
def model(digits):
    import keras
    from keras import layers

    from converters.training.finetune import FineTune, finetune

    def block(x, filters, stride=1):
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    keras.utils.set_random_seed(0)
    given = keras.Input((8, 8, 1), name="image")
    x = block(given, 32)
    x = layers.Add()([x, block(block(x, 48), 32)])
    x = block(x, 64, 2)
    x = layers.Add()([x, block(block(x, 64), 64)])
    x = layers.Dense(32, activation="relu", name="embedding")(layers.GlobalAveragePooling2D()(x))
    net = keras.Model(given, {"digit": layers.Dense(10, activation="softmax", name="digit")(x), "embedding": x})
    images, labels = digits
    finetune(net, data_set(images[:1200], labels[:1200]), teacher=None, plan=FineTune(epochs=5, rate=4e-3))
    return net


@pytest.mark.parametrize("steps", [1, 2])
def test_half_the_channels_lose_at_most_a_point_of_real_digits(model, digits, steps):
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph
    from converters.graphs.cost import macs
    from converters.graphs.reader import read_graph
    from converters.pruning.recovery import percent, prune_and_train
    from converters.training.finetune import FineTune

    images, labels = digits
    weights = [weight.numpy().copy() for weight in model.weights]
    plan = FineTune(epochs=5, rate=3e-3)
    done = prune_and_train(model, data_set(images[:1200], labels[:1200]), keep=0.5, steps=steps, plan=plan)
    assert all((now.numpy() == then).all() for now, then in zip(model.weights, weights, strict=True))
    assert len(done.losses) == 5
    assert [layer.after / layer.before for layer in done.report.layers] == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1]
    assert done.report.parameters_after == done.model.count_params() < 0.3 * model.count_params()
    assert done.scores.rows == 240
    assert done.trained == 960
    assert done.scores.metric == "accuracy:digit"
    assert done.scores.pruned < done.scores.before - 10  # it has to be trained, and training mends it
    # On digits that neither training saw.
    from converters.evaluation.metrics import Metric

    unseen = data_set(images[1200:], labels[1200:])
    whole, half = (percent(one, unseen, Metric("accuracy", "digit")) for one in (model, done.model))
    assert whole > 93
    assert half >= whole - 1.0

    samples = [{"image": row[None]} for row in images[:100]]
    dense, small = (quantize_graph(float_graph(one), samples) for one in (model, done.model))
    assert len(small) <= 0.5 * len(dense)
    assert macs(read_graph(small)) < 0.3 * macs(read_graph(dense))


def test_the_teacher_alone_is_enough(model, digits):
    from converters.evaluation.metrics import Metric
    from converters.pruning.recovery import percent, prune_and_train
    from converters.training.finetune import FineTune

    images, labels = digits
    data = data_set(images[:1200], None)
    done = prune_and_train(model, data, keep=0.5, plan=FineTune(epochs=5, rate=3e-3))
    assert done.scores is None
    assert done.trained == 1200
    unseen, metric = data_set(images[1200:], labels[1200:]), Metric("accuracy", "digit")
    assert percent(done.model, unseen, metric) > percent(model, unseen, metric) - 2.0


def test_a_sequential_model_is_pruned_and_trained_as_well(digits):
    import keras
    from keras import layers

    from converters.pruning.magnitude import prune_magnitude
    from converters.pruning.recovery import prune_and_train
    from converters.training.finetune import FineTune

    images, labels = digits
    keras.utils.set_random_seed(0)
    first, hidden = layers.Conv2D(16, 3, activation="relu"), layers.Dense(32, activation="relu")
    last = layers.Dense(10, activation="softmax", name="digit")
    net = keras.Sequential([keras.Input((8, 8, 1), name="image"), first, layers.Flatten(), hidden, last])
    data, plan = data_set(images[:640], labels[:640]), FineTune(epochs=3, rate=3e-3)
    done = prune_and_train(net, data, keep=0.5, plan=plan)
    assert [layer.after for layer in done.report.layers] == [8, 16, 10]
    assert done.scores.after > done.scores.pruned
    sparse = prune_magnitude(net, data, sparsity=0.5, plan=plan)
    assert sparse.losses[-1] < sparse.losses[0]


def test_what_does_not_fit_is_refused(model, digits):
    from converters.dataset import DataSet
    from converters.evaluation.metrics import Metric
    from converters.pruning.recovery import prune_and_train
    from converters.training.finetune import FineTune

    images, labels = digits
    data, plan = data_set(images, labels), FineTune(epochs=1)
    for match, call in {
        "no data for input 'image'; there is picture": lambda: prune_and_train(
            model, DataSet({"picture": images}, {}, None, ""), keep=0.5, plan=plan
        ),
        r"rows have shape \(7, 8, 1\), the model takes \(8, 8, 1\)": lambda: prune_and_train(
            model, data_set(images[:, 1:], labels), keep=0.5, plan=plan
        ),
        r"steps 2: must be at least 1 and at most one an epoch \(1 epochs\)": lambda: prune_and_train(
            model, data, keep=0.5, plan=plan, steps=2
        ),
        "no labels for 'embedding'; there are digit": lambda: prune_and_train(
            model, data, keep=0.5, plan=plan, metric=Metric("within", "embedding", 0.1)
        ),
    }.items():
        with pytest.raises(ConvertError, match=match):
            call()
