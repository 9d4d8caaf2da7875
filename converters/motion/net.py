"""The net: four strided 1-D convolutions over 5 s, then a layer that knows where in the window it looks.

In: ``motion`` (251, 9) of ``motion_fall.fall_input``. Out: ``fall`` (1, sigmoid) and ``embedding`` (16, within +-1).
Not here: windows, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.motion.records import TROUBLE
from converters.motion.windows import Impact, spoiled
from edge_mm.perception.motion_fall import CHANNELS, EMBEDDING, LENGTH

Array = npt.NDArray[np.float32]

BATCH = 64
ROUNDS, PER_ROUND, EPOCHS = 12, 3200, 2
"""Spoiling a window costs as much as learning from it, so each is learned from twice."""


def build(*, seed: int) -> Any:
    """The untrained model."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    given = keras.Input((LENGTH, CHANNELS), name="motion")
    x = given
    for width, kernel in ((24, 7), (32, 5), (32, 5), (32, 3)):
        x = layers.Conv1D(width, kernel, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    embedding = layers.Dense(EMBEDDING, activation="tanh", name="embedding")(x)
    fall = layers.Dense(1, activation="sigmoid", name="fall")(layers.Dropout(0.2)(embedding))
    return keras.Model(given, {"embedding": embedding, "fall": fall})


def train(impacts: Sequence[Impact], *, seed: int, rounds: int = ROUNDS) -> Any:
    """The trained model; of every three windows one is a fall, one an activity of ``TROUBLE``, one another activity."""
    import keras

    rng = np.random.default_rng(seed)
    model = build(seed=seed)
    learner = keras.Model(model.inputs, model.output["fall"])
    steps = rounds * EPOCHS * (PER_ROUND // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(1e-4, max(1, steps - 50), warmup_target=3e-3, warmup_steps=50)
    learner.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=3e-3, clipnorm=1.0),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=0.02),
    )
    for _ in range(rounds):
        x, y = draw(impacts, PER_ROUND, rng)
        learner.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
    return model


def draw(impacts: Sequence[Impact], count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Spoiled windows (count, LENGTH, CHANNELS) and whether each is a fall (count, 1), in random order."""
    falls = [one for one in impacts if one.fall]
    daily = [one for one in impacts if not one.fall]
    hard = [one for one in daily if one.activity in TROUBLE]
    chosen: list[Impact] = []
    for kind, share in ((falls, 0.4), (hard, 0.25), (daily, 0.35)):
        chosen += [kind[i] for i in rng.integers(0, len(kind), round(share * count))]
    order = rng.permutation(len(chosen))
    chosen = [chosen[i] for i in order]
    return spoiled(chosen, daily, rng), np.array([[float(one.fall)] for one in chosen], np.float32)


def predict(model: Any, x: Array) -> Array:
    """(n,) probability of a fall."""
    return np.concatenate(
        [np.asarray(model(part, training=False)["fall"])[:, 0] for part in np.array_split(x, max(1, len(x) // 512))]
    )
