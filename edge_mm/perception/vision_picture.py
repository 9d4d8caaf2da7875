"""Is there a usable picture at all?

In: a frame. Out: a quality 0..1 and why it is low. Judged on brightness and contrast of a thinned-out frame, so that it
costs microseconds. Not here: whether a face is in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_mm.errors import SourceError
from edge_mm.perception.vision_geometry import U8

_GRID = 40
"""About so many pixels along the longer side are looked at."""
_FLAT, _LOW_CONTRAST = 3.0, 20.0
_DARK, _DIM, _BRIGHT = 18.0, 50.0, 235.0
LEAST_SIDE = 16
"""Frames smaller than this are refused, pixels."""


class Picture(NamedTuple):
    """How good a frame is to look at."""

    quality: float
    """0..1."""
    label: str
    """``no picture``, ``dark``, ``overexposed`` or nothing."""


def judge(frame: U8) -> Picture:
    """Judge a (h, w, 3) BGR or (h, w) grey frame; grey values are 0..255."""
    step = max(max(frame.shape[:2]) // _GRID, 1)
    thin = frame[::step, ::step]
    mean, spread = float(thin.mean()), float(thin.std())
    if mean > _BRIGHT:
        return Picture(0.0, "overexposed")
    if spread < _FLAT:
        return Picture(0.0, "no picture")
    if mean < _DARK and spread < _LOW_CONTRAST:
        return Picture(0.1 * mean / _DARK, "dark")
    return Picture(min(1.0, 0.3 + 0.7 * mean / _DIM) * min(1.0, 0.4 + 0.6 * spread / _LOW_CONTRAST), "")


def checked(data: object, stream: str) -> U8:
    """The frame as (h, w, 3) or (h, w) uint8.

    Raises:
        SourceError: it is something else.
    """
    if isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim in (2, 3):
        frame = data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data
        if (frame.ndim == 2 or frame.shape[2] == 3) and min(frame.shape[:2]) >= LEAST_SIDE:
            return frame
    kind = f"{data.dtype} array of shape {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
    raise SourceError(
        f"stream {stream}: a frame is a {kind}; a frame must be uint8 of shape (height, width, 3) in BGR or "
        f"(height, width) in grey, at least {LEAST_SIDE} pixels high and wide: set the source's pixel format to bgr8"
    )
