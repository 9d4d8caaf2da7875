"""Whether rows are fit to calibrate an int8 graph with: a bad set gives a graph that runs and says nonsense.

In: a ``DataSet`` of the right shape. Out: at most ``MOST`` rows spread over it, or a sentence that says what is wrong.
Not here: reading (``dataset``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet, refuse_non_numbers
from edge_mm.errors import ConvertError

FEWEST = 50
"""Rows below which a set is refused. The converter's documentation asks for 100 to 500."""
MOST = 500
"""Rows that are used of a larger set."""


def representative(data: DataSet, *, where: str, most: int = MOST) -> list[dict[str, npt.NDArray[np.float32]]]:
    """The rows to calibrate with, evenly over the whole set, input name -> (1, ...).

    Raises:
        ConvertError: too few rows, values that are no numbers, a constant input, rows that are all the same, or values
            that have been quantized already.
    """
    if len(data) < FEWEST:
        raise ConvertError(
            f"{where}: too few rows: {len(data)}; give at least {FEWEST}, better 100 to {MOST}, from different people, "
            "places and times"
        )
    refuse_non_numbers(data.inputs, where)
    for name, values in data.inputs.items():
        _refuse(values, f"{where}: {name!r}")
    if len(data) > 1 and all(bool((values == values[:1]).all()) for values in data.inputs.values()):
        raise ConvertError(f"{where}: all {len(data)} rows are the same; give different ones")
    return [data.sample(i) for i in spread(len(data), most=most)]


def spread(count: int, *, most: int = MOST) -> list[int]:
    """Places of at most ``most`` rows, evenly over ``count``: every way to convert takes the same ones."""
    return [int(i) for i in np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))]


def _refuse(values: npt.NDArray[np.float32], where: str) -> None:
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise ConvertError(f"{where} is constant: every value is {low:g}; its range cannot be learned from that")
    whole = bool((values == np.rint(values)).all())
    if whole and low < 0 and low >= -128 and high <= 127 and len(np.unique(values)) > 16:
        raise ConvertError(
            f"{where} has only whole numbers from {low:g} to {high:g}: it looks already quantized to int8; give "
            "float32 as the device's front end makes it"
        )
