"""Train one net on an endless stream of batches.

In: a Keras model, batches, a loss over (batch, outputs). Out: the model, trained in place with Adam and a cosine
schedule. Crops are made in a thread while the net learns. Not here: what the losses are (``losses`` below are the only
ones).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from converters.vision.samplers import Batch

Loss = Callable[[Any, Any], Any]


def fit(model: Any, batches: Iterator[Batch], loss: Loss, *, steps: int, rate: float = 2e-3) -> float:
    """Train for a number of steps; gives the mean loss of the last tenth.

    Raises:
        RuntimeError: a batch could not be made; its cause is what ``batches`` raised.
    """
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, warmup_target=rate, warmup_steps=0)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(batch, model(batch["image"], training=True))
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
        return value

    waiting: queue.Queue[Batch | Exception] = queue.Queue(8)
    done = threading.Event()

    def hand_over(item: Batch | Exception) -> None:
        while not done.is_set():
            try:
                waiting.put(item, timeout=0.2)
                break
            except queue.Full:
                continue

    def make() -> None:
        try:
            while not done.is_set():
                hand_over(next(batches))
        except Exception as error:  # whatever it is, it is raised where it is waited for
            hand_over(error)

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    begun, recent, last = time.monotonic(), [], []
    try:
        for number in range(steps):
            batch = waiting.get()
            if isinstance(batch, Exception):
                raise RuntimeError(f"{model.name}: no batch for step {number + 1}") from batch
            value = float(step({k: tf.constant(v) for k, v in batch.items()}))
            recent.append(value)
            if number >= steps * 0.9:
                last.append(value)
            if (number + 1) % max(steps // 10, 1) == 0:
                spent = time.monotonic() - begun
                mean = sum(recent) / len(recent)
                print(f"{model.name}: step {number + 1}/{steps}, loss {mean:.4f}, {spent:.0f} s", flush=True)
                recent = []
    finally:
        done.set()
        maker.join()
    return sum(last) / max(len(last), 1)


def search_loss(batch: Any, out: Any) -> Any:
    """Focal score, Huber on the box where there is one."""
    p = tf.clip_by_value(out["score"], 1e-5, 1 - 1e-5)
    y = batch["score"]
    right = y * p + (1 - y) * (1 - p)
    focal = -((1 - right) ** 2) * tf.math.log(right) * (0.75 * y + 0.25 * (1 - y)) * batch["score_weight"]
    n = tf.reduce_sum(y) + 1.0
    box = _huber(batch["box"] - out["box"], 0.2) * batch["box_weight"]
    return 4 * tf.reduce_sum(focal) / n + tf.reduce_sum(box) / (tf.reduce_sum(batch["box_weight"]) + 1.0)


def face_loss(batch: Any, out: Any) -> Any:
    """Points (eyes, nose and mouth count double), pose, face or not."""
    there = batch["face"]
    weight = tf.constant([2.0] * 12 + [1.0] * 8)
    points = tf.reduce_sum(_huber(batch["points"] - out["points"], 0.01) * weight * there)
    points /= tf.reduce_sum(there) * 32 + 1
    pose = tf.reduce_sum(_huber(batch["pose"] - out["pose"], 0.1) * there) / (tf.reduce_sum(there) * 2 + 1)
    return 15 * points + 2 * pose + 0.5 * tf.reduce_mean(_cross(there, out["face"]))


def eye_loss(batch: Any, out: Any) -> Any:
    """Closed or not where it is written, opening ratio everywhere."""
    closed = tf.reduce_mean(_cross(batch["closed"], out["closed"]) * batch["weight"])
    return closed + 2 * tf.reduce_mean(_huber(batch["ratio"] - out["ratio"], 0.1))


def mouth_loss(batch: Any, out: Any) -> Any:
    """Open, yawn, lip gap."""
    opened = tf.reduce_mean(_cross(batch["open"], out["open"]) * batch["open_weight"])
    yawn = tf.reduce_mean(_cross(batch["yawn"], out["yawn"]) * batch["yawn_weight"])
    return 0.5 * opened + yawn + tf.reduce_mean(_huber(batch["gap"] - out["gap"], 0.1))


def _huber(difference: Any, delta: float) -> Any:
    size = tf.abs(difference)
    return tf.where(size < delta, 0.5 * size * size / delta, size - 0.5 * delta)


def _cross(y: Any, p: Any) -> Any:
    p = tf.clip_by_value(p, 1e-4, 1 - 1e-4)
    y = 0.02 + 0.96 * y
    return -(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))
