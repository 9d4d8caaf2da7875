"""Tables for training (with senses left out and corrupted) and for one test condition.

In: pooled embeddings of a fold. Out: ``converters.fusion.Table`` s. A sense that is off is known to be off (presence
0); noise, a stuck value and lateness are not flagged: they are what only the fusion can tell. Not here: training.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from converters.fusion import Table
from converters.study.encoders import Embedded
from converters.study.sets import FROZEN, NOISE, Recorded
from edge_mm.perception.fusion import PRESENCE

Array = npt.NDArray[np.float32]
OFF = "off"
COPIES, ABSENT, CORRUPTED = 5, 0.2, 0.55
"""Of each training window (one of them clean); chances as in ``composites``."""


def conditions(recorded: Recorded) -> dict[str, dict[str, str]]:
    """Name -> sense -> how: all that is tried at test, ``clean`` first."""
    found: dict[str, dict[str, str]] = {"clean": {}}
    for how in (OFF, *recorded.wrong):
        for m in recorded.senses:
            found[f"{m} {how}"] = {m: how}
    for a, b in combinations(recorded.senses, 2):
        found[f"{a} off, {b} off"] = {a: OFF, b: OFF}
        for one, other in ((a, b), (b, a)):
            found[f"{one} off, {other} noise"] = {one: OFF, other: NOISE}
        found[f"{a} noise, {b} noise"] = {a: NOISE, b: NOISE}
    return found


def tested(recorded: Recorded, embedded: Embedded, rows: npt.NDArray[np.int64], wrong: Mapping[str, str]) -> Table:
    """The windows ``rows`` under one condition."""
    how = np.full((len(rows), len(recorded.senses)), "", object)
    for j, m in enumerate(recorded.senses):
        how[:, j] = wrong.get(m, "")
    return _table(recorded, embedded, rows, how)


def clean(recorded: Recorded, embedded: Embedded, rows: npt.NDArray[np.int64]) -> Table:
    """Nothing wrong: what a naive training sees."""
    return tested(recorded, embedded, rows, {})


def spoiled(recorded: Recorded, embedded: Embedded, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Table:
    """``COPIES`` of the windows: senses left out (never all), at most one corrupted in a way drawn evenly."""
    copies = np.tile(rows, COPIES)
    senses = len(recorded.senses)
    how = np.full((len(copies), senses), "", object)
    changed = np.arange(len(copies)) >= len(rows)
    off = (rng.random(how.shape) < ABSENT) & changed[:, None]
    off[off.all(axis=1)] = False
    how[off] = OFF
    hit = changed & (rng.random(len(copies)) < CORRUPTED)
    place = rng.integers(senses, size=len(copies))
    drawn = rng.choice(list(recorded.wrong), size=len(copies))
    hit &= ~off[np.arange(len(copies)), place]
    how[np.flatnonzero(hit), place[hit]] = drawn[hit]
    return _table(recorded, embedded, copies, how)


def _table(recorded: Recorded, embedded: Embedded, rows: npt.NDArray[np.int64], how: npt.NDArray[np.object_]) -> Table:
    presence = recorded.there[rows] * (how != OFF)
    corrupted = np.isin(how, [NOISE, FROZEN]).astype(np.float32) * presence  # what is late is still of use
    shown = np.repeat(recorded.y[rows][:, None], how.shape[1], axis=1)
    inputs: dict[str, Array] = {}
    for j, m in enumerate(recorded.senses):
        values = embedded.clean[m][rows].copy()
        for name, by in recorded.wrong.items():
            so = how[:, j] == name
            values[so] = embedded.wrong[name][m][rows[so]]
            shown[so, j] = by[m].shows[rows[so]]
        inputs[m] = values * presence[:, [j]]
    shows = np.isfinite(shown).astype(np.float32) * presence
    states = recorded.y[rows][:, None]
    return Table(
        recorded.senses, (recorded.head,), {**inputs, PRESENCE: presence.astype(np.float32)}, states, corrupted,
        np.nan_to_num(shown)[:, :, None].astype(np.float32), shows,
    )  # fmt: skip
