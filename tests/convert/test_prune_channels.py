"""Which channels go: the ones worth least, tied ones together, protected and unknown ones never; refusals say why."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError


def tied():
    """A residual block: ``stem`` and ``back`` are added, ``wide`` is free."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    given = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(32, 3, padding="same", name="stem")(given)
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(48, 3, padding="same", name="wide")(x))
    y = layers.Conv2D(32, 3, padding="same", name="back")(layers.ReLU()(y))
    x = layers.GlobalAveragePooling2D()(layers.Add(name="sum")([x, y]))
    return keras.Model(given, {"classes": layers.Dense(10, activation="softmax", name="classes")(x)}, name="tied")


def sizes(report):
    return {layer.name: layer.after for layer in report.layers}


@pytest.mark.parametrize(
    ("keep", "multiple", "minimum", "stem", "wide"),
    [(0.5, 8, 8, 16, 24), (0.3, 8, 8, 16, 16), (0.3, 1, 1, 10, 15), (0.01, 8, 8, 8, 8), (0.5, 1, 40, 32, 40)],
)
def test_what_is_kept_is_rounded_up_and_never_below_the_minimum(keep, multiple, minimum, stem, wide):
    from converters.pruning.channels import prune_channels

    model, report = prune_channels(tied(), keep=keep, multiple=multiple, minimum=minimum)
    assert sizes(report) == {"stem": stem, "wide": wide, "back": stem, "classes": 10}
    assert [model.get_layer(name).filters for name in ("stem", "wide", "back")] == [stem, wide, stem]


def test_the_channels_worth_least_go():
    from converters.pruning.channels import prune_channels

    model = tied()
    kernel = model.get_layer("wide").kernel
    scale = np.linspace(0.1, 2.0, 48)
    rng = np.random.default_rng(0)
    rng.shuffle(scale)
    kernel.assign(np.ones(kernel.shape) * scale)
    model.get_layer("wide").bias.assign(np.arange(48.0))
    smaller, _ = prune_channels(model, keep=0.5)
    np.testing.assert_array_equal(smaller.get_layer("wide").bias.numpy(), np.sort(np.argsort(scale)[24:]))


def test_the_scale_of_the_batch_norm_counts():
    from converters.pruning.channels import prune_channels

    model = tied()
    model.get_layer("wide").bias.assign(np.arange(48.0))
    kernel = model.get_layer("wide").kernel
    kernel.assign(np.ones(kernel.shape))
    model.get_layer("norm").gamma.assign(-np.arange(48.0)[::-1])
    smaller, _ = prune_channels(model, keep=0.5)
    np.testing.assert_array_equal(smaller.get_layer("wide").bias.numpy(), np.arange(24.0))


def test_a_weak_branch_does_not_drag_down_a_strong_one_it_is_added_to():
    from converters.pruning.channels import prune_channels

    model = tied()
    for name, strong in (("stem", slice(0, 8)), ("back", slice(8, 16))):
        kernel = model.get_layer(name).kernel
        value = np.full(kernel.shape, 0.01)
        value[..., strong] = 1.0
        kernel.assign(value)
        model.get_layer(name).bias.assign(np.arange(32.0))
    smaller, _ = prune_channels(model, keep=0.5)
    np.testing.assert_array_equal(smaller.get_layer("stem").bias.numpy(), np.arange(16.0))


def test_protected_layers_keep_their_channels_and_those_tied_to_them():
    from converters.pruning.channels import prune_channels

    _, report = prune_channels(tied(), keep=0.5, protect=["back"])
    assert sizes(report) == {"stem": 32, "wide": 24, "back": 32, "classes": 10}
    why = {layer.name: layer.why for layer in report.layers}
    assert why["stem"] == "back is protected"
    assert why["classes"] == "classes is an output of the model"
    assert why["wide"] == ""


def test_a_layer_of_the_users_own_freezes_what_it_reads_and_says_so():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    @keras.saving.register_keras_serializable("edge_mm_test")
    class Mixed(layers.Layer):
        def call(self, x):
            return x[..., ::-1] * x

    given = keras.Input((8, 16), name="signal")
    x = layers.Conv1D(16, 3, name="free")(given)
    x = layers.Conv1D(16, 3, name="read")(x)
    x = layers.Dense(16, name="after")(Mixed(name="mixed")(x))
    model = keras.Model(given, layers.Dense(2, name="head")(x))
    smaller, report = prune_channels(model, keep=0.5)
    assert sizes(report) == {"free": 8, "read": 16, "after": 8, "head": 2}
    assert next(layer.why for layer in report.layers if layer.name == "read").startswith("mixed (Mixed)")
    assert smaller(np.zeros((1, 8, 16), np.float32)).shape == (1, 4, 2)


def frozen_by(build):
    """The sizes of the layers ``one`` and ``two`` of 16 channels after pruning to the half."""
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    given = keras.Input((6, 6, 4), name="image")
    one = layers.Conv2D(16, 3, padding="same", name="one")(given)
    two = layers.Conv2D(16, 3, padding="same", name="two")(one)
    model = keras.Model(given, layers.Dense(2, name="head")(layers.Flatten()(build(one, two))))
    smaller, report = prune_channels(model, keep=0.5)
    assert smaller(np.zeros((1, 6, 6, 4), np.float32)).shape == (1, 2)
    return {"one": sizes(report)["one"], "two": sizes(report)["two"]}


def test_what_counts_or_mixes_the_channels_freezes_them():
    from keras import layers, ops

    assert frozen_by(lambda one, two: two) == {"one": 8, "two": 8}
    assert frozen_by(lambda one, two: layers.LayerNormalization()(two)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: layers.Softmax()(two)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: layers.Activation("softmax")(two)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: layers.Conv2D(8, 3, groups=4, name="g")(two)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: two[..., :5]) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: ops.mean(two, axis=-1)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: two + np.arange(16.0, dtype=np.float32)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: layers.Reshape((6, 16, 6))(two)) == {"one": 8, "two": 16}
    assert frozen_by(lambda one, two: layers.Dense(8, name="p")(layers.Permute((3, 1, 2))(two))) == {
        "one": 8,
        "two": 16,
    }
    assert frozen_by(lambda one, two: layers.Dropout(0.1, noise_shape=(None, 1, 1, 16))(two)) == {"one": 8, "two": 16}


def test_a_layer_called_twice_once_in_an_unknown_way_stays_as_it_is():
    from keras import layers

    dense = layers.Dense(6, name="twice")

    def build(one, two):
        odd = dense(layers.Permute((1, 3, 2))(layers.Conv2D(6, 1, name="six")(two)[:, :, :4]))
        usual = dense(layers.Conv2D(4, 1, name="four")(one))
        return layers.Concatenate()([layers.Flatten()(odd), layers.Flatten()(usual)])

    assert frozen_by(build) == {"one": 8, "two": 8}


def test_refusals_say_what_is_wrong():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(16)

        def call(self, x):
            return self.dense(x)

    given = keras.Input((16,), name="x")
    only_outputs = keras.Model(given, layers.Dense(32, name="head")(given), name="outputs")
    no_filters = keras.Model(given, layers.ReLU()(given), name="plain")
    for match, call in {
        r"keep 0: must be above 0": lambda: prune_channels(tied(), keep=0),
        r"keep 1.5": lambda: prune_channels(tied(), keep=1.5),
        r"multiple 0": lambda: prune_channels(tied(), keep=0.5, multiple=0),
        r"no layer 'bakc'; there is back": lambda: prune_channels(tied(), keep=0.5, protect=["bakc"]),
        r"\(Own\) is not a functional": lambda: prune_channels(Own(), keep=0.5),
        r"is not a functional": lambda: prune_channels(keras.Sequential([layers.Dense(16)]), keep=0.5),
        r"nothing to prune in outputs: head: head is an output": lambda: prune_channels(only_outputs, keep=0.5),
        r"nothing to prune in plain: no Conv": lambda: prune_channels(no_filters, keep=0.5),
        r"stem, wide, back cannot get smaller": lambda: prune_channels(tied(), keep=0.5, minimum=64),
    }.items():
        with pytest.raises(ConvertError, match=match):
            call()


def test_two_nested_models_with_layers_of_one_name_are_refused():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    given = keras.Input((16,), name="x")
    parts = []
    for name in ("left", "right"):
        inner = keras.Sequential([keras.Input((16,)), layers.Dense(16, name="same")], name=name)
        parts.append(inner(given))
    model = keras.Model(given, layers.Dense(2, name="head")(layers.Concatenate()(parts)))
    with pytest.raises(ConvertError, match="share the name same"):
        prune_channels(model, keep=0.5)


def test_the_products_own_nets_get_smaller():
    from converters.audio import encoder
    from converters.physio import beat, rhythm
    from converters.pruning.channels import prune_channels
    from converters.vision import nets

    models = [nets.face_net(), nets.search_net(), nets.eye_net(), beat.model(), rhythm.model(), encoder.build(seed=0)]
    for model in models:
        smaller, report = prune_channels(model, keep=0.5, multiple=4, minimum=4)
        assert smaller.count_params() < 0.8 * model.count_params(), report  # an LSTM keeps its units
        assert {key: tuple(value.shape) for key, value in smaller.output.items()} == {
            key: tuple(value.shape) for key, value in model.output.items()
        }
