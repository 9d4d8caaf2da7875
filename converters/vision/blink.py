"""Simulated blinks and sunglasses: draw the upper lid of an open eye down, or dark glass over it.

In: a grey square around an eye and the teacher's lid contour in it. Out: the square with the skin above the eye
stretched down to where the lid would be, or with a lens over it. The report calls both simulated. Not here: which eyes.
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


def behind_dark_glass(square: U8, rng: np.random.Generator) -> U8:
    """The (n, n) eye behind the lens of sunglasses: nearly black, often with a rim and a reflection."""
    size = square.shape[0]
    lens = np.zeros((size, size), np.float32)
    middle = tuple(int(v) for v in size / 2 + rng.uniform(-0.12, 0.12, 2) * size)
    axes = (int(size * rng.uniform(0.35, 0.6)), int(size * rng.uniform(0.25, 0.5)))
    tilt = float(rng.uniform(-15, 15))
    if rng.random() < 0.7:
        cv2.ellipse(lens, middle, axes, tilt, 0, 360, 1.0, -1)
    else:
        corner = (middle[0] - axes[0], middle[1] - axes[1])
        cv2.rectangle(lens, corner, (middle[0] + axes[0], middle[1] + axes[1]), 1.0, -1)
    lens = np.asarray(cv2.GaussianBlur(lens, (0, 0), float(rng.uniform(0.5, 2))), np.float32)
    shade = square * rng.uniform(0.0, 0.3) + rng.uniform(0, 25)
    if rng.random() < 0.5:
        glare = np.zeros((size, size), np.float32)
        place = tuple(int(v) for v in rng.uniform(0.2, 0.8, 2) * size)
        cv2.ellipse(
            glare,
            place,
            (int(size * rng.uniform(0.05, 0.3)), int(size * rng.uniform(0.03, 0.15))),
            float(rng.uniform(0, 180)),
            0,
            360,
            float(rng.uniform(40, 200)),
            -1,
        )
        shade = shade + cv2.GaussianBlur(glare, (0, 0), float(rng.uniform(1, 4)))
    return np.clip(square * (1 - lens) + shade * lens, 0, 255).astype(np.uint8)


def _curve(points: F32, columns: F32) -> F32:
    order = np.argsort(points[:, 0])
    return np.asarray(np.interp(columns, points[order, 0], points[order, 1]), np.float32)
