"""Small weights become zero along the cubic schedule; only the compressed file gets smaller."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    from converters.dataset import DataSet

    found = load_digits()
    x = (found.images[..., None] / 16).astype(np.float32)
    return DataSet({"image": x}, {"digit": found.target.astype(np.int64)}, None, "digits")


@pytest.fixture(scope="module")
def model(digits):
    import keras
    from keras import layers

    from converters.training.finetune import FineTune, finetune

    keras.utils.set_random_seed(0)
    x = given = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="first")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="pointwise")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(layers.Flatten()(x))
    net = keras.Model(given, {"digit": layers.Dense(10, activation="softmax", name="digit")(x)})
    finetune(net, digits.rows(slice(0, 1300)), teacher=None, plan=FineTune(epochs=8, rate=5e-3))
    return net


def right(model, data):
    said = np.asarray(model(data.inputs["image"])["digit"]).argmax(axis=1)
    return 100 * (said == data.targets["digit"]).mean()


def test_the_schedule_is_cubic_from_nothing_to_the_end():
    from converters.pruning.magnitude import share_at

    shares = [share_at(step, ramp=100, sparsity=0.8) for step in (0, 50, 100, 150)]
    assert shares == [0.0, pytest.approx(0.8 * (1 - 0.5**3)), 0.8, 0.8]
    assert share_at(0, ramp=0, sparsity=0.5) == 0.5


def test_four_fifths_are_zero_and_the_digits_are_still_read(model, digits):
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph
    from converters.pruning.magnitude import prune_magnitude
    from converters.pruning.transport import transport
    from converters.training.finetune import FineTune

    train, test = digits.rows(slice(0, 1300)), digits.rows(slice(1300, None))
    before = [weight.numpy().copy() for weight in model.weights]
    sparse = prune_magnitude(model, train, sparsity=0.8, plan=FineTune(epochs=6, rate=3e-3))
    assert all((now.numpy() == then).all() for now, then in zip(model.weights, before, strict=True))
    assert [kernel.layer for kernel in sparse.kernels] == ["pointwise", "hidden", "digit"]
    for kernel in sparse.kernels:
        assert kernel.zeros == int(0.8 * kernel.weights)
        weights = sparse.model.get_layer(kernel.layer).kernel.numpy()
        assert (weights == 0).sum() == kernel.zeros
    assert (sparse.model.get_layer("first").kernel.numpy() == 0).sum() == 0
    assert right(sparse.model, test) > right(model, test) - 1

    samples = [train.sample(i) for i in range(100)]
    dense, thin = (transport(quantize_graph(float_graph(one), samples)) for one in (model, sparse.model))
    assert abs(thin.raw - dense.raw) < 0.01 * dense.raw
    assert thin.zlib9 < 0.75 * dense.zlib9
    assert thin.gzip < 0.75 * dense.gzip


def test_without_training_the_smallest_weights_go_at_once_and_the_first_layer_on_demand(model, digits):
    from converters.pruning.magnitude import prune_magnitude
    from converters.training.finetune import FineTune

    sparse = prune_magnitude(model, digits, sparsity=0.5, plan=FineTune(epochs=0), first_layer=True)
    assert [kernel.layer for kernel in sparse.kernels] == ["first", "pointwise", "hidden", "digit"]
    old, new = (np.abs(one.get_layer("hidden").kernel.numpy()) for one in (model, sparse.model))
    assert old[new == 0].max() <= old[new > 0].min()
    assert sparse.losses == []


def test_the_gates_of_recurrent_layers_are_pruned_too_and_a_teacher_is_enough(digits):
    import keras
    from keras import layers

    from converters.dataset import DataSet
    from converters.pruning.magnitude import prune_magnitude
    from converters.training.finetune import FineTune

    given = keras.Input((8, 8), name="rows")
    x = layers.LSTM(8, unroll=True, name="lstm")(layers.Dense(8, name="dense")(given))
    net = keras.Model(given, {"digit": layers.Dense(10, activation="softmax", name="digit")(x)})
    data = DataSet({"rows": digits.inputs["image"][:128, :, :, 0]}, {}, None, "rows")
    sparse = prune_magnitude(net, data, sparsity=0.75, plan=FineTune(epochs=1))
    assert [(kernel.layer, kernel.zeros / kernel.weights) for kernel in sparse.kernels] == [
        ("lstm", 0.75),
        ("lstm", 0.75),
        ("digit", 0.75),
    ]


def test_refusals_say_what_is_wrong(model, digits):
    import keras

    from converters.dataset import DataSet
    from converters.pruning.magnitude import prune_magnitude
    from converters.training.finetune import FineTune

    given = keras.Input((8, 8, 1), name="image")
    small = DataSet({"image": digits.inputs["image"][:, ::2, ::2]}, {}, None, "small")
    shallow = keras.Model(given, keras.layers.Conv2D(2, 3)(given), name="shallow")
    plan = FineTune(epochs=1)
    with pytest.raises(ConvertError, match=r"sparsity 1: must be above 0 and below 1"):
        prune_magnitude(model, digits, sparsity=1.0, plan=plan)
    with pytest.raises(ConvertError, match="no kernel behind its first layer"):
        prune_magnitude(shallow, digits, sparsity=0.5, plan=plan)
    with pytest.raises(ConvertError, match=r"rows have shape \(4, 4, 1\)"):
        prune_magnitude(model, small, sparsity=0.5, plan=plan)
