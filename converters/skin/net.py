"""The net: 30 features of ten minutes, two dense layers; trained with senses left out.

In: ``features`` (30,) of ``skin_stress.stress_features``. Out: ``stress`` (1, sigmoid) and ``embedding`` (12, within
+-1). A second task (the heart rate against its ten minutes, learned beside it) was tried: 0.763 instead of 0.771, so
there is none. Not here: sessions, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.skin.sessions import Session
from edge_mm.perception.skin import NET_EMBEDDING
from edge_mm.perception.skin_stress import FEATURES, HEART, SKIN, WARMTH, stress_features

Array = npt.NDArray[np.float32]

EPOCHS, BATCH = 20, 128
_HEART, _SKIN = slice(0, HEART), slice(HEART, HEART + SKIN)
_WARMTH = slice(HEART + SKIN, HEART + SKIN + WARMTH)
_FLAG = {"skin": FEATURES - 3, "heart": FEATURES - 2, "warmth": FEATURES - 1}
_PART = {"skin": _SKIN, "heart": _HEART, "warmth": _WARMTH}
ABSENT = {"heart": 0.35, "warmth": 0.5, "skin": 0.15}
"""Share of the training rows without each sense."""


def features(session: Session) -> Array:
    """(n, FEATURES) with every sense that is there."""
    return np.array([stress_features(table) for table in session.tables])


def without(x: Array, sense: str, rows: npt.NDArray[np.bool_] | None = None) -> Array:
    """A copy in which some rows (all) lack a sense: exactly what ``stress_features`` gives then."""
    out = x.copy()
    chosen = np.ones(len(x), bool) if rows is None else rows
    out[chosen, _PART[sense]] = 0.0
    out[chosen, _FLAG[sense]] = 0.0
    return out


def build(*, seed: int) -> Any:
    """The untrained model."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    decay = keras.regularizers.L2(1e-3)
    given = keras.Input((FEATURES,), name="features")
    x = layers.Dense(32, activation="relu", kernel_regularizer=decay)(layers.Dropout(0.1)(given))
    x = layers.Dropout(0.4)(x)
    embedding = layers.Dense(NET_EMBEDDING, activation="tanh", name="embedding", kernel_regularizer=decay)(x)
    stress = layers.Dense(1, activation="sigmoid", name="stress", kernel_regularizer=decay)(
        layers.Dropout(0.2)(embedding)
    )
    return keras.Model(given, {"embedding": embedding, "stress": stress})


def train(x: Sequence[Array], labels: Sequence[npt.NDArray[np.int64]], *, seed: int, epochs: int = EPOCHS) -> Any:
    """The trained model; rest and stress weigh the same.

    Args:
        x: per person, (n, FEATURES).
        labels: per person, (n,).
        seed: of weights, order and left-out senses.
        epochs: passes over the rows.
    """
    import keras

    rng = np.random.default_rng(seed)
    model = build(seed=seed)
    learner = keras.Model(model.inputs, model.output["stress"])
    rows, truth = np.concatenate(x), np.concatenate(labels).astype(np.float32)
    weight = np.where(truth > 0.5, 0.5 / truth.mean(), 0.5 / (1 - truth.mean())).astype(np.float32)
    orders = [rng.permutation(len(rows)) for _ in range(epochs)]
    spoiled = np.concatenate([spoil(rows[order], rng) for order in orders])
    order = np.concatenate(orders)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, -(-len(order) // BATCH))
    learner.compile(optimizer=keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    learner.fit(
        spoiled, truth[order, None], batch_size=BATCH, epochs=1, shuffle=False, verbose=0, sample_weight=weight[order]
    )
    return model


def spoil(x: Array, rng: np.random.Generator) -> Array:
    """A copy with senses left out at random and some noise on the others."""
    out = x.copy()
    for sense, share in ABSENT.items():
        out = without(out, sense, rng.random(len(x)) < share)
    inside = out[:, : FEATURES - 3]
    inside += rng.normal(0.0, 0.15, inside.shape).astype(np.float32) * (inside != 0)
    return out


def predict(model: Any, x: Array) -> Array:
    """(n,) probability of stress."""
    return np.asarray(model({"features": x}, training=False)["stress"])[:, 0]
