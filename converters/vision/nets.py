"""The four small nets. Plain convolutions, ReLU, mean-free heads: nothing that an int8 runtime of 2023 lacks.

Each begins by folding squares of 2x2 pixels into 4 channels (``_folded``): an int8 convolution over one channel is
slower than in float, since a processor multiplies 4 to 64 channels at once. Measured on x86-64: eye net 55 us in int8
and 26 us in float before, 10 us and 30 us folded. (Alternative, tried: squares of 4x4. No faster, and the eyes' AUROC
on other people fell from 0.979 to 0.940: a lid is two pixels high.)

In: grey square in 0..1. Out: Keras 3 functional models whose outputs are dicts; names are the graphs' signature. Heads
that only help training (``ratio``, ``gap``) are dropped by ``deployed``. Not here: training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from edge_mm.perception import vision_geometry as geo

EMBEDDING = 16
FOLD = 2
"""Pixels of a side that are folded into channels."""
_SMALL = keras.initializers.RandomNormal(stddev=0.01)


def search_net() -> Any:
    """128x128 -> score (8, 8, 1), box (8, 8, 3): where a face may be and how large."""
    image = keras.Input((geo.SEARCH_SIZE, geo.SEARCH_SIZE, 1), name="image")
    x = _stack(_folded(image), ((16, 2), (32, 2), (48, 2), (48, 1), (48, 1)))
    score = layers.Conv2D(1, 1, activation="sigmoid", name="score", bias_initializer=keras.initializers.Constant(-3))(x)
    box = layers.Conv2D(3, 1, name="box")(x)
    return keras.Model(image, {"score": score, "box": box}, name="search")


def face_net() -> Any:
    """64x64 -> points (20), face (1), pose (2)."""
    image = keras.Input((geo.FACE_SIZE, geo.FACE_SIZE, 1), name="image")
    x = _stack(_folded(image), ((16, 1), (32, 2), (32, 1), (48, 2), (48, 1), (64, 2)))
    x = layers.Dense(64, use_bias=False)(layers.Flatten()(x))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    return keras.Model(
        image,
        {
            "points": layers.Dense(20, name="points", kernel_initializer=_SMALL)(x),
            "face": layers.Dense(1, activation="sigmoid", name="face")(x),
            "pose": layers.Dense(2, name="pose", kernel_initializer=_SMALL)(x),
        },
        name="face",
    )


def eye_net() -> Any:
    """32x32 -> closed (1), embedding (16), ratio (1)."""
    return _reader(geo.EYE_SIZE, {"closed": "sigmoid", "ratio": None}, "eye", ((24, 1), (40, 2), (40, 1), (48, 2)))


def mouth_net() -> Any:
    """40x40 -> open (1), yawn (1), embedding (16), gap (1)."""
    heads = {"open": "sigmoid", "yawn": "sigmoid", "gap": None}
    return _reader(geo.MOUTH_SIZE, heads, "mouth", ((16, 1), (32, 2), (32, 1), (32, 2)))


def deployed(model: Any, outputs: Sequence[str]) -> Any:
    """The same net with only these outputs."""
    return keras.Model(model.input, {name: model.output[name] for name in outputs}, name=model.name)


def _reader(size: int, heads: dict[str, str | None], name: str, plan: tuple[tuple[int, int], ...]) -> Any:
    image = keras.Input((size, size, 1), name="image")
    x = layers.Flatten()(_stack(_folded(image), plan))
    x = layers.Dropout(0.2)(x)
    embedding = layers.Dense(EMBEDDING, activation="relu", name="embedding")(x)
    outputs = {key: layers.Dense(1, activation=kind, name=key)(embedding) for key, kind in heads.items()}
    return keras.Model(image, {**outputs, "embedding": embedding}, name=name)


def _folded(image: Any) -> Any:
    """(h, w, 1) -> (h / FOLD, w / FOLD, FOLD * FOLD), by ops of rank 4 that every runtime has."""
    height, width = image.shape[1:3]
    rows = layers.Permute((1, 3, 2))(layers.Reshape((height // FOLD, FOLD, width))(image))
    return layers.Reshape((height // FOLD, width // FOLD, FOLD * FOLD))(rows)


def _stack(x: Any, plan: tuple[tuple[int, int], ...]) -> Any:
    for filters, stride in plan:
        x = _block(x, filters, stride)
    return x


def _block(x: Any, filters: int, stride: int) -> Any:
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
