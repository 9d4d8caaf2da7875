"""Train ``physio.beat``: N, S, V or F and an embedding from a beat, the person's normal beat and the rhythm before it.

In: beats as the device's detector and shapes give them, with the class of the annotation that they match. Out: a Keras
model, its decision threshold for V from out-of-fold predictions, and those predictions. Not here: finding beats.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception.physio_beat import BEFORE, CLIP, FEATURES, LABELS, LENGTH

FLOATS = npt.NDArray[np.float32]


class Beats(NamedTuple):
    """Labelled beats of one lead."""

    windows: FLOATS
    """(n, LENGTH, 2)."""
    features: FLOATS
    """(n, FEATURES)."""
    labels: npt.NDArray[np.int64]
    """(n,) index in LABELS."""


def model(*, embedding: int = 16) -> Any:
    """The net."""
    import keras

    beat = keras.Input((LENGTH, 2), name="beat")
    features = keras.Input((FEATURES,), name="features")
    x = keras.layers.Reshape((LENGTH // 4, 8))(beat)  # int8 convolutions over two channels are slower than in float
    for width, stride in ((32, 1), (48, 2)):
        x = keras.layers.Conv1D(width, 5, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dropout(0.4)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(32, activation="relu")(x)
    x = keras.layers.Dropout(0.25, noise_shape=(None, 1))(x)  # the whole shape branch: few people, so features must do
    y = keras.layers.Dense(24, activation="relu")(features)
    z = keras.layers.Concatenate()([x, y])
    z = keras.layers.Dense(embedding, activation="tanh", name="embedding")(z)
    classes = keras.layers.Dense(len(LABELS), activation="softmax", name="classes")(keras.layers.Dropout(0.2)(z))
    return keras.Model([beat, features], {"classes": classes, "embedding": z})


def train(sets: list[Beats], *, seed: int, epochs: int = 12, per_epoch: int = 32000) -> Any:
    """Train on these leads; each lead and each class in it counts less than its size."""
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    windows, features = (np.concatenate([s[k] for s in sets]) for k in (0, 1))
    labels = np.concatenate([s.labels for s in sets])
    weight = np.concatenate([_weights(s.labels) for s in sets])
    weight /= weight.sum()
    net = model()
    whole = keras.Model(net.inputs, net.output["classes"])
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * per_epoch // 128)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-3, use_ema=True, ema_momentum=0.995)
    whole.compile(optimizer, loss="sparse_categorical_crossentropy")
    for _ in range(epochs):
        pick = rng.choice(labels.size, per_epoch, p=weight)
        groups = [_spoil(windows[part], features[part], rng) for part in np.array_split(pick, 50)]
        x, f = (np.concatenate([g[k] for g in groups]) for k in (0, 1))
        whole.fit({"beat": x, "features": f}, labels[pick], batch_size=128, epochs=1, verbose=0)
    return net  # each fit ends by taking over the averaged weights


def predict(net: Any, beats: Beats) -> FLOATS:
    """(n, 4) probabilities of the float net."""
    inputs = {"beat": beats.windows, "features": beats.features}
    out: FLOATS = net.predict(inputs, batch_size=1024, verbose=0)["classes"]
    return out


def best_threshold(probabilities: list[FLOATS], labels: list[npt.NDArray[np.int64]]) -> float:
    """The V threshold with the best mean of gross F1 and F1 averaged over leads with at least 30 V beats."""
    ventricular = LABELS.index("V")
    best = (0.0, 0.5)
    for threshold in np.arange(0.05, 0.96, 0.05):
        counts = []
        for p, y in zip(probabilities, labels, strict=True):
            say, true = p[:, ventricular] >= threshold, y == ventricular
            counts.append((np.sum(say & true), np.sum(~say & true), np.sum(say & ~true)))
        table = np.array(counts, float)
        rich = table[table[:, 0] + table[:, 1] >= 30]
        score = (_f1(table.sum(axis=0)) + float(np.mean([_f1(row) for row in rich]))) / 2
        best = max(best, (score, float(threshold)))
    return best[1]


def _f1(row: npt.NDArray[np.float64]) -> float:
    return float(2 * row[0] / max(2 * row[0] + row[1] + row[2], 1.0))


def _weights(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    counts = np.bincount(labels, minlength=len(LABELS)).astype(float)
    return (np.where(counts > 0, counts, 1.0) ** -0.5)[labels]


def _spoil(x: FLOATS, f: FLOATS, rng: np.random.Generator) -> tuple[FLOATS, FLOATS]:
    n = len(x)
    stretch = rng.uniform(0.88, 1.14)
    at = BEFORE + (np.arange(LENGTH) - BEFORE) * stretch
    low = np.clip(np.floor(at).astype(int), 0, LENGTH - 2)
    part = np.clip(at - low, 0.0, 1.0)[None, :, None]
    x = x[:, low] * (1 - part) + x[:, low + 1] * part
    x = x * rng.choice([-1.0, 1.0], (n, 1, 1)) * np.exp(rng.normal(0, 0.15, (n, 1, 1)))
    x[:, :, 0] += rng.normal(0, 1, (n, LENGTH)) * np.where(rng.random((n, 1)) < 0.4, rng.uniform(0, 0.06, (n, 1)), 0.0)
    ramp = np.linspace(-1, 1, LENGTH) * rng.normal(0, 0.08, (n, 1)) + rng.normal(0, 0.05, (n, 1))
    x[:, :, 0] += ramp
    shift = int(rng.integers(-3, 4))
    x = np.roll(x, shift, axis=1)
    spoiled = f + rng.normal(0, 0.03, f.shape)
    spoiled[:, :4] *= rng.random((n, 1)) > 0.1
    return np.clip(x, -CLIP, CLIP).astype(np.float32), np.clip(spoiled, -1.5, 1.5).astype(np.float32)
