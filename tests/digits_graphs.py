"""A small net that reads sklearn's handwritten digits, as graphs: float, int8, and int8 calibrated wrongly."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from converters.dataset import DataSet, digest

TRAINED = 800


class Digits(NamedTuple):
    """All that a comparison needs."""

    model: Any
    """Keras 3: ``image`` (8, 8, 1) -> ``classes`` (10,), ``embedding`` (16,)."""
    float_graph: bytes
    int8: bytes
    dark: bytes
    """Int8, calibrated with images of an eighth of their brightness."""
    samples: list
    """What ``int8`` was calibrated with."""
    held_out: DataSet
    """997 images that it was not trained on, without groups."""


def learnt():
    """Images and labels that ``digits`` was trained on."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images[:TRAINED] / 16).astype(np.float32)[..., None], found.target[:TRAINED]


@cache
def digits() -> Digits:
    import keras
    from sklearn.datasets import load_digits

    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph

    found = load_digits()
    images, labels = (found.images / 16).astype(np.float32)[..., None], found.target
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    value = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(image)
    value = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="second")(value)
    embedding = layers.Dense(16, activation="tanh", name="embedding")(layers.Flatten()(value))
    classes = layers.Dense(10, activation="softmax", name="classes")(embedding)
    taught = keras.Model(image, classes)
    taught.compile("adam", "sparse_categorical_crossentropy")
    taught.fit(images[:TRAINED], labels[:TRAINED], epochs=25, batch_size=32, verbose=0)
    model = keras.Model(image, {"classes": classes, "embedding": embedding})
    samples = [{"image": images[i : i + 1]} for i in range(200)]
    content = float_graph(model)
    dark = quantize_graph(content, [{"image": sample["image"] / 8} for sample in samples])
    inputs, targets = {"image": images[TRAINED:]}, {"classes": labels[TRAINED:]}
    data = DataSet(inputs, targets, None, digest({**inputs, **targets}))
    return Digits(model, content, quantize_graph(content, samples), dark, samples, data)
