"""Where the face, the eyes and the mouth are, and how they are cut out of a frame.

In: ten face points in pixels. Out: ``Region``s (square, turned with the head) and grey uint8 crops of fixed size, and
the way back from a crop's unit coordinates to pixels. Training cuts with these same functions. Not here: finding the
points (``vision_tracker``).

A region's unit coordinates run from -0.5 to 0.5 along its own right and down. Image axes: x right, y down. "Left" and
"right" below are the image's, as in a picture that is not mirrored: the person's right eye is at the image's left.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

POINTS = (
    "eye_left",
    "eye_right",
    "nose_base",
    "mouth",
    "mouth_left",
    "mouth_right",
    "forehead",
    "chin",
    "cheek_left",
    "cheek_right",
)
"""Rows of a (10, 2) array of face points. An eye is the middle of its two corners, the mouth of its outer lips."""

SEARCH_SIZE, FACE_SIZE, EYE_SIZE, MOUTH_SIZE = 128, 64, 32, 40
"""Sides of the inputs of the graphs, pixels."""
FACE_SPAN, EYE_SPAN, MOUTH_SPAN = 3.2, 0.8, 1.5
"""Sides of the regions in face scales (about 63 mm, the distance between the pupils)."""
_NOSE_TO_SCALE = 1.3
"""Eye line to nose base is 1 / 1.3 of the distance between the eyes (measured on frontal faces)."""
_MOST_SAMPLES = 4
_LEVEL_MEAN, _LEVEL_SPREAD, _LEAST_SPREAD = 128.0, 50.0, 4.0


_BOX_SIDE, _BOX_DOWN, _BOX_TURN = 2.484, 0.012, 0.912
"""Side of a detector's box in face scales; how far its middle lies below that between eyes and mouth, in face scales;
how far it goes from there towards the middle of all points when the head turns."""


class Region(NamedTuple):
    """A square in a frame."""

    x: float
    """Centre, pixels."""
    y: float
    """Centre, pixels."""
    side: float
    """Pixels, > 0."""
    angle: float
    """Radians, clockwise as seen in the image."""

    def to_frame(self, unit: npt.NDArray[np.floating]) -> F32:
        """(n, 2) unit coordinates to (n, 2) pixels."""
        cos, sin = math.cos(self.angle) * self.side, math.sin(self.angle) * self.side
        turn = np.array([[cos, sin], [-sin, cos]], np.float32)
        return (unit @ turn + np.array([self.x, self.y], np.float32)).astype(np.float32)

    def to_unit(self, pixels: npt.NDArray[np.floating]) -> F32:
        """(n, 2) pixels to (n, 2) unit coordinates."""
        cos, sin = math.cos(self.angle) / self.side, math.sin(self.angle) / self.side
        turn = np.array([[cos, -sin], [sin, cos]], np.float32)
        return ((pixels - np.array([self.x, self.y], np.float32)) @ turn).astype(np.float32)

    def moved(self, dx: float, dy: float) -> Region:
        """The same square in a picture whose origin lies at (dx, dy)."""
        return Region(self.x - dx, self.y - dy, self.side, self.angle)


def face_scale(points: F32) -> float:
    """The face scale in pixels: the distance between the eyes, or 1.3 times eye line to nose base if that is more.

    The larger of the two hardly changes when the head turns (which shortens the first) or nods (the second); neither
    changes when the mouth opens.
    """
    left, right, nose = points[0], points[1], points[2]
    eyes = math.hypot(float(right[0] - left[0]), float(right[1] - left[1]))
    down = math.hypot(float((left[0] + right[0]) / 2 - nose[0]), float((left[1] + right[1]) / 2 - nose[1]))
    return max(eyes, _NOSE_TO_SCALE * down, 1.0)


def roll(points: F32) -> float:
    """Radians by which the eye line is turned clockwise in the image."""
    return math.atan2(float(points[1, 1] - points[0, 1]), float(points[1, 0] - points[0, 0]))


def face_region(points: F32) -> Region:
    """The square that the face graph looks at: centred on the nose base, 3.2 face scales wide."""
    return Region(float(points[2, 0]), float(points[2, 1]), FACE_SPAN * face_scale(points), roll(points))


def eye_regions(points: F32) -> tuple[Region, Region]:
    """The squares of the eyes at the image's left and right."""
    side, angle = EYE_SPAN * face_scale(points), roll(points)
    return (
        Region(float(points[0, 0]), float(points[0, 1]), side, angle),
        Region(float(points[1, 0]), float(points[1, 1]), side, angle),
    )


def mouth_region(points: F32) -> Region:
    """The square of the mouth."""
    return Region(float(points[3, 0]), float(points[3, 1]), MOUTH_SPAN * face_scale(points), roll(points))


def face_box(points: F32) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the square that a face detector draws: brow to chin, pixels.

    Its size and place were fitted to BlazeFace's boxes on training frames (IoU 0.87 on held-out people); a box around
    the points themselves has the forehead in it and is narrow when the head turns (0.73).
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scale = face_scale(points)
    middle_x = float(points[0, 0] + points[1, 0]) / 4 + float(points[3, 0]) / 2
    middle_y = float(points[0, 1] + points[1, 1]) / 4 + float(points[3, 1]) / 2
    x = middle_x + _BOX_TURN * (float(low[0] + high[0]) / 2 - middle_x)
    y = middle_y + _BOX_DOWN * scale
    half = _BOX_SIDE * scale / 2
    return x - half, y - half, x + half, y + half


def cut(frame: U8, region: Region, size: int, *, mirrored: bool = False) -> U8:
    """One square crop in grey.

    Args:
        frame: (h, w, 3) BGR or (h, w) grey; what lies outside of it is black.
        region: what to cut.
        size: side of the result, pixels.
        mirrored: flip left and right.

    Returns:
        (size, size) uint8. Where the crop is much smaller than the region, several samples make one pixel.
    """
    import cv2

    fine = size * min(max(round(region.side / size / 2), 1), _MOST_SAMPLES)
    step = region.side / fine
    cos, sin = math.cos(region.angle) * step, math.sin(region.angle) * step
    middle = (fine - 1) / 2
    flip = -1.0 if mirrored else 1.0
    matrix = np.array(
        [
            [flip * cos, -sin, region.x - (flip * cos - sin) * middle],
            [flip * sin, cos, region.y - (flip * sin + cos) * middle],
        ]
    )
    reach = region.side * (abs(math.cos(region.angle)) + abs(math.sin(region.angle))) / 2 + 2  # grey only what is cut
    left, top = max(int(region.x - reach), 0), max(int(region.y - reach), 0)
    part = frame[top : max(int(region.y + reach) + 1, 0), left : max(int(region.x + reach) + 1, 0)]
    if part.size == 0:
        return np.zeros((size, size), np.uint8)
    if part.ndim == 3:
        part = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    matrix[:, 2] -= left, top
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(part, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(crop if fine == size else cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def levelled(crop: U8) -> U8:
    """The crop with its brightness brought to mean 128 and standard deviation 50; the same shape, uint8."""
    import cv2

    mean, spread = cv2.meanStdDev(crop)
    gain = _LEVEL_SPREAD / max(float(spread[0, 0]), _LEAST_SPREAD)
    return np.asarray(cv2.addWeighted(crop, gain, crop, 0.0, _LEVEL_MEAN - gain * float(mean[0, 0])), np.uint8)


def as_input(crop: U8) -> npt.NDArray[np.int8]:
    """uint8 0..255 as int8 with scale 1/255 and zero point -128: what the graphs take without a conversion."""
    return (crop ^ np.uint8(0x80)).view(np.int8)


def letterbox(frame: U8, size: int = SEARCH_SIZE) -> tuple[U8, float]:
    """The whole frame in grey in the middle of a (size, size) black square, and frame pixels per square pixel."""
    import cv2

    height, width = frame.shape[:2]
    step = max(height, width) / size
    small = (max(round(width / step), 1), max(round(height / step), 1))
    picture = cv2.resize(frame, small, interpolation=cv2.INTER_AREA if step > 1 else cv2.INTER_LINEAR)
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    square = np.zeros((size, size), np.uint8)
    top, left = (size - small[1]) // 2, (size - small[0]) // 2
    square[top : top + small[1], left : left + small[0]] = levelled(np.asarray(picture, np.uint8))
    return square, step
