"""Read an output against its targets: what was said, what was true, per row and decision.

In: an output (n, ...) and its targets in any of the usual forms. Out: ``Decisions``: every row as the same number of
decisions, each between classes or yes/no. How the targets are written decides the form, never what a graph said of
them: the float and the int8 graph are read alike. Not here: scores of them (``metrics``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConvertError

HALF = 0.5
"""A probability from here on is a yes."""
SUMS_TO_ONE = 1e-3
"""Targets whose rows sum to 1 within this are one-hot or soft classes, not several labels at once."""


class Decisions(NamedTuple):
    """What an output decided, row by row; yes/no outputs have two classes."""

    said: npt.NDArray[np.int64]
    """(n, d) classes said; d decisions per row: 1, or the steps, or the labels of a multi-label output."""
    truth: npt.NDArray[np.int64]
    """(n, d) true classes."""
    scores: npt.NDArray[np.float64] | None
    """(n, d, classes), or (n, d) for yes/no; None where the output holds class indices."""
    labels: bool
    """Whether each of the d is a label of its own (multi-label), to be scored apart."""


def decisions(said: npt.NDArray[Any], truth: npt.NDArray[Any], *, output: str) -> Decisions:
    """One reading for all forms.

    ================================ ========================= =================================================
    targets                          output                    read as
    ================================ ========================= =================================================
    (n,) or (n, 1) class indices     (n, classes)              largest of the classes
    (n, steps) class indices         (n, steps, classes)       the same at each step
    (n, classes), rows sum to 1      (n, classes)              one-hot or soft classes: largest of both
    (n,) or (n, 1) of 0..1           (n,) or (n, 1)            yes from 0.5 on
    (n, labels) of 0..1              (n, labels)               several labels at once, each yes from 0.5 on
    (n, ...) whole numbers above 1   the same shape            class indices said by the graph itself
    ================================ ========================= =================================================

    Args:
        said: (n, ...) what a graph said.
        truth: (n, ...) targets; whole numbers, booleans or floats.
        output: the output's name, for the errors.

    Raises:
        ConvertError: the shapes do not fit each other, a class is out of range, a value is not a number.
    """
    said, truth = numbers(said, truth, output=output)
    if truth.ndim > 1 and truth.shape[-1] == 1 and said.shape != truth.shape:
        truth = truth[..., 0]
    if said.shape == (*truth.shape, 1):
        said = said[..., 0]
    if said.ndim == truth.ndim + 1 and said.shape[:-1] == truth.shape:
        return _classes(said, _whole(truth, output), output)
    if said.shape != truth.shape:
        raise ConvertError(
            f"output {output}: {said.shape[1:]} per row said, {truth.shape[1:]} per row in the targets; give class "
            "indices (n,), or targets in the output's own shape"
        )
    if truth.ndim > 1 and truth.shape[-1] > 1 and truth.min() >= 0 and _sums_to_one(truth):
        return _classes(said, truth.argmax(axis=-1), output)
    if truth.min() < 0 or truth.max() > 1:
        indices = _whole(truth, output).reshape(len(truth), -1)
        return Decisions(np.rint(said).astype(np.int64).reshape(indices.shape), indices, None, False)
    flat = said.reshape(len(said), -1)
    yes = (truth >= HALF).reshape(flat.shape)
    return Decisions((flat >= HALF).astype(np.int64), yes.astype(np.int64), flat, flat.shape[1] > 1)


def numbers(
    said: npt.NDArray[Any], truth: npt.NDArray[Any], *, output: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Both as float64, checked: as many rows, at least one, all of them numbers.

    Raises:
        ConvertError: text, no rows, another count of rows, NaN or infinite.
    """
    arrays = []
    for name, values in (("the output", np.asarray(said)), ("the targets", np.asarray(truth))):
        if values.dtype.kind not in "biuf" or not values.ndim:
            raise ConvertError(f"output {output}: {name} must be an array of numbers, not {values.dtype}")
        real = values.astype(np.float64)
        bad = int((~np.isfinite(real)).reshape(len(real), -1).any(axis=1).sum()) if real.size else 0
        if bad:
            raise ConvertError(f"output {output}: {name} hold NaN or infinite values in {bad} of {len(real)} rows")
        arrays.append(real)
    if len(arrays[0]) != len(arrays[1]) or not arrays[0].size:
        raise ConvertError(f"output {output}: {len(arrays[0])} rows said, {len(arrays[1])} rows of targets")
    return arrays[0], arrays[1]


def _classes(said: npt.NDArray[np.float64], truth: npt.NDArray[np.int64], output: str) -> Decisions:
    count = said.shape[-1]
    if truth.min() < 0 or truth.max() >= count:
        wrong = int(truth.min()) if truth.min() < 0 else int(truth.max())
        raise ConvertError(f"output {output}: class {wrong} in the targets, the output has the classes 0..{count - 1}")
    rows = len(said)
    flat = said.reshape(rows, -1, count)
    return Decisions(flat.argmax(axis=-1), truth.reshape(rows, -1), flat, False)


def _whole(truth: npt.NDArray[np.float64], output: str) -> npt.NDArray[np.int64]:
    whole = np.rint(truth)
    if np.any(whole != truth):
        value = truth[whole != truth].flat[0]
        raise ConvertError(f"output {output}: class indices are whole numbers, the targets hold {value:g}")
    return whole.astype(np.int64)


def _sums_to_one(truth: npt.NDArray[np.float64]) -> bool:
    return bool(np.abs(truth.sum(axis=-1) - 1).max() <= SUMS_TO_ONE)
