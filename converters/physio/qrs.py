"""Train ``physio.qrs``: probability of a QRS complex, 32 times a second, from 1.45 s of ECG.

In: filtered leads with annotated beats. Out: a Keras model of the device's input length. Convolutions only, stride 2
twice, no padding and no dilation, so that every op also maps to an Edge TPU. Trained on longer stretches with the same
weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.physio.noise import only_noise, spoil
from edge_mm.perception.physio_qrs import CLIP, HOP, LEFT, LENGTH, RATE_HZ, STRIDE, running_scales

_MORE = 56  # outputs more than on the device: 64 in all
_WIDE_S = 0.047  # an output this near to the R peak is positive


class Lead(NamedTuple):
    """A filtered lead."""

    values: npt.NDArray[np.float64]
    scales: npt.NDArray[np.float64]
    beats_s: npt.NDArray[np.float64]
    bad: list[tuple[float, float]]
    """Spans without annotated beats (ventricular flutter)."""


def lead(values: npt.NDArray[np.float64], beats_s: npt.NDArray[np.float64], bad: list[tuple[float, float]]) -> Lead:
    """A lead with its scales."""
    return Lead(values, running_scales(values), beats_s, bad)


def model(outputs: int, *, width: int = 32) -> Any:
    """The net for ``outputs`` outputs."""
    import keras

    length = LENGTH + STRIDE * (outputs - HOP // STRIDE)
    inputs = keras.Input((length, 1), name="ecg")
    x = keras.layers.Conv1D(16, 5, strides=2, use_bias=False)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Conv1D(width, 5, strides=2, use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    for _ in range(4):
        x = keras.layers.Conv1D(width, 10, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Conv1D(1, 1, activation="sigmoid")(x)
    return keras.Model(inputs, {"qrs": keras.layers.Reshape((outputs,), name="qrs")(x)})


def train(leads: list[Lead], *, seed: int, rounds: int = 20, per_round: int = 6400) -> tuple[Any, list[dict[str, Any]]]:
    """The trained net of device length, and representative inputs for its calibration."""
    import keras

    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    net = model(HOP // STRIDE + _MORE)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, rounds * per_round // 64)
    net.compile(keras.optimizers.Adam(schedule), loss={"qrs": "binary_crossentropy"})
    x = np.zeros((0, 0), np.float32)
    for _ in range(rounds):
        x, y = stretches(leads, per_round, rng)
        net.fit(x[..., None], {"qrs": y}, batch_size=64, epochs=1, verbose=0)
    short = model(HOP // STRIDE)
    short.set_weights(net.get_weights())
    return short, [{"ecg": row[None, :LENGTH, None]} for row in x[:300]]


def stretches(
    leads: list[Lead], count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Random spoiled stretches (count, length) and their targets (count, outputs); one in twelve has no beat at all."""
    outputs = HOP // STRIDE + _MORE
    length = LENGTH + STRIDE * _MORE
    x = np.zeros((count, length), np.float32)
    y = np.zeros((count, outputs), np.float32)
    near = RATE_HZ * _WIDE_S
    for i in range(count):
        while True:
            one = leads[rng.integers(len(leads))]
            hop = int(rng.integers(4, one.scales.size - 12))
            at = hop * HOP + int(rng.integers(HOP))
            t0, t1 = at / RATE_HZ, (at + outputs * STRIDE) / RATE_HZ
            if not any(s < t1 and e > t0 for s, e in one.bad):
                break
        x[i] = one.values[at - LEFT : at - LEFT + length] / one.scales[hop + int(rng.integers(8))]
        low, high = np.searchsorted(one.beats_s, [t0 - 0.2, t1 + 0.2])
        place = at + STRIDE * np.arange(outputs) + STRIDE // 2
        for beat in one.beats_s[low:high] * RATE_HZ:
            y[i] = np.maximum(y[i], np.abs(place - beat) <= near)
    x = spoil(x, rng)
    empty = count // 12
    x[:empty], y[:empty] = only_noise(empty, length, rng), 0.0
    order = rng.permutation(count)
    return np.clip(x[order], -CLIP, CLIP), y[order]
