"""Channels that are zero can be cut out of every kind of graph without a change in what the model says."""

import importlib.util

import numpy as np
import pytest

pytestmark = [
    pytest.mark.convert,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="not here: TensorFlow is not in this environment; `make convert-test` runs it",
    ),
]


def block(x, filters, name, *, stride=1, depthwise=False):
    from keras import layers

    if depthwise:
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(name=f"{name}_depthwise_norm")(x))
        x = layers.Conv2D(filters, 1, use_bias=False, name=name)(x)
    else:
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU()(layers.BatchNormalization(name=f"{name}_norm")(x))


def image(size=8, channels=3, name="image"):
    import keras

    return keras.Input((size, size, channels), name=name)


def sequential():
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((9, 9, 2), name="image"),
            layers.ZeroPadding2D(1),
            layers.Conv2D(6, 3, activation="relu", name="first"),
            layers.Cropping2D(1),
            layers.MaxPooling2D(2),
            layers.SpatialDropout2D(0.1),
            layers.Conv2D(8, 2, activation="swish", name="second"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="tanh", name="third"),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


def residual():
    import keras
    from keras import layers

    x = given = image()
    x = block(x, 8, "stem")
    for i in range(2):
        y = block(x, 12, f"wide{i}")
        y = layers.BatchNormalization(name=f"narrow{i}_norm")(layers.Conv2D(8, 3, padding="same", name=f"narrow{i}")(y))
        x = layers.ReLU()(layers.Add()([x, y]))
    y = layers.Conv2D(16, 1, strides=2, name="project")(x)
    x = layers.Add()([y, block(x, 16, "strided", stride=2)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, {"classes": layers.Dense(3, activation="softmax", name="classes")(x), "embedding": x})


def dense_net():
    """Concatenated features with BatchNorm before the convolution."""
    import keras
    from keras import layers

    given = image()
    x = layers.Conv2D(6, 3, padding="same", name="stem")(given)
    for i in range(3):
        y = layers.ReLU()(layers.BatchNormalization(name=f"norm{i}")(x))
        x = layers.Concatenate()([x, layers.Conv2D(4 + 2 * i, 3, padding="same", name=f"grow{i}")(y)])
    x = layers.AveragePooling2D(2)(layers.ReLU()(x))
    return keras.Model(given, layers.Dense(2, name="head")(layers.Flatten()(x)))


def squeeze_excite():
    import keras
    from keras import layers

    x = given = image()
    x = block(x, 12, "stem")
    for i, kind in enumerate(("pooled", "kept")):
        y = block(x, 12, f"deep{i}", depthwise=True)
        if kind == "pooled":
            gate = layers.Reshape((1, 1, 12))(layers.GlobalAveragePooling2D()(y))
            gate = layers.Conv2D(6, 1, activation="relu", name=f"squeeze{i}")(gate)
            gate = layers.Conv2D(12, 1, activation="sigmoid", name=f"excite{i}")(gate)
        else:
            gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
            gate = layers.Dense(12, activation="hard_sigmoid", name=f"excite{i}")(gate)
        x = layers.Add()([x, layers.Multiply()([gate, y])])
    x = layers.GlobalMaxPooling2D()(x)
    return keras.Model(given, layers.Dense(2, name="head")(x))


def many_in_and_out():
    import keras
    from keras import layers

    beat = keras.Input((24, 2), name="beat")
    features = keras.Input((5,), name="features")
    x = layers.Conv1D(10, 5, strides=2, padding="same", use_bias=False, name="beat_conv")(beat)
    x = layers.PReLU(shared_axes=[1], name="prelu")(layers.BatchNormalization(name="beat_norm")(x))
    x = layers.SeparableConv1D(8, 3, padding="same", name="beat_separable")(x)
    x = layers.Dense(12, use_bias=False, name="beat_dense")(layers.Flatten()(layers.AveragePooling1D(2)(x)))
    x = layers.ReLU()(layers.BatchNormalization(name="dense_norm")(x))
    y = layers.Dense(6, activation="relu", name="features_dense")(features)
    z = layers.Dense(16, activation="tanh", name="joint")(layers.Concatenate()([x, y]))
    embedding = layers.Dense(8, activation="tanh", name="embedding")(z)
    classes = layers.Dense(4, activation="softmax", name="classes")(embedding)
    return keras.Model(
        [beat, features], {"classes": classes, "embedding": embedding, "rate": layers.Dense(1, name="rate")(z)}
    )


def recurrent(kind="LSTM"):
    import keras
    from keras import layers

    x = given = keras.Input((16, 8, 1), name="log_mel")
    x = block(x, 8, "stem", stride=2)
    x = block(x, 12, "deep", depthwise=True)
    x = layers.Conv2D(10, (1, 4), use_bias=False, name="bands")(x)
    x = layers.Reshape((8, 10))(layers.ReLU()(layers.BatchNormalization(name="bands_norm")(x)))
    if kind == "Bidirectional":
        heard = layers.Bidirectional(layers.GRU(6, return_sequences=True), name="recurrent")(x)
    else:
        heard = getattr(layers, kind)(6, unroll=True, return_sequences=True, name="recurrent")(x)
    last = layers.Cropping1D((7, 0))(heard)
    both = layers.Concatenate()([layers.Flatten()(last), layers.GlobalAveragePooling1D()(heard)])
    x = layers.Dense(12, activation="tanh", name="hidden")(both)
    return keras.Model(given, {"classes": layers.Dense(3, activation="softmax", name="classes")(x)})


def gru():
    return recurrent("GRU")


def both_ways():
    return recurrent("Bidirectional")


def operations():
    """Plain operators and functions in the place of layers."""
    import keras
    from keras import layers, ops

    given = image()
    x = layers.Conv2D(8, 3, padding="same", name="one")(given)
    y = ops.relu(layers.Conv2D(8, 3, padding="same", name="two")(x))
    x = (x + y) * 0.5 - y
    x = ops.concatenate([x, y], axis=-1)[:, 1:7, 2:, :]
    x = ops.reshape(x, (-1, 36, 16))
    x = layers.Dense(6, activation="relu", name="three")(layers.Permute((2, 1))(layers.Permute((2, 1))(x)))
    x = ops.concatenate([ops.mean(x, axis=1), ops.max(x, axis=1)], axis=-1)
    return keras.Model(given, ops.softmax(layers.Dense(2, name="head")(x)))


def merged_axes():
    """A reshape that folds a side into the channels, then BatchNorm over both."""
    import keras
    from keras import layers

    given = image()
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv")(given)
    x = layers.BatchNormalization(name="norm")(layers.Reshape((8, 48))(x))
    x = layers.Conv1D(8, 3, activation="relu", name="rows")(x)
    x = layers.Conv1DTranspose(6, 3, activation="relu", name="back")(x)
    return keras.Model(given, layers.Dense(2, name="head")(layers.Flatten()(layers.UpSampling1D(2)(x))))


def shared_layers():
    """The same encoder on both eyes: one nested model, called twice."""
    import keras
    from keras import layers

    inner = image(6, 1, "inner")
    x = layers.MaxPooling2D(2)(block(inner, 8, "eye"))
    encoder = keras.Model(
        inner, layers.Dense(6, activation="relu", name="eye_dense")(layers.Flatten()(x)), name="eye_net"
    )
    left, right = image(6, 1, "left"), image(6, 1, "right")
    x = layers.Concatenate()([encoder(left), encoder(right)])
    mouth = keras.Sequential([keras.Input((12,)), layers.Dense(8, activation="relu", name="mixed")], name="mixer")
    return keras.Model({"left": left, "right": right}, {"closed": layers.Dense(2, name="closed")(mouth(x))})


def one_layer_reads_two():
    """What one layer reads from two others is tied: it has only one kernel, or one shape."""
    import keras
    from keras import layers

    given = image()
    reader, folded = layers.Conv2D(6, 1, activation="relu", name="reader"), layers.Reshape((64, 8))
    ends = []
    for name in ("left", "right"):
        ends.append(layers.Flatten()(reader(layers.Conv2D(8, 3, padding="same", name=name)(given))))
        x = folded(layers.Conv2D(8, 3, padding="same", name=f"folded_{name}")(given))
        ends.append(layers.Flatten()(layers.Conv1D(4, 1, name=f"read_{name}")(x)))
    return keras.Model(given, layers.Dense(2, name="head")(layers.Concatenate()(ends)))


TOPOLOGIES = [
    *(sequential, residual, dense_net, squeeze_excite, many_in_and_out, recurrent, gru, both_ways, operations),
    *(merged_axes, shared_layers, one_layer_reads_two),
]


def scramble(model, rng):
    """Random weights everywhere: a fresh BatchNorm would hide a wrong slice, since all its channels are alike."""
    for weight in model.weights:
        value = rng.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(value) + 0.2 if "variance" in weight.name or "gamma" in weight.name else value)


def kill_half(model, rng):
    """Set every filter, bias and BatchNorm value of half of the free channels to zero."""
    from converters.pruning.channels import cells_of
    from converters.pruning.flow import read_flow

    flow = read_flow(model)
    dead = []
    for roots in cells_of(flow).values():
        free = [root for root in roots if flow.groups.why_frozen(root) is None]
        dead.extend(rng.permutation(free)[: len(roots) // 2].tolist())
    for site in flow.sites.values():
        maker = flow.makers.get(id(site.op))
        for part in site.slices:
            mine = maker is None or (len(part.ids) == len(maker.ids) and (part.ids == maker.ids).all())
            if mine and type(site.op).__name__ not in ("LSTM", "GRU", "Bidirectional", "PReLU"):
                value = np.moveaxis(site.op.weights[part.weight].numpy().copy(), part.axis, 0)
                value[np.isin(flow.groups.roots(part.ids), dead)] = 0
                site.op.weights[part.weight].assign(np.moveaxis(value, 0, part.axis))
    assert dead


def ask(model, rng, rows=7):
    import keras

    from converters.pruning.walk import functional

    given = [rng.normal(size=(rows, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
    return keras.tree.pack_sequence_as(functional(model).input, given)


def flat(said):
    import keras

    return [np.asarray(one) for one in keras.tree.flatten(said)]


@pytest.mark.parametrize("build", TOPOLOGIES)
def test_removing_channels_that_are_zero_changes_nothing(build):
    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(3)
    model = build()
    scramble(model, rng)
    kill_half(model, rng)
    given = ask(model, rng)
    before = flat(model(given, training=False))
    weights = [weight.numpy().copy() for weight in model.weights]

    smaller, report = prune_channels(model, keep=0.5, multiple=1, minimum=1)

    assert smaller.count_params() < 0.75 * model.count_params()
    assert report.parameters_after == smaller.count_params()
    after = flat(smaller(given, training=False))
    assert max(np.abs(one).max() for one in before) > 0.05  # else equality says little
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert all((now.numpy() == then).all() for now, then in zip(model.weights, weights, strict=True))


@pytest.mark.parametrize("build", TOPOLOGIES)
def test_keeping_all_gives_an_identical_model_of_its_own(build):
    from converters.pruning.channels import prune_channels
    from converters.pruning.walk import functional

    rng = np.random.default_rng(4)
    model = build()
    scramble(model, rng)
    given = ask(model, rng)
    copy, report = prune_channels(model, keep=1.0)
    assert all(layer.before == layer.after for layer in report.layers)
    before, after = model(given, training=False), copy(given, training=False)
    assert type(before) is type(after)
    if isinstance(before, dict):
        assert list(before) == list(after)
    for one, other in zip(flat(before), flat(after), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [tensor.name for tensor in copy.inputs] == [tensor.name for tensor in model.inputs]
    assert copy.output_names == functional(model).output_names
    scramble(copy, rng)
    for one, other in zip(flat(before), flat(model(given, training=False)), strict=True):
        np.testing.assert_array_equal(one, other)


def random_net(seed):
    """A graph that nobody drew: residual and concatenated branches, gates, reshapes, shared layers, two outputs."""
    import keras
    from keras import layers

    rng = np.random.default_rng(seed)
    given = image(8, 2)
    pool = [layers.Conv2D(int(rng.integers(3, 9)), 3, padding="same", name="stem")(given)]
    shared = {}
    for i in range(9):
        x = pool[int(rng.integers(len(pool)))]
        y = pool[int(rng.integers(len(pool)))]
        width = x.shape[-1]
        kind = rng.choice(["conv", "depthwise", "norm", "add", "concat", "gate", "shared", "fold", "separable"])
        if kind == "add" and x.shape != y.shape:
            y = layers.Conv2D(width, 1, name=f"match{i}")(y)
        if kind == "conv":
            made = layers.Conv2D(int(rng.integers(3, 9)), 3, padding="same", activation="relu", name=f"conv{i}")(x)
        elif kind == "depthwise":
            made = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3)), name=f"dw{i}")(x)
        elif kind == "norm":
            made = layers.ReLU()(layers.BatchNormalization(name=f"norm{i}")(x))
        elif kind == "add":
            made = layers.Add()([x, y]) if rng.random() < 0.7 else x - y
        elif kind == "concat":
            made = layers.Concatenate()([x, y])
        elif kind == "gate":
            gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
            made = layers.Multiply()([x, layers.Conv2D(width, 1, activation="sigmoid", name=f"gate{i}")(gate)])
        elif kind == "shared":
            shared.setdefault(width, layers.Conv2D(5, 1, name=f"shared{width}"))
            made = shared[width](x)
        elif kind == "separable":
            made = layers.SeparableConv2D(6, 3, padding="same", activation="tanh", name=f"separable{i}")(x)
        else:
            made = layers.BatchNormalization(name=f"folded{i}")(layers.Reshape((8, 8 * width))(x))
            made = layers.Reshape((8, 8, 4))(layers.Conv1D(32, 1, name=f"unfold{i}")(made))
        pool.append(made)
    head = layers.Dense(6, activation="relu", name="hidden")(layers.Flatten()(pool[-1]))
    ends = layers.GlobalMaxPooling2D()(layers.Concatenate()(pool[1:]))
    return keras.Model(given, {"deep": layers.Dense(2, name="deep")(head), "wide": layers.Dense(2, name="wide")(ends)})


@pytest.mark.parametrize("seed", range(16))
def test_removing_zeros_changes_nothing_in_graphs_that_nobody_drew(seed):
    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(100 + seed)
    model = random_net(seed)
    scramble(model, rng)
    kill_half(model, rng)
    given = ask(model, rng)
    before = flat(model(given, training=False))
    smaller, _ = prune_channels(model, keep=0.5, multiple=1, minimum=1)
    assert smaller.count_params() < model.count_params()
    for one, other in zip(before, flat(smaller(given, training=False)), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5 * max(1.0, np.abs(one).max()))


def test_what_a_layer_has_learnt_from_its_data_goes_along():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(0)
    learnt = layers.Normalization(name="learnt")
    learnt.adapt(rng.normal(5, 3, (64, 4)).astype(np.float32))
    given = keras.Input((4,), name="x")
    x = layers.Dense(16, activation="relu", name="hidden")(learnt(given))
    model = keras.Model(given, layers.Dense(2, name="head")(x))
    rows = rng.normal(5, 3, (8, 4)).astype(np.float32)
    copy, _ = prune_channels(model, keep=1.0)
    np.testing.assert_array_equal(np.asarray(copy(rows)), np.asarray(model(rows)))


def test_a_layer_that_knows_more_than_it_tells_is_refused():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels
    from edge_mm.errors import ConvertError

    @keras.saving.register_keras_serializable("edge_mm_test")
    class Secretive(layers.Layer):
        factor = 1.0

        def call(self, x):
            return x * self.factor

    secret = Secretive(name="secret")
    secret.factor = 3.0
    given = keras.Input((4,), name="x")
    x = layers.Dense(16, name="hidden")(secret(given))
    model = keras.Model(given, layers.Dense(2, name="head")(x), name="secretive")
    with pytest.raises(ConvertError, match="a copy of secretive says something else at head"):
        prune_channels(model, keep=0.5)


def test_a_reshape_that_two_share_has_one_size():
    from converters.pruning.channels import prune_channels

    model, report = prune_channels(one_layer_reads_two(), keep=0.5, multiple=1, minimum=1, protect=["folded_left"])
    sizes = {layer.name: layer.after for layer in report.layers}
    assert (sizes["left"], sizes["folded_left"], sizes["folded_right"]) == (4, 8, 8)
    assert model(np.zeros((1, 8, 8, 3), np.float32)).shape == (1, 2)
