"""What the MediaPipe nets say about a face: 468 points, eye-opening ratios.

In: a BGR frame of any size and the folder with ``face_detection_*_range*.tflite``, ``face_landmark.tflite`` and
``iris_landmark.tflite`` (Apache-2.0). Out: a ``Face`` in pixels of the frame, or None. Anchors, crops and decoding
follow the published MediaPipe graphs (modules/face_detection, face_landmark, iris). Not here: labels derived from it
(``labels.py``); nothing of these nets is shipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_UPPER, _LOWER = (11, 12, 13), (3, 4, 5)  # iris contour points over points 160/159/158 and 144/145/153 of the mesh


@dataclass(frozen=True, slots=True)
class Face:
    """One face as the teachers see it."""

    points: F32
    """(468, 3) pixels of the frame; z in the same unit, smaller is nearer."""
    eye_ratio: F32
    """(2,) lid gap / eye width for the eye at the image's left, right (Iris)."""
    lids: F32
    """(2, 16, 2) lid contour in pixels: 0..8 lower from outer to inner corner, 9..15 upper (Iris)."""


class FaceTeacher:
    """Runs the four nets one after the other."""

    def __init__(self, folder: Path) -> None:
        self._short = _net(folder / "face_detection_short_range.tflite")
        self._full = _net(folder / "face_detection_full_range_sparse.tflite")
        self._mesh = _net(folder / "face_landmark.tflite")
        self._iris = _net(folder / "iris_landmark.tflite")
        self._short_anchors = np.concatenate([_grid(16, 2), _grid(8, 6)])
        self._full_anchors = _grid(48, 1)

    def __call__(self, frame: U8) -> Face | None:
        """The most certain face of a (h, w, 3) BGR frame, None if there is none."""
        found = self._detect(frame, self._short, self._short_anchors, 128)
        if found is None:
            found = self._detect(frame, self._full, self._full_anchors, 192)
        if found is None:
            return None
        box, eyes = found
        angle = math.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
        centre, side = box[:2], 1.5 * float(max(box[2:]))
        for _ in range(2):
            points, presence = self._points(frame, centre, side, angle)
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            centre, side = (low + high) / 2, 1.5 * float((high - low).max())
            angle = math.atan2(*(points[263, :2] - points[33, :2])[::-1])
        if presence < 0.5:
            return None
        left = self._eye(frame, points, 33, 133, angle, mirrored=False)
        right = self._eye(frame, points, 263, 362, angle, mirrored=True)
        lids = np.stack([left, right])
        return Face(points, np.array([_ratio(left), _ratio(right)], np.float32), lids)

    def box(self, frame: U8) -> tuple[float, float, float, float] | None:
        """BlazeFace's own box of the most certain face, (left, top, right, bottom) in pixels; None if it finds none."""
        found = self._detect(frame, self._short, self._short_anchors, 128)
        if found is None:
            found = self._detect(frame, self._full, self._full_anchors, 192)
        if found is None:
            return None
        x, y, wide, high = (float(number) for number in found[0])
        return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2

    def _detect(self, frame: U8, net: Any, anchors: F32, side: int) -> tuple[F32, F32] | None:
        height, width = frame.shape[:2]
        long = max(height, width)
        area = cv2.INTER_AREA if long > side else cv2.INTER_LINEAR
        small = cv2.resize(frame, (round(width * side / long), round(height * side / long)), interpolation=area)
        canvas = np.zeros((side, side, 3), np.uint8)
        top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        raw, score = _run(net, canvas[..., ::-1].astype(np.float32) / 127.5 - 1)
        logits = score.reshape(-1)
        best = int(logits.argmax())
        if logits[best] < 0:
            return None
        near = raw[0] / side
        near[:, :2] += anchors
        near[:, 4:] += np.tile(anchors, 6)
        row = near[best]
        shift, zoom = np.array([left, top]), side / long
        box = np.concatenate([(row[:2] * side - shift) / zoom, row[2:4] * side / zoom])
        eyes = (row[4:8].reshape(2, 2) * side - shift) / zoom
        return box.astype(np.float32), eyes.astype(np.float32)

    def _points(self, frame: U8, centre: F32, side: float, angle: float) -> tuple[F32, float]:
        crop, back = _crop(frame, centre, side, angle, 192)
        a, b = _run(self._mesh, crop[..., ::-1].astype(np.float32) / 255)
        raw, score = (a, b) if a.size > b.size else (b, a)
        points = raw.reshape(468, 3)
        points[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
        points[:, 2] *= side / 192
        return points, 1 / (1 + math.exp(-float(score.reshape(-1)[0])))

    def _eye(self, frame: U8, points: F32, outer: int, inner: int, angle: float, *, mirrored: bool) -> F32:
        corners = points[[outer, inner], :2]
        side = 2.3 * float(np.linalg.norm(corners[0] - corners[1]))
        crop, back = _crop(frame, corners.mean(0), side, angle, 64)
        if mirrored:
            crop = crop[:, ::-1]
        a, b = _run(self._iris, crop[..., ::-1].astype(np.float32) / 255)
        contour = (a if a.size > b.size else b).reshape(71, 3)[:16, :2].copy()
        if mirrored:
            contour[:, 0] = 64 - contour[:, 0]
        return (contour @ back[:, :2].T + back[:, 2]).astype(np.float32)


def _ratio(lids: F32) -> float:
    gap = np.linalg.norm(lids[list(_UPPER)] - lids[list(_LOWER)], axis=1).mean()
    return float(gap / max(float(np.linalg.norm(lids[0] - lids[8])), 1e-3))


def _crop(frame: U8, centre: F32, side: float, angle: float, size: int) -> tuple[U8, npt.NDArray[np.float64]]:
    """A square crop turned by ``angle`` and the (2, 3) matrix from its pixels to the frame's."""
    scale = side / size
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]])
    back = np.column_stack([turn, np.asarray(centre, np.float64) - turn @ np.full(2, size / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, back, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT), back


def _grid(cells: int, repeat: int) -> F32:
    line = (np.arange(cells) + 0.5) / cells
    xy = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return np.repeat(xy, repeat, axis=0).astype(np.float32)


def _net(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(str(path), num_threads=1)
    net.allocate_tensors()
    return net


def _run(net: Any, image: npt.NDArray[np.floating]) -> list[F32]:
    net.set_tensor(net.get_input_details()[0]["index"], np.ascontiguousarray(image[None], np.float32))
    net.invoke()
    return [net.get_tensor(d["index"]).copy() for d in net.get_output_details()]
