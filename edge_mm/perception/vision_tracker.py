"""Find the driver's face in a frame and follow it.

In: uint8 frames in time order. Out: a ``Face`` per frame, freshly inferred, or None. Two graphs: ``vision.search``
(whole frame, 128x128: where may a face be, how large) and ``vision.face`` (64x64 crop: is it one, its ten points, yaw
and pitch). While a face is followed, the last points place the next crop and the search runs about once a second, to
leave something that only looks like a face. Not here: eyes and mouth (``vision``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from edge_mm.models.bundle import Bundle
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph
from edge_mm.perception.vision_geometry import F32, U8, Region

CELL = 16
"""Pixels of the search square per cell of the search graph's grid."""
SCALE_AT_ZERO = 16.0
"""Face scale, in pixels of the search square, that the search graph's size output calls 0 (it counts in octaves)."""
POSE_UNIT_DEG = 90.0
_CANDIDATES = 3
_LOOKS, _SETTLED = 4, 0.03
_LEAST_SCALE = 4.0
_SHARP = 400.0
"""Laplacian variance of a levelled 64x64 face crop that counts as sharp (5th percentile of the training frames)."""


class Face(NamedTuple):
    """A face in one frame."""

    points: F32
    """(10, 2) pixels of the frame, see ``vision_geometry.POINTS``."""
    score: float
    """Probability that it is one, 0..1."""
    yaw_deg: float
    """> 0: turned to the image's right (the person's left)."""
    pitch_deg: float
    """> 0: looking up."""
    roll_deg: float
    """> 0: tilted clockwise in the image."""
    sharpness: float
    """0..1."""


class FaceTracker:
    """Follows one face: the largest likely one when it has to choose."""

    def __init__(self, bundle: Bundle, *, keep: float = 0.5, find: float = 0.7, recheck_s: float = 1.0) -> None:
        """``keep`` and ``find`` are the least scores to follow a face and to begin to."""
        self._search = load_graph(bundle, "vision.search")
        self._look = load_graph(bundle, "vision.face")
        self._keep, self._find = keep, find
        self._recheck_ns = round(recheck_s * 1e9)
        self._region: Region | None = None
        self._checked_ns = 0

    def __call__(self, frame: U8, t_ns: int) -> Face | None:
        """The face in a (h, w, 3) BGR or (h, w) grey frame captured at ``t_ns``."""
        face = self._follow(frame)
        if face is None:
            face = self._found(frame)
            self._checked_ns = t_ns
        elif t_ns - self._checked_ns >= self._recheck_ns:
            self._checked_ns = t_ns
            face = self._rechecked(frame, face)
        self._region = None if face is None else geo.face_region(face.points)
        return face

    def _follow(self, frame: U8) -> Face | None:
        if self._region is None:
            return None
        face = self.look(frame, self._region)
        return face if face.score >= self._keep and _plausible(face, frame) else None

    def _found(self, frame: U8) -> Face | None:
        best: Face | None = None
        for region, _ in self.candidates(frame):
            face = self._settled(frame, region)
            if face is not None and (best is None or _weight(face) > _weight(best)):
                best = face
        return best

    def _settled(self, frame: U8, region: Region) -> Face | None:
        for _ in range(_LOOKS):  # each look is placed by the one before, until the crop stays where it is
            face = self.look(frame, region)
            if face.score < self._find / 2 or not _plausible(face, frame):
                return None
            last, region = region, geo.face_region(face.points)
            if math.hypot(region.x - last.x, region.y - last.y) < _SETTLED * region.side:
                break
        return face if face.score >= self._find else None

    def _rechecked(self, frame: U8, face: Face) -> Face:
        found = self.candidates(frame)
        reach = geo.FACE_SPAN / 2 * geo.face_scale(face.points)
        nose = face.points[2]
        if any(math.hypot(r.x - float(nose[0]), r.y - float(nose[1])) < reach for r, _ in found):
            return face
        other = self._found(frame) if found else None
        return other if other is not None and other.score > face.score + 0.1 else face

    def candidates(self, frame: U8) -> list[tuple[Region, float]]:
        """Up to three places that may be a face, most likely first, with the search graph's score."""
        square, step = geo.letterbox(frame)
        out = self._search(image=geo.as_input(square))
        score, box = out["score"][..., 0].copy(), out["box"]
        height, width = frame.shape[:2]
        found: list[tuple[Region, float]] = []
        for _ in range(_CANDIDATES):
            row, column = divmod(int(score.argmax()), score.shape[1])
            best = float(score[row, column])
            if best < 0.2:
                break
            dx, dy, size = (float(v) for v in box[row, column])
            scale = SCALE_AT_ZERO * 2.0**size
            x = (column + 0.5 + dx) * CELL - geo.SEARCH_SIZE / 2
            y = (row + 0.5 + dy) * CELL - geo.SEARCH_SIZE / 2
            found.append((Region(x * step + width / 2, y * step + height / 2, geo.FACE_SPAN * scale * step, 0.0), best))
            reach = max(1, math.ceil(scale / CELL))
            score[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = 0.0
        return found

    def look(self, frame: U8, region: Region) -> Face:
        """What the face graph says about one region."""
        import cv2

        crop = geo.levelled(geo.cut(frame, region, geo.FACE_SIZE))
        out = self._look(image=geo.as_input(crop))
        points = region.to_frame(out["points"].reshape(10, 2))
        yaw, pitch = (float(v) * POSE_UNIT_DEG for v in out["pose"])
        inner = crop[geo.FACE_SIZE // 4 : -geo.FACE_SIZE // 4, geo.FACE_SIZE // 4 : -geo.FACE_SIZE // 4]
        spread = float(cv2.meanStdDev(cv2.Laplacian(inner, cv2.CV_16S))[1][0, 0])
        sharpness = min(spread * spread / _SHARP, 1.0)
        return Face(points, float(out["face"][0]), yaw, pitch, math.degrees(geo.roll(points)), sharpness)


def _plausible(face: Face, frame: U8) -> bool:
    height, width = frame.shape[:2]
    x, y = float(face.points[2, 0]), float(face.points[2, 1])
    scale = geo.face_scale(face.points)
    return bool(0 <= x < width and 0 <= y < height and _LEAST_SCALE <= scale <= max(height, width))


def _weight(face: Face) -> float:
    return face.score * math.sqrt(geo.face_scale(face.points))
