"""Windows around impacts, as the device cuts them, and the same under other circumstances.

In: recordings. Out: ``Impact`` s with some context, and the net's inputs, plain or spoiled: another way of wearing the
sensor, another range, gravity in the signal, no gyroscope, another pace; and what people do before and after, so that
standing still before an acted fall is no sign of one. Not here: the net.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.motion.records import Recording
from edge_mm.perception.motion_fall import AFTER, APART, CHANNELS, LENGTH, SMOOTH, fall_input, impacts, without_gravity

Array = npt.NDArray[np.float32]

CONTEXT = AFTER + 50
"""Rows on either side of the peak that are kept: a slower pace needs more of them."""
TRAINED_G = 0.8
"""Daily life is learned from weaker impacts, too."""
_PAD = APART + SMOOTH


class Impact(NamedTuple):
    """One impact and 3.5 s on either side."""

    person: str
    activity: str
    fall: bool
    acc: Array
    """(2 * CONTEXT + 1, 3) g, NaN outside the recording."""
    gyro: Array
    up: Array


def padded(values: Array, rows: int) -> Array:
    """With ``rows`` unknown rows before and after."""
    return np.pad(values, ((rows, rows), (0, 0)), constant_values=np.nan).astype(np.float32)


def impacts_of(recording: Recording, *, lowest_g: float) -> list[Impact]:
    """Every impact that counts: the fall is the strongest one, others of the same recording are not used.

    They may be the hand that hits the mat again or an arm that swings before the fall: nobody has labelled them.
    """
    peaks = impacts(padded(recording.acc, _PAD), lowest_g=lowest_g) - _PAD
    if recording.fall:
        size = np.linalg.norm(without_gravity(recording.acc), axis=1)
        peaks = peaks[[int(size[peaks].argmax())]] if len(peaks) else peaks
    acc, gyro, up = (padded(x, CONTEXT) for x in (recording.acc, recording.gyro, recording.up))
    wide = 2 * CONTEXT + 1
    return [
        Impact(
            recording.person, recording.activity, recording.fall,
            acc[p : p + wide], gyro[p : p + wide], up[p : p + wide],
        )
        for p in peaks.tolist()
    ]  # fmt: skip


def plain(impact: Impact, *, gyro: bool = True, gravity: bool = False) -> Array:
    """(LENGTH, CHANNELS) as the device would see it."""
    inside = slice(CONTEXT - AFTER, CONTEXT + AFTER + 1)
    acc = impact.acc + impact.up if gravity else impact.acc
    turn = impact.gyro if gyro else np.full_like(impact.gyro, np.nan)
    return fall_input(acc[inside], turn[inside])


def spoiled(chosen: Sequence[Impact], others: Sequence[Impact], rng: np.random.Generator) -> Array:
    """(n, LENGTH, CHANNELS): each impact once under random circumstances.

    Args:
        chosen: what to spoil.
        others: impacts of daily life of the same people, from which the time before a fall is borrowed.
        rng: of every choice.
    """
    out = np.zeros((len(chosen), LENGTH, CHANNELS), np.float32)
    for row, impact in enumerate(chosen):
        out[row] = _one(impact, others, rng)
    return out


def _one(impact: Impact, others: Sequence[Impact], rng: np.random.Generator) -> Array:
    table = np.concatenate([impact.acc, impact.gyro, impact.up], axis=1)
    if impact.fall and rng.random() < 0.35:
        table = _busy(table, others[int(rng.integers(len(others)))], rng)
    elif not impact.fall and rng.random() < 0.35:
        table = _still(table, rng)
    if rng.random() < 0.5:  # another pace, which also stands for a sensor whose clock is off
        at = CONTEXT + (np.arange(LENGTH) - AFTER) * rng.uniform(0.85, 1.15)
        low = np.floor(at).astype(int)
        table = table[low] + (table[low + 1] - table[low]) * (at - low)[:, None].astype(np.float32)
    else:
        table = table[CONTEXT - AFTER : CONTEXT + AFTER + 1]
    acc, gyro, up = table[:, :3].copy(), table[:, 3:6].copy(), table[:, 6:]
    acc *= np.float32(rng.uniform(0.75, 1.3))
    gyro *= np.float32(rng.uniform(0.75, 1.3))
    if rng.random() < 0.4:
        acc += up * np.float32(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.6:
        turn = _rotation(rng)
        acc = acc @ turn
        gyro = gyro @ (turn if rng.random() < 0.5 else _rotation(rng))  # the axes of the two need not agree
    if rng.random() < 0.3:
        full = np.float32(rng.choice([2.0, 4.0, 8.0]))  # range of the part
        acc = np.clip(acc, -full, full)
    acc += rng.normal(0.0, rng.choice([0.0, 0.01, 0.03]), acc.shape).astype(np.float32)
    gyro += rng.normal(0.0, rng.choice([0.0, 0.5, 3.0]), gyro.shape).astype(np.float32)
    if rng.random() < 0.35:
        gyro[:] = np.nan
    if rng.random() < 0.15:  # the recording begins or ends here
        cut = int(rng.integers(20, AFTER - 10))
        part = slice(0, cut) if rng.random() < 0.5 else slice(LENGTH - cut, LENGTH)
        acc[part], gyro[part] = np.nan, np.nan
    return fall_input(acc, gyro)


def _busy(table: Array, other: Impact, rng: np.random.Generator) -> Array:
    """Something was being done until shortly before the fall, and sometimes again a while after it."""
    before = CONTEXT - int(rng.integers(40, 80))
    share = np.clip((before - np.arange(len(table))) / 15.0, 0.0, 1.0)
    if rng.random() < 0.3:
        after = CONTEXT + int(rng.integers(60, 110))
        share = np.maximum(share, np.clip((np.arange(len(table)) - after) / 15.0, 0.0, 1.0))
    donor = np.nan_to_num(np.concatenate([other.acc, other.gyro], axis=1))
    donor = np.roll(donor, int(rng.integers(len(donor))), axis=0)
    weight = share.astype(np.float32)[:, None]
    out = table.copy()
    out[:, :6] = (1 - weight) * table[:, :6] + weight * donor
    return out


def _still(table: Array, rng: np.random.Generator) -> Array:
    """The hand is at rest before the impact, after it, or both."""
    away = np.arange(len(table)) - CONTEXT
    share = np.zeros(len(table))
    sides = int(rng.integers(3))
    edge, soft = rng.uniform(10, 60), rng.uniform(5, 25)
    if sides != 1:
        share = np.maximum(share, np.clip((-away - edge) / soft, 0.0, 1.0))
    if sides != 0:
        share = np.maximum(share, np.clip((away - edge) / soft, 0.0, 1.0))
    out = table.copy()
    out[:, :6] *= (1.0 - 0.97 * share).astype(np.float32)[:, None]
    return out


def _rotation(rng: np.random.Generator) -> Array:
    """A uniformly random rotation matrix, from a random quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )
