"""Keras graphs of every kind that pruning has to understand: written by hand, and drawn at random from a seed.

In: a seed, or nothing. Out: an untrained model. Keras is imported when one is built.
"""

import numpy as np


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
