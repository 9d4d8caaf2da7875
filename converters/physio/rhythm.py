"""Train ``physio.rhythm``: is the rhythm of the last half minute irregular, from RR intervals and beat classes.

In: beats of the training people with out-of-fold class probabilities and annotated rhythms, inter-beat intervals of
healthy people (Stress-Predict, wrist PPG), and simulated sequences: with only two people in fibrillation in the
training part, most fibrillation that the net sees is simulated, and the report says so. Out: a Keras model, 1-D CNN +
unrolled LSTM of 6 steps (8 beats each). Flutter is neither trained nor scored.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.perception.physio_rhythm import BEATS, CHANNELS, EMBEDDING, SPAN_S, Interval, rhythm_input

FLOATS = npt.NDArray[np.float32]
STEP_S = 5.0
_APART = 1_000_003
"""Added to the seed of what is judged: other sequences than those that are trained on."""


def model() -> Any:
    """The net."""
    import keras

    inputs = keras.Input((BEATS, CHANNELS), name="rhythm")
    x = keras.layers.Reshape((BEATS // 8, 8 * CHANNELS))(inputs)
    x = keras.layers.Conv1D(48, 3, padding="same", activation="relu")(x)
    x = keras.layers.LSTM(64, unroll=True)(keras.layers.Dropout(0.2)(x))
    x = keras.layers.Dense(EMBEDDING, activation="tanh", name="embedding")(x)
    irregular = keras.layers.Dense(1, activation="sigmoid", name="irregular")(keras.layers.Dropout(0.1)(x))
    return keras.Model(inputs, {"irregular": irregular, "embedding": x})


def windows(
    intervals: list[Interval], af: list[tuple[float, float]], other: list[tuple[float, float]], end_s: float
) -> tuple[FLOATS, FLOATS]:
    """Inputs and labels every ``STEP_S``: 1 inside ``af``, 0 where neither ``af`` nor ``other`` (flutter) is near."""
    xs, ys = [], []
    times = np.array([i.at_s for i in intervals])
    for now in np.arange(SPAN_S, end_s, STEP_S):
        share = sum(max(0.0, min(e, now) - max(s, now - 30.0)) for s, e in af) / 30.0
        if 0.02 < share < 0.95 or any(s < now and e > now - SPAN_S for s, e in other):
            continue
        low, high = np.searchsorted(times, [now - SPAN_S, now])
        if high - low >= 16:
            xs.append(rhythm_input(intervals[low:high]))
            ys.append(float(share > 0.5))
    return np.array(xs, np.float32).reshape(-1, BEATS, CHANNELS), np.array(ys, np.float32)


def simulated(count: int, rng: np.random.Generator) -> tuple[FLOATS, FLOATS]:
    """Half fibrillation, half other rhythms (sinus with breathing, extra beats, bigeminy, missed beats, blocks)."""
    xs, ys = [], np.zeros(count, np.float32)
    for i in range(count):
        mean = 60.0 / rng.uniform(45, 150)
        n = min(int(SPAN_S / mean), 90)
        v, s = np.zeros(n), np.zeros(n)
        if i % 2:
            ys[i] = 1.0
            cv = rng.uniform(0.15, 0.32)
            rr = mean * np.exp(rng.normal(0, cv, n) - cv * cv / 2)
            rr = np.maximum(rr, rng.uniform(0.26, 0.36))
            if rng.random() < 0.3:  # a little memory in the AV node
                rr = 0.8 * rr + 0.2 * np.roll(rr, 1)
            if rng.random() < 0.6:  # aberrant beats that pass for V, and extra beats among the irregular ones
                v[rng.random(n) < rng.uniform(0.0, 0.5)] = rng.uniform(0.3, 1.0)
                s[rng.random(n) < rng.uniform(0.0, 0.5)] = rng.uniform(0.3, 1.0)
        else:
            t = np.cumsum(np.full(n, mean))
            breath = rng.uniform(0, 0.12) * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * t + rng.uniform(0, 6.3))
            rr = mean * (1 + breath + rng.normal(0, rng.uniform(0.003, 0.025), n))
            rr *= 1 + rng.uniform(-0.1, 0.1) * np.linspace(-1, 1, n)
            _ectopy(rr, v, s, rng)
        _faults(rr, v, s, rng)
        blur = rng.uniform(0, 0.3)
        v, s = np.clip(v + blur * rng.random(n) ** 3, 0, 1), np.clip(s + blur * rng.random(n) ** 3, 0, 1)
        if rng.random() < 0.3:  # PPG has no classes
            v, s = v * 0, s * 0
        at = np.cumsum(rr)
        xs.append(rhythm_input([Interval(*row) for row in zip(at, rr, v, s, strict=True)]))
    return np.array(xs, np.float32), ys


class Rows(NamedTuple):
    """Windows of one person."""

    person: str
    x: FLOATS
    y: FLOATS


def thinned(person: str, xy: tuple[FLOATS, FLOATS], rng: np.random.Generator, *, most: int = 150) -> Rows:
    """At most so many windows without fibrillation of one lead: the next window is the same but for five seconds."""
    x, y = xy
    keep = np.concatenate([np.flatnonzero(y == 1), rng.permutation(np.flatnonzero(y == 0))[:most]])
    return Rows(person, x[np.sort(keep)], y[np.sort(keep)])


def judged(apart: list[Rows], count: int, *, seed: int) -> dict[str, npt.NDArray[Any]]:
    """What a conversion is judged by: windows of people that were not trained on, none of whom fibrillates, and
    ``count`` simulated ones that were not either. Without both rhythms a net that always says no would lose nothing.

    Returns:
        ``rhythm`` (n, BEATS, CHANNELS), ``irregular`` (n, 1), ``group`` (n,): the person; each simulated window is a
        group of its own.
    """
    x, y = simulated(count, np.random.default_rng(seed + _APART))
    people = np.unique([rows.person for rows in apart for _ in rows.y], return_inverse=True)[1]
    return {
        "rhythm": np.concatenate([*(rows.x for rows in apart), x]),
        "irregular": np.concatenate([*(rows.y for rows in apart), y])[:, None],
        "group": np.concatenate([people, people.max() + 1 + np.arange(count)]),
    }


def train(sets: list[Rows], fake: tuple[FLOATS, FLOATS], *, seed: int, epochs: int = 12) -> Any:
    """Train.

    A real window in fibrillation counts three times, because they are few; a simulated one without it a third, because
    the extra beats and faults that are simulated are wilder than those of people.
    """
    import keras

    keras.utils.set_random_seed(seed)
    x = np.concatenate([fake[0]] + [s.x for s in sets])
    y = np.concatenate([fake[1]] + [s.y for s in sets])
    weight = np.concatenate([np.where(fake[1] == 1, 1.0, 0.3)] + [np.where(s.y == 1, 3.0, 0.7) for s in sets])
    net = model()
    whole = keras.Model(net.inputs, net.output["irregular"])
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(x) // 64)
    whole.compile(keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    whole.fit(x, y, sample_weight=weight, batch_size=64, epochs=epochs, shuffle=True, verbose=0)
    return net


def left_out(sets: list[Rows], fake: tuple[FLOATS, FLOATS], person: str, *, seed: int) -> dict[str, float]:
    """Sensitivity and specificity on a person that was left out, percent, with the number of windows."""
    net = train([s for s in sets if s.person != person], fake, seed=seed)
    x, y = (np.concatenate([s[k] for s in sets if s.person == person]) for k in (1, 2))
    said = net.predict(x, verbose=0)["irregular"][:, 0] >= 0.5
    result = {"af_windows": float((y == 1).sum()), "other_windows": float((y == 0).sum())}
    for name, truth in (("se", 1.0), ("sp", 0.0)):
        if (y == truth).any():
            result[name] = round(100.0 * float((said == truth)[y == truth].mean()), 1)
    return result


def _ectopy(rr: npt.NDArray[np.float64], v: Any, s: Any, rng: np.random.Generator) -> None:
    """Extra beats: none, bigeminy, trigeminy, or scattered; classes mostly right.

    Ventricular ones may be every second beat (they are bridged); of early atrial ones a few are scattered: where every
    third beat comes early at random, nobody can tell it from fibrillation by the intervals.
    """
    kind = int(rng.integers(0, 6))
    if kind == 0:
        return
    every = {2: 2, 3: 3}.get(kind, 0)
    ventricular = rng.random() < 0.6
    share = rng.uniform(0.02, 0.5 if ventricular else 0.12)
    early, pause = rng.uniform(0.5, 0.85), rng.uniform(1.0, 1.5)
    which, other = (v, s) if ventricular else (s, v)
    right = rng.uniform(0.6, 1.0)
    for k in range(max(int(rng.integers(0, rr.size // 2)) if every else 1, 1), rr.size - 1):
        if (every and k % every == 0) or (not every and rng.random() < share):
            before = which[k - 1] or other[k - 1]
            rr[k] *= early + rng.normal(0, 0.04)
            if not before:
                rr[k + 1] *= 2 - early if ventricular and rng.random() < 0.8 else pause
            (which if rng.random() < right else other)[k] = 1.0 if rng.random() < 0.9 else rng.random()
    if rng.random() < 0.4:  # fusion beats: on time, but of another shape
        v[rng.random(rr.size) < rng.uniform(0.0, 0.3)] = rng.uniform(0.4, 1.0)


def _faults(rr: npt.NDArray[np.float64], v: Any, s: Any, rng: np.random.Generator) -> None:
    if rng.random() < 0.25:
        for k in rng.integers(0, rr.size, int(rng.integers(1, 3))):
            rr[k] *= 2.0 if rng.random() < 0.5 else rng.uniform(0.3, 0.7)
