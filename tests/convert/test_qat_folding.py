"""BatchNorm goes into the layer before it: same answers, same names, and only where that is right."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError


def norms(model):
    return sum(type(layer).__name__ == "BatchNormalization" for layer in model.layers)


def stirred(model, seed=0):
    """Every weight as if it had been trained, BatchNorm's means and variances too."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = weight.shape
        value = (
            rng.uniform(0.5, 2, shape)
            if "variance" in weight.name or "gamma" in weight.name
            else rng.normal(size=shape)
        )
        weight.assign(value * (0.3 if "kernel" in weight.name else 1))
    return model


def answers(model, **inputs):
    from converters.training.answers import answers as ask

    return {name: np.asarray(value) for name, value in ask(model, inputs).items()}


def assert_same(model, folded, **inputs):
    mine, theirs = answers(folded, **inputs), answers(model, **inputs)
    assert list(mine) == list(theirs)
    for name, value in theirs.items():
        assert np.abs(mine[name] - value).max() <= 1e-5 * max(1, np.abs(value).max())


def image(seed=1, shape=(5, 9, 9, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_every_kind_of_layer_takes_its_norm_in_with_two_inputs_and_named_outputs():
    import keras
    from keras import layers

    from converters.training.folding import fold_batch_norm

    picture, wave = keras.Input((9, 9, 3), name="picture"), keras.Input((16, 4), name="wave")
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, use_bias=False, name="conv")(picture))
    x = layers.BatchNormalization(scale=False)(layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.ReLU()(x)))
    x = layers.BatchNormalization(center=False)(layers.Conv2D(8, 1, groups=2)(layers.ReLU()(x)))
    y = layers.BatchNormalization()(layers.Conv1D(5, 3, padding="causal", dilation_rate=2)(wave))
    both = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Flatten()(y)])
    z = layers.BatchNormalization()(layers.Dense(7)(both))
    model = keras.Model([picture, wave], {"raw": z, "classes": layers.Dense(3, activation="softmax")(z)})
    stirred(model)
    folded = fold_batch_norm(model)
    assert (norms(model), norms(folded)) == (5, 0)
    assert [tensor.name for tensor in folded.inputs] == ["picture", "wave"]
    assert folded.get_layer("conv").use_bias
    assert_same(model, folded, picture=image(), wave=image(shape=(5, 16, 4)))


def test_a_norm_stays_where_folding_would_change_what_others_read():
    import keras
    from keras import layers

    from converters.training.folding import fold_batch_norm

    picture = keras.Input((9, 9, 3), name="picture")
    first = layers.BatchNormalization(name="leading")(picture)
    shown = layers.Conv2D(4, 3, padding="same", name="read_twice")(first)
    x = layers.Add()([shown, layers.BatchNormalization()(shown)])
    x = layers.BatchNormalization(name="after_sum")(x)
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    x = layers.BatchNormalization()(shared(shared(x)))
    x = layers.BatchNormalization(name="after_relu")(layers.Conv2D(4, 3, activation="relu")(x))
    x = layers.BatchNormalization(name="folds")(layers.Conv2D(2, 1)(x))
    model = stirred(keras.Model(picture, x))
    folded = fold_batch_norm(model)
    assert (norms(model), norms(folded)) == (6, 5)
    assert folded.output_names == model.output_names == ["folds"]
    assert_same(model, folded, picture=image())


def test_sequential_nested_and_sliced_models_fold():
    import keras
    from keras import layers

    from converters.training.folding import fold_batch_norm

    inner = keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()])
    picture = keras.Input((9, 9, 3), name="picture")
    x = inner(picture)
    x = x[:, 1:4] + 2 * x[:, 2:5]
    model = stirred(keras.Model(picture, {"out": layers.Dense(3)(layers.Flatten()(x))}))
    folded = fold_batch_norm(model)
    assert norms(folded) == 0
    assert_same(model, folded, picture=image())
    assert norms(fold_batch_norm(stirred(inner))) == 0


def test_folding_leaves_the_model_that_went_in_alone():
    import keras
    from keras import layers

    from converters.training.folding import fold_batch_norm

    picture = keras.Input((9, 9, 3), name="picture")
    model = stirred(keras.Model(picture, {"out": layers.BatchNormalization()(layers.Conv2D(4, 3)(picture))}))
    before = [weight.copy() for weight in model.get_weights()]
    for weight in (folded := fold_batch_norm(model)).weights:
        weight.assign(np.zeros(weight.shape))
    assert folded.count_params() < model.count_params()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_model_whose_graph_is_not_known_is_refused():
    import keras

    from converters.training.folding import fold_batch_norm

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ConvertError, match="not a functional or Sequential"):
        fold_batch_norm(Own())
