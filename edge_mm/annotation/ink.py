"""Lines, bars and words on a picture.

In: a (h, w, 3) uint8 BGR array, and what to draw where. Out: the same array. Words are drawn once and kept: they cost
more than all the rest, and most of them stand there for many frames. Not here: what is drawn.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_mm.annotation.layout import Box
from edge_mm.sources.opencv import load_cv2

U8 = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red, 0..255."""

BACKGROUND: Colour = (24, 22, 20)
SURFACE: Colour = (42, 38, 34)
TRACK: Colour = (70, 64, 58)
WORDS: Colour = (236, 232, 228)
FAINT: Colour = (158, 150, 142)
GOOD: Colour = (120, 200, 90)
LOW: Colour = (220, 190, 90)
MEDIUM: Colour = (60, 180, 250)
HIGH: Colour = (80, 80, 245)
SIZES = {"small": 0.42, "normal": 0.5, "large": 0.72}
"""Heights of the letters, as OpenCV's Hershey font counts them."""


def text(
    canvas: U8, words: str, x: int, y: int, *, colour: Colour = WORDS, size: str = "normal", on: Colour = SURFACE,
    width: int | None = None, right: bool = False,
) -> int:  # fmt: skip
    """Write words whose line begins at ``x`` and has its middle at ``y``; the width that they took, pixels.

    Args:
        canvas: what is drawn on.
        words: letters that the font has not become question marks.
        x: left edge, or the right one with ``right``.
        y: middle of the line.
        colour: of the letters.
        size: one of ``SIZES``.
        on: colour of what they stand on.
        width: what is longer is cut and ends in two dots.
        right: end at ``x`` instead.
    """
    drawn = _word(words, colour, size, on)
    while width is not None and drawn.shape[1] > width and len(words) > 3:
        words = words[: max(min(len(words) * width // drawn.shape[1], len(words) - 3), 1)].rstrip() + ".."
        drawn = _word(words, colour, size, on)
    left = x - drawn.shape[1] if right else x
    top = y - drawn.shape[0] // 2
    clipped = canvas[max(top, 0) : top + drawn.shape[0], max(left, 0) : left + drawn.shape[1]]
    clipped[...] = drawn[max(-top, 0) :, max(-left, 0) :][: clipped.shape[0], : clipped.shape[1]]
    return int(drawn.shape[1])


@lru_cache(maxsize=512)
def _word(words: str, colour: Colour, size: str, on: Colour) -> U8:
    cv2 = load_cv2()
    shown = words.encode("ascii", "replace").decode()
    scale, face = SIZES[size], cv2.FONT_HERSHEY_SIMPLEX
    (width, height), base = cv2.getTextSize(shown, face, scale, 1)
    picture = np.full((height + base + 6, max(width, 1) + 2, 3), on, np.uint8)
    cv2.putText(picture, shown, (1, height + 3), face, scale, colour, 1, cv2.LINE_AA)
    return picture


def fill(canvas: U8, box: Box, colour: Colour) -> None:
    """Paint a rectangle; numpy takes milliseconds for what this does in microseconds."""
    if box.w > 0 and box.h > 0:
        load_cv2().rectangle(canvas, (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1), colour, -1)


def bar(canvas: U8, box: Box, share: float, colour: Colour) -> None:
    """A bar from the left, filled to ``share`` (0..1)."""
    fill(canvas, box, TRACK)
    fill(canvas, box._replace(w=round(box.w * min(max(share, 0.0), 1.0))), colour)


def line(canvas: U8, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], colour: Colour) -> None:
    """A smooth line through (n,) ``x`` and (n,) ``y``, pixels; it is broken where ``y`` is not a number."""
    cv2 = load_cv2()
    points = np.stack([x, y], axis=1)
    gaps = np.flatnonzero(~np.isfinite(points[:, 1]))
    for piece in np.split(points, gaps):
        whole = piece[np.isfinite(piece[:, 1])]
        if len(whole) > 1:
            fixed = np.round(whole * 8).astype(np.int32)  # three binary places: the line glides instead of hopping
            cv2.polylines(canvas, [fixed], False, colour, 1, cv2.LINE_AA, 3)


def circle(canvas: U8, x: float, y: float, radius: int, colour: Colour, *, ring: int) -> None:
    """A ring so many pixels wide."""
    cv2 = load_cv2()
    cv2.circle(canvas, (round(x), round(y)), radius, colour, ring, cv2.LINE_AA)


def frame(canvas: U8, left: float, top: float, size: tuple[float, float], colour: Colour) -> None:
    """The outline of a rectangle of (width, height): its corners strong, its sides thin, so that little is hidden."""
    cv2 = load_cv2()
    a, b, c, d = round(left), round(top), round(left + size[0]), round(top + size[1])
    cv2.rectangle(canvas, (a, b), (c, d), colour, 1, cv2.LINE_AA)
    reach_x, reach_y = (c - a) // 6, (d - b) // 6
    for x, dx in ((a, reach_x), (c, -reach_x)):
        for y, dy in ((b, reach_y), (d, -reach_y)):
            cv2.polylines(canvas, [np.array([(x + dx, y), (x, y), (x, y + dy)], np.int32)], False, colour, 3)
