"""A small encoder per sense, trained on the fold's training people alone, then frozen.

In: windows of one sense and their state. Out: embeddings over time, (n, steps, WIDTH) within +-1; pooled by the
device's pooling, scaled by what the training people's clean windows measure. Not here: fusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.fusion import CLIP, POOLING
from converters.study.sets import Recorded
from edge_mm.perception.fusion import POOLS

Array = npt.NDArray[np.float32]
WIDTH, BATCH, STEPS = 8, 64, 500
RATE, DROP = 3e-3, 0.2


def train(x: Array, y: Array, *, strided: bool, seed: int, steps: int = STEPS) -> Any:
    """The encoder: (steps, channels) -> (steps', WIDTH)."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    given = keras.Input(x.shape[1:])
    inner = given
    if strided:
        inner = layers.Conv1D(16, 9, strides=4, padding="same", activation="relu")(inner)
        inner = layers.Conv1D(24, 5, strides=4, padding="same", activation="relu")(inner)
    else:
        inner = layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(inner)
    inner = layers.Dropout(DROP)(inner)
    embedding = layers.Conv1D(WIDTH, 1, activation="tanh", kernel_regularizer=keras.regularizers.L2(1e-3))(inner)
    pooled = [layers.GlobalAveragePooling1D()(embedding), layers.GlobalMaxPooling1D()(embedding)]
    said = layers.Dense(1, activation="sigmoid")(layers.Concatenate()(pooled))
    learner = keras.Model(given, said)
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(len(x)) for _ in range(-(-steps * BATCH // len(x)))])[: steps * BATCH]
    share = float(np.clip(y.mean(), 0.05, 0.95))
    weight = np.where(y > 0.5, 0.5 / share, 0.5 / (1 - share))
    learner.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)), "binary_crossentropy")
    learner.fit(x[rows], y[rows, None], batch_size=BATCH, shuffle=False, verbose=0, sample_weight=weight[rows])
    return keras.Model(given, embedding)


class Embedded:
    """Pooled embeddings of one fold: every window, clean and in every way wrong.

    Args:
        recorded: all windows.
        training: (n,) which of them are of training people.
        seed: of the encoders.
        steps: of their training.
    """

    def __init__(self, recorded: Recorded, training: npt.NDArray[np.bool_], *, seed: int, steps: int = STEPS) -> None:
        self.clean: dict[str, Array] = {}
        self.vectors: dict[str, Array] = {}
        self.wrong: dict[str, dict[str, Array]] = {how: {} for how in recorded.wrong}
        self.wrong_vectors: dict[str, dict[str, Array]] = {how: {} for how in recorded.wrong}
        inputs: dict[str, dict[str, list[float]]] = {}
        for j, m in enumerate(recorded.senses):
            there = training & (recorded.there[:, j] > 0)
            net = train(recorded.x[m][there], recorded.y[there], strided=recorded.strided, seed=seed, steps=steps)
            self.vectors[m] = net.predict(recorded.x[m], verbose=0, batch_size=1024)
            raw = pooled(self.vectors[m])
            mean, spread = raw[there].mean(axis=0), raw[there].std(axis=0)
            scale = np.maximum(spread, 0.1 * spread.mean() + 1e-3)
            inputs[m] = {"mean": mean.tolist(), "scale": scale.tolist()}
            self.clean[m] = np.clip((raw - mean) / scale, -CLIP, CLIP).astype(np.float32)
            for how, by in recorded.wrong.items():
                vectors = net.predict(by[m].x, verbose=0, batch_size=1024)
                self.wrong_vectors[how][m] = vectors
                self.wrong[how][m] = np.clip((pooled(vectors) - mean) / scale, -CLIP, CLIP).astype(np.float32)
        self.params: Mapping[str, Any] = {"pooling": list(POOLING), "clip": CLIP, "inputs": inputs}


def pooled(vectors: Array) -> Array:
    """(n, steps, d) -> (n, len(POOLING) * d), as the device pools a window."""
    return np.concatenate([POOLS[kind](vectors.swapaxes(0, 1)) for kind in POOLING], axis=1)
