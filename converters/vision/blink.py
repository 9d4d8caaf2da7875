"""Simulated blinks: draw the upper lid of an open eye down.

In: a grey square around an eye and the teacher's lid contour in it. Out: the square with the skin above the eye
stretched down to where the lid would be. Crops made this way are counted as simulated in the report. Not here: which
eyes to close.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

_SKIN = 0.38
"""Height of the skin that stretches, in eye widths: from the crease below the brow to the lid."""


def closed_by(square: U8, lids: F32, share: float, rng: np.random.Generator) -> U8:
    """Close an eye.

    Args:
        square: (n, n) grey, upright.
        lids: (16, 2) contour in pixels of the square: 0..8 lower from outer to inner corner, 9..15 upper.
        share: 0 leaves it open, 1 closes it.
        rng: for the lash line.

    Returns:
        (n, n) grey.
    """
    size = square.shape[0]
    columns = np.arange(size, dtype=np.float32)
    lower = _curve(lids[:9], columns)
    upper = _curve(np.concatenate([lids[:1], lids[9:], lids[8:9]]), columns)
    upper = np.minimum(upper, lower)
    width = float(np.linalg.norm(lids[0] - lids[8]))
    lid = upper + np.float32(share) * (lower - upper)
    top = upper - np.float32(_SKIN * width)
    y = np.repeat(columns[:, None], size, axis=1)
    inside = (y >= top) & (y <= lid)
    stretch = (upper - top) / np.maximum(lid - top, 1e-3)
    source = np.where(inside, top + (y - top) * stretch, y).astype(np.float32)
    x = np.repeat(columns[None], size, axis=0)
    out = np.asarray(cv2.remap(square, x, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    if share > 0.8:
        thick = max(width * rng.uniform(0.03, 0.09), 1.0)
        between = (columns > lids[[0, 8], 0].min()) & (columns < lids[[0, 8], 0].max())
        near = np.exp(-(((y - lid) / thick) ** 2)) * between
        out = (out * (1 - rng.uniform(0.1, 0.6) * near)).astype(np.uint8)
    return out


def _curve(points: F32, columns: F32) -> F32:
    order = np.argsort(points[:, 0])
    return np.asarray(np.interp(columns, points[order, 0], points[order, 1]), np.float32)
