"""Where the channels of a tensor lie: along one axis, one number for each place on it.

In: a layout and what happens to the shape. Out: the new layout, or None where the channels would no longer lie along
one axis. Reshape, slicing and permuting are done by numpy on the numbers themselves, so that they cannot be understood
differently from the real tensor. Not here: which channels are tied (``groups``), what layers do (``rules``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Shape
from converters.pruning.groups import Ids

Full = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)  # not a NamedTuple: keras.tree would take it apart
class Layout:
    """The channels of one tensor."""

    shape: Shape
    """Without the batch."""
    axis: int
    """Of ``shape``; removing channels shortens this axis only."""
    ids: Ids
    """(shape[axis],) channel at each place; one that was flattened occurs many times."""
    own: Ids
    """(shape[axis],) the channel whose filter alone makes this place; -1 where several were added or multiplied."""

    @property
    def is_last(self) -> bool:
        """Whether the channels lie along the last axis."""
        return bool(self.shape) and self.axis == len(self.shape) - 1

    @property
    def from_end(self) -> int:
        """The axis counted from the end: -1 for the last."""
        return self.axis - len(self.shape)


def along_last(shape: Shape, ids: Ids, own: Ids | None = None) -> Layout:
    """A layout with the channels along the last axis."""
    return Layout(shape, len(shape) - 1, ids, ids if own is None else own)


def reshaped(layout: Layout, shape: Shape) -> Layout | None:
    """As ``numpy.reshape``; None where a side is not fixed or the channels would spread over two axes."""
    if None in layout.shape or None in shape:
        return None
    return _read(_full(layout, layout.ids).reshape(_sides(shape)), _full(layout, layout.own).reshape(_sides(shape)))


def sliced(layout: Layout, key: tuple[Any, ...]) -> Layout | None:
    """As ``tensor[:, *key]``; None where channels are picked, or the key holds more than numbers and slices."""
    if None in layout.shape or not all(isinstance(part, int | slice) for part in key) or len(key) > len(layout.shape):
        return None
    if len(key) > layout.axis and key[layout.axis] != slice(None):
        return None
    gone = sum(isinstance(part, int) for part in key[: layout.axis])
    places = np.broadcast_to(np.int8(0), _sides(layout.shape))[key]
    return Layout(tuple(places.shape), layout.axis - gone, layout.ids, layout.own)


def _sides(shape: Shape) -> tuple[int, ...]:
    return tuple(side for side in shape if side is not None)


def _full(layout: Layout, numbers: Ids) -> Full:
    along = [1] * len(layout.shape)
    along[layout.axis] = len(numbers)
    return np.broadcast_to(numbers.reshape(along), _sides(layout.shape))


def _read(ids: Full, own: Full) -> Layout | None:
    varying = [axis for axis in range(ids.ndim) if (ids != ids.take([0], axis)).any()]
    axis = varying[0] if varying else ids.ndim - 1
    if len(varying) > 1 or (not varying and ids.shape[axis] != 1):
        return None
    first = tuple(slice(None) if a == axis else 0 for a in range(ids.ndim))
    return Layout(tuple(ids.shape), axis, ids[first].copy(), own[first].copy())
