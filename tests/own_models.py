"""Small models of somebody who knows nothing of edge-mm, as files with rows beside them. Keras is imported when needed.

In: a folder. Out: ``NAME.keras``, ``NAME.npz`` and so on in it.
"""

import numpy as np

ROWS = 60


def cnn():
    import keras
    from keras import layers

    image = keras.Input((12, 12, 1), name="image")
    x = layers.Conv2D(8, 3, activation="relu", name="first")(image)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x))


def lstm(*, unroll=True, units=6):
    import keras
    from keras import layers

    beat = keras.Input((10, 4), name="beat")
    return keras.Model(beat, layers.Dense(2, name="head")(layers.LSTM(units, unroll=unroll, name="memory")(beat)))


def two_inputs():
    """The order of the inputs is not that of the alphabet, and each has another shape."""
    import keras
    from keras import layers

    pulse, breath = keras.Input((6,), name="pulse"), keras.Input((4, 3), name="breath")
    both = layers.Concatenate()([pulse, layers.Flatten()(breath)])
    calm = layers.Dense(3, activation="tanh", name="dense_calm")(pulse)
    return keras.Model([pulse, breath], {"stress": layers.Dense(2, name="dense_stress")(both), "calm": calm})


def sequential():
    import keras
    from keras import layers

    return keras.Sequential([keras.Input((5,), name="x"), layers.Dense(8, activation="relu"), layers.Dense(2)])


def write(folder, name, model):
    """``NAME.keras`` with weights that are not zero anywhere, and ``NAME.npz`` with rows for it."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if not np.any(variable.numpy()) and variable.trainable:
            variable.assign(rng.normal(scale=0.3, size=variable.shape))
    model.save(folder / f"{name}.keras")
    rows = {tensor.name: rng.normal(size=(ROWS, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs}
    np.savez(folder / f"{name}.npz", **rows)
    return folder / f"{name}.keras", folder / f"{name}.npz"


def keras_says(model, rows):
    """Output name -> (n, ...), of the model itself."""
    names = [tensor.name for tensor in model.inputs]
    given = [rows[name] for name in names]
    said = model(given if len(given) > 1 else given[0], training=False)
    said = said if isinstance(said, dict) else {model.output_names[0]: said}
    return {name: value.numpy() for name, value in said.items()}


def graph_says(content, rows):
    """Output name -> (n, ...), of a graph in the runtime of this Python."""
    from edge_mm.perception.litert import Graph

    graph = Graph(content, name="own")
    count = len(next(iter(rows.values())))
    said = [graph(**{name: value[i : i + 1] for name, value in rows.items()}) for i in range(count)]
    return {name: np.stack([one[name] for one in said]) for name in said[0]}


def ops(content):
    """Names of the ops of a graph, and of their output tensors with the type."""
    from converters.graphs.reader import read_graph

    graph = read_graph(content)
    return [(op.name, *(graph.tensors[op.outputs[0]].name, graph.tensors[op.outputs[0]].dtype)) for op in graph.ops]
