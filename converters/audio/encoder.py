"""The net: patches of 4 frames by 4 bands, convolutions, then an LSTM over 6 steps of 160 ms; embedding and classes.

In: ``log_mel`` (96, 40, 1), normalised by ``audio_mel.encoder_input``. Out: ``embedding`` (32, within +-1) and
``classes`` (softmax). The LSTM is unrolled: calibrating a WHILE loop crashes the converter, and the unrolled form is
the fastest on the device. Not here: data, scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from converters.audio.clips import LABELS
from converters.audio.windows import FRAMES, SETTINGS
from edge_mm.perception.audio_mel import encoder_input

Array = npt.NDArray[np.float32]

EMBEDDING = 32
UNITS = 96
STEPS = FRAMES // 16
BATCH = 96


def build(*, seed: int) -> Any:
    """The untrained model."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    given = keras.Input((FRAMES, SETTINGS.mels, 1), name="log_mel")
    x = _patches(given)
    x = _block(layers.Conv2D(24, 3, padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(48, 3, strides=(2, 1), padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(64, (1, SETTINGS.mels // 8), use_bias=False), x)  # all bands of one step
    steps = layers.Dropout(0.3)(layers.Reshape((STEPS, 64))(x))
    heard = layers.LSTM(UNITS, unroll=True, return_sequences=True)(steps)
    last = layers.Cropping1D((STEPS - 1, 0))(heard)
    both = layers.Concatenate()([layers.Reshape((UNITS,))(last), layers.GlobalAveragePooling1D()(heard)])
    embedding = layers.Dense(EMBEDDING, activation="tanh", name="embedding")(layers.Dropout(0.3)(both))
    classes = layers.Dense(len(LABELS), activation="softmax", name="classes")(embedding)
    return keras.Model(given, {"embedding": embedding, "classes": classes})


def train(model: Any, spectra: Array, labels: npt.NDArray[np.int64], *, epochs: int, seed: int) -> list[float]:
    """Train on dB spectra; gives the mean loss of each epoch."""
    steps = len(labels) // BATCH
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, steps * (epochs - 1), warmup_target=3e-3, warmup_steps=steps
    )
    learner = keras.Model(model.inputs, model.output["classes"])
    learner.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=2e-3, clipnorm=1.0),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
    )
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(epochs):
        total = [float(learner.train_on_batch(x, y)) for x, y in batches(rng, spectra, labels, steps=steps)]
        losses.append(round(float(np.mean(total)), 4))
    return losses


def batches(
    rng: np.random.Generator, spectra: Array, labels: npt.NDArray[np.int64], *, steps: int
) -> Iterator[tuple[Array, Array]]:
    """Batches with masked bands and frames, and some pairs of windows heard at once."""
    order = rng.permutation(len(labels))
    one_hot = np.eye(len(LABELS), dtype=np.float32)
    for step in range(steps):
        chosen = order[step * BATCH : (step + 1) * BATCH]
        x, y = spectra[chosen].copy(), one_hot[labels[chosen]]
        second = rng.permutation(len(chosen))
        pairs = np.flatnonzero(rng.random(len(chosen)) < 0.2)
        share = rng.uniform(0.05, 0.35, len(pairs)).astype(np.float32)[:, None]
        louder = x[pairs].mean((1, 2)) - x[second[pairs]].mean((1, 2))  # bring both to one level, then mix
        other = x[second[pairs]] + (louder + 10 * np.log10(share[:, 0] / (1 - share[:, 0])))[:, None, None]
        x[pairs] = 10 * np.log10(10 ** (x[pairs] / 10) + 10 ** (other / 10))
        y[pairs] = (1 - share) * y[pairs] + share * y[second[pairs]]
        x = encoder_input(x)
        for row in range(len(x)):
            for axis, most in ((0, 14), (1, 7)):
                width = int(rng.integers(0, most))
                start = int(rng.integers(0, x.shape[axis + 1] - width))
                if axis == 0:
                    x[row, start : start + width] = 0.0
                else:
                    x[row, :, start : start + width] = 0.0
        yield x[..., None], y


def _patches(given: Any) -> Any:
    """(frames, bands, 1) -> (frames / 4, bands / 4, 16): int8 is slower than float over a single channel."""
    layers = keras.layers
    rows = layers.Permute((1, 3, 2))(layers.Reshape((FRAMES // 4, 4, SETTINGS.mels))(given))
    return layers.Reshape((FRAMES // 4, SETTINGS.mels // 4, 16))(rows)


def _block(layer: Any, x: Any) -> Any:
    return keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(momentum=0.95)(layer(x)))
