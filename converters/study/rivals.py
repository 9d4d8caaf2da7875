"""What the attention is compared with: the same embeddings side by side into a dense head, and one sense alone.

In: a ``Table``. Out: a Keras model with the same inputs and the heads' scores. Concatenation gets zeros for what is
absent and the presence vector, and with ``HIDDEN`` units about as many parameters as the attention. Not here: the
attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters import fusion
from converters.fusion import BATCH, HIDDEN, L2, RATE, Table
from edge_mm.perception.fusion import PRESENCE


def train(table: Table, senses: Sequence[str], *, seed: int) -> Any:
    """A dense head on the senses named, trained as long, with the same loss and optimiser as the attention."""
    import keras

    keras.utils.set_random_seed(seed)
    names = [*senses, PRESENCE]
    given = {n: keras.Input((table.inputs[n].shape[1],), name=n) for n in names}
    inner = keras.layers.Concatenate()(list(given.values()))
    inner = keras.layers.Dense(HIDDEN, activation="tanh", kernel_regularizer=keras.regularizers.L2(L2))(inner)
    model = keras.Model(given, keras.layers.Dense(table.states.shape[1], activation="sigmoid")(inner))
    count = len(table.states)
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(count) for _ in range(fusion.EPOCHS)])
    schedule = keras.optimizers.schedules.CosineDecay(RATE, -(-len(rows) // BATCH))
    model.compile(keras.optimizers.Adam(schedule), "binary_crossentropy")
    inputs = {n: table.inputs[n][rows] for n in names}
    model.fit(inputs, table.states[rows], batch_size=BATCH, shuffle=False, verbose=0)
    return model
