"""Senses recorded together on one person, as windows, with what a broken sense would give in each of them.

In: Stress-Predict (pulse, conductance and temperature of one wrist) and HIFD (acceleration, turning rate and the
binarised PPG of one wrist). Out: ``Recorded``: per sense the clean windows and the same windows off-nominal, corrupted
before any net sees them. Not here: encoders, fusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.motion.records import Recording, read_hifd
from converters.skin.sessions import Session, read_sessions
from edge_mm.perception.motion_fall import AFTER, APART, LENGTH, SMOOTH, fall_input, impacts, without_gravity
from edge_mm.perception.skin_stress import HEART, SKIN, STEP_S, STEPS, stress_features

Array = npt.NDArray[np.float32]

NOISE, FROZEN = "noise", "frozen"
HISTORY = 6
"""Steps of 10 s that a window of the stress set has."""
_COLUMNS = {"eda": (2, 3), "heart": (0, 1), "temperature": (4,)}
_FEATURES = {
    "eda": slice(HEART, HEART + SKIN),
    "heart": slice(0, HEART),
    "temperature": slice(HEART + SKIN, -3),
}
_RATE_HZ = 50
LOWEST_G = 0.8
"""Daily life is judged on weaker impacts, too."""


class Variant(NamedTuple):
    """One sense, one way of being wrong."""

    x: Array
    """(n, steps, channels)."""
    shows: Array
    """(n,) 0 or 1: the state that it shows; NaN where it shows none."""


class Recorded(NamedTuple):
    """One data set."""

    name: str
    head: str
    senses: tuple[str, ...]
    x: Mapping[str, Array]
    """Sense -> (n, steps, channels), clean."""
    there: Array
    """(n, senses) 0 where the recording itself lacks the sense."""
    wrong: Mapping[str, Mapping[str, Variant]]
    """How -> sense -> the windows so."""
    y: Array
    """(n,) 0 or 1."""
    people: npt.NDArray[np.int64]
    """(n,) number of the person."""
    folds: int
    """Groups of people that are left out in turn."""
    strided: bool
    """Whether a window is a signal (strided convolutions) or a few steps of features."""


def stress(data: Path, work: Path | None, *, seed: int) -> Recorded:
    """Stress-Predict: a minute of the device's own features per sense; none knows the time or the skin's level.

    Raises:
        FileNotFoundError: the recordings are not there.
    """
    rng = np.random.default_rng(seed)
    sessions = read_sessions(data / "open" / "stress_predict", work)
    clean: dict[str, list[Array]] = {m: [] for m in _COLUMNS}
    wrong: dict[str, dict[str, list[tuple[Array, Array]]]] = {
        how: {m: [] for m in _COLUMNS} for how in (NOISE, FROZEN, "late 10 s", "late 20 s")
    }
    spread = {m: _spread(sessions, columns) for m, columns in _COLUMNS.items()}
    for session in sessions:
        y = session.labels.astype(np.float32)
        whole = np.array([stress_features(table) for table in session.tables])
        places = np.arange(len(y))
        for m, columns in _COLUMNS.items():
            own = whole[:, _FEATURES[m]]
            clean[m].append(_history(own))
            noisy = session.tables.copy()
            series = rng.normal(*spread[m], (len(y) + STEPS - 1, len(columns)))
            noisy[:, :, columns] = np.lib.stride_tricks.sliding_window_view(series, STEPS, axis=0).transpose(0, 2, 1)
            noise = np.array([stress_features(table) for table in noisy])[:, _FEATURES[m]]
            wrong[NOISE][m].append((_history(noise), np.full(len(y), np.nan, np.float32)))
            stuck = rng.integers(len(y), size=len(y))
            wrong[FROZEN][m].append((np.repeat(own[stuck, None], HISTORY, axis=1), y[stuck]))
            for seconds in (10, 20):
                before = np.maximum(places - seconds // STEP_S, 0)
                wrong[f"late {seconds} s"][m].append((_history(own)[before], y[before]))
    people = np.repeat(np.arange(len(sessions)), [len(one.labels) for one in sessions])
    x = {m: np.concatenate(values).astype(np.float32) for m, values in clean.items()}
    there = np.stack([np.asarray(np.abs(x[m]).max(axis=(1, 2)) > 0) for m in x], axis=1).astype(np.float32)
    y = np.concatenate([one.labels for one in sessions]).astype(np.float32)
    return Recorded("Stress-Predict", "stress", tuple(x), x, there, _joined(wrong), y, people, 5, strided=False)


def _history(rows: Array) -> Array:
    """(n, HISTORY, d) of (n, d): the last steps, the first one repeated where there are fewer."""
    at = np.arange(len(rows))[:, None] - np.arange(HISTORY)[::-1]
    return np.asarray(rows[np.maximum(at, 0)], np.float32)


def _spread(sessions: list[Session], columns: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and standard deviation of a sense's columns: noise has the size of the signal."""
    values = np.concatenate([one.tables[:, -1][:, columns] for one in sessions])
    return np.nanmean(values, axis=0), np.nanstd(values, axis=0)


def falls(data: Path, *, seed: int) -> Recorded:
    """HIFD: 5 s around impacts; of a fall the strongest one, of daily life all (its strongest, however weak, at least).

    Raises:
        FileNotFoundError: the recordings are not there.
    """
    rng = np.random.default_rng(seed)
    folder = data / "research" / "hifd"
    records = read_hifd(folder)
    names = sorted({one.person for one in records})
    rows: dict[str, dict[str, list[Array]]] = {}
    y, people = [], []
    for one in records:
        signals = _signals(one, folder)
        for peak in _peaks(one):
            fields: dict[str, dict[str, Array]] = {"": _cut(signals, peak, 0)}
            fields["late 0.5 s"] = _cut(signals, peak, _RATE_HZ // 2)
            fields["late 1 s"] = _cut(signals, peak, _RATE_HZ)
            fields[NOISE] = {m: _noise(v, rng) for m, v in fields[""].items()}
            fields[FROZEN] = {m: np.repeat(v[:1], len(v), axis=0) for m, v in fields[""].items()}
            for how, values in fields.items():
                for m, value in _inputs(values).items():
                    rows.setdefault(how, {}).setdefault(m, []).append(value)
            y.append(float(one.fall))
            people.append(names.index(one.person))
    truth = np.array(y, np.float32)
    clean = {m: np.stack(values) for m, values in rows.pop("").items()}
    nothing = np.full_like(truth, np.nan)
    seen = {NOISE: nothing, FROZEN: nothing}
    wrong = {how: {m: Variant(np.stack(v), seen.get(how, truth)) for m, v in by.items()} for how, by in rows.items()}
    there = np.ones((len(truth), len(clean)), np.float32)
    return Recorded("HIFD", "fall", tuple(clean), clean, there, wrong, truth, np.array(people), 6, strided=True)


def _signals(one: Recording, folder: Path) -> dict[str, Array]:
    from scipy.io import loadmat

    kind = "fall" if one.fall else "non-fall"
    ppg = loadmat(str(folder / one.person / kind / f"{one.activity}.mat"), variable_names=["heart"])["heart"]
    pad = ((LENGTH, LENGTH), (0, 0))
    signals = {"acc": one.acc, "gyro": one.gyro, "ppg": (ppg > 512).astype(np.float32)}
    return {m: np.pad(np.asarray(v, np.float32), pad, mode="edge") for m, v in signals.items()}


def _peaks(one: Recording) -> list[int]:
    size = np.linalg.norm(without_gravity(one.acc), axis=1)
    pad = APART + SMOOTH
    found = impacts(np.pad(one.acc, ((pad, pad), (0, 0)), mode="edge"), lowest_g=LOWEST_G) - pad
    return found.tolist() if len(found) and not one.fall else [int(size.argmax())]


def _cut(signals: Mapping[str, Array], peak: int, late: int) -> dict[str, Array]:
    begin = LENGTH + peak - AFTER - late
    return {m: v[begin : begin + LENGTH] for m, v in signals.items()}


def _noise(value: Array, rng: np.random.Generator) -> Array:
    """White, of two thirds to one and a half times the signal's own size in the window: an even hiss, no impact."""
    if value.shape[1] == 1:
        return rng.integers(2, size=value.shape).astype(np.float32)
    size = float(value.std()) * rng.uniform(0.67, 1.5)
    return rng.normal(0.0, size, value.shape).astype(np.float32)


def _inputs(signals: Mapping[str, Array]) -> dict[str, Array]:
    table = fall_input(signals["acc"], signals["gyro"])
    return {"acc": table[:, [0, 1, 2, 6]], "gyro": table[:, [3, 4, 5, 7]], "ppg": signals["ppg"] * 2 - 1}


def _joined(wrong: Mapping[str, Mapping[str, list[tuple[Array, Array]]]]) -> dict[str, dict[str, Variant]]:
    return {
        how: {
            m: Variant(np.concatenate([a for a, _ in parts]).astype(np.float32), np.concatenate([b for _, b in parts]))
            for m, parts in by.items()
        }
        for how, by in wrong.items()
    }
