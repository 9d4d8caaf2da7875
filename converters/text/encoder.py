"""The net that reads a note: Embedding, LSTM, and one output for each finding (multi-task).

In: token ids. Out: a Keras model. 24 steps are unrolled, because an int8 graph holds no loop. Not here: words
(``perception.text_tokens``), where notes come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.text.notes import FINDINGS, Note, paraphrase
from edge_mm.perception.text_tokens import BUCKETS, LENGTH, tokens

WORD, UNITS, EMBEDDING = 8, 12, 8
WORDINGS, EPOCHS, BATCH, RATE, L2 = 60, 12, 96, 4e-3, 1e-4
"""Paraphrases of each note, and how they are learned."""


def build(*, seed: int) -> Any:
    """The untrained model: ``tokens`` (1, 24) int32 -> ``embedding`` (1, 8) and one probability per finding."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    given = keras.Input((LENGTH,), dtype="int32", name="tokens")
    regular = keras.regularizers.l2(L2)
    words = layers.Embedding(BUCKETS, WORD, name="words", embeddings_regularizer=regular)(given)
    read = layers.LSTM(UNITS, unroll=True, name="lstm")(layers.SpatialDropout1D(0.2, name="forgotten")(words))
    embedding = layers.Dense(EMBEDDING, activation="tanh", name="embedding")(layers.Dropout(0.2, name="dropped")(read))
    outputs = {"embedding": embedding}
    for name in FINDINGS:
        outputs[name] = layers.Dense(1, activation="sigmoid", name=name)(embedding)
    return keras.Model(given, outputs, name="note")


def rows(notes: Sequence[Note], *, seed: int, wordings: int = WORDINGS) -> tuple[Any, Any]:
    """(n, 24) int32 tokens of paraphrases and (n, 4) float32 findings; each note as written is among them."""
    rng = np.random.default_rng(seed)
    texts, found = [], []
    for note in notes:
        texts += [note.text, *(paraphrase(note, rng) for _ in range(wordings - 1))]
        found += [note.findings] * wordings
    return np.stack([tokens(text) for text in texts]), np.stack(found)


def train(model: Any, given: npt.NDArray[np.int32], found: npt.NDArray[np.float32], *, seed: int) -> float:
    """Train it; gives the last epoch's loss. The same seed and rows give the same weights on one machine."""
    import keras

    keras.utils.set_random_seed(seed)
    learner = keras.Model(model.inputs, keras.layers.Concatenate(name="all")([model.output[f] for f in FINDINGS]))
    learner.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(label_smoothing=0.05))
    history = learner.fit(given, found, batch_size=BATCH, epochs=EPOCHS, verbose=0, shuffle=True)
    return float(history.history["loss"][-1])
