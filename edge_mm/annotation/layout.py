"""Where everything lies in the annotated picture.

In: the size of the recording's frames, or none, and how many strips there are. Out: rectangles that do not overlap, so
that nothing is written over the person. Not here: drawing.
"""

from __future__ import annotations

from typing import NamedTuple

GAP = 8
BANNER, PANEL_WIDTH = 66, 304
LEAST_HEIGHT, MOST_HEIGHT, MOST_WIDTH = 480, 720, 1280
"""A picture is enlarged or reduced to lie within these; 320x240 becomes 640x480."""
_STRIP, _LOW_STRIP = 112, 84
_ALONE_WIDTH, _ALONE_HEIGHT, _SEVERAL_HEIGHT = 800, 340, 440


class Box(NamedTuple):
    """A rectangle, pixels."""

    x: int
    """Left."""
    y: int
    """Top."""
    w: int
    """Width."""
    h: int
    """Height."""


class Layout(NamedTuple):
    """The whole picture."""

    width: int
    """Pixels, even, as the codecs want it."""
    height: int
    """The same."""
    banner: Box
    """Alerts."""
    picture: Box | None
    """The recording's own picture."""
    panel: Box
    """Attention, scores and readings."""
    strips: tuple[Box, ...]
    """One per signal, each as long as the others."""


def laid_out(frame: tuple[int, int] | None, strips: int) -> Layout:
    """Place everything.

    Args:
        frame: width and height of the recording's frames; None: there is no picture.
        strips: how many signals are drawn.
    """
    top = GAP + BANNER + GAP
    if frame is None:
        least = _ALONE_HEIGHT if strips <= 1 else _SEVERAL_HEIGHT
        each = max((least + GAP) // max(strips, 1) - GAP, _STRIP)
        inner = max(least, strips * (each + GAP) - GAP) // 2 * 2
        width = GAP + _ALONE_WIDTH + GAP + PANEL_WIDTH + GAP
        rows = tuple(Box(GAP, top + i * (each + GAP), _ALONE_WIDTH, each) for i in range(strips))
        panel = Box(GAP + _ALONE_WIDTH + GAP, top, PANEL_WIDTH, inner)
        return Layout(width, top + inner + GAP, Box(GAP, GAP, width - 2 * GAP, BANNER), None, panel, rows)
    picture = Box(GAP, top, *shown_size(*frame))
    panel = Box(picture.x + picture.w + GAP, top, PANEL_WIDTH, picture.h)
    width = panel.x + panel.w + GAP
    below = top + picture.h + GAP
    each = _STRIP if strips <= 3 else _LOW_STRIP
    rows = tuple(Box(GAP, below + i * (each + GAP), width - 2 * GAP, each) for i in range(strips))
    height = below + strips * (each + GAP)
    return Layout(width, height, Box(GAP, GAP, width - 2 * GAP, BANNER), picture, panel, rows)


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Width and height in which a frame is shown: its own where that is neither too small to read nor too large.

    Args:
        width: of the frame, pixels, > 0.
        height: of the frame, pixels, > 0.
    """
    scale = max(LEAST_HEIGHT / height, 1.0)
    scale = min(scale, MOST_HEIGHT / height, MOST_WIDTH / width)
    return max(round(width * scale / 2) * 2, 16), max(round(height * scale / 2) * 2, 16)
