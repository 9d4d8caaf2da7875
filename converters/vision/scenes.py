"""Whole pictures for the search graph: faces of 10 to 90 % of the frame height before anything, or none.

In: an ``Album``. Out: (128, 128) letterboxed grey and a target grid. Wide framing is simulated: heads are shrunk and
set into other backgrounds. Not here: close crops.
"""

from __future__ import annotations

import cv2
import numpy as np

from converters.vision.samplers import F32, Album, Backgrounds, Batch, Draw, empty_grey
from converters.vision.weather import U8, one_channel, weathered
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.vision_tracker import CELL, SCALE_AT_ZERO

CELLS = geo.SEARCH_SIZE // CELL
_SHAPES = ((96, 128), (96, 128), (96, 128), (72, 128), (128, 96), (128, 72), (128, 128))
"""Height and width of the pictures; all fill the search square in one direction."""


PHOTOGRAPHS = {False: "china.jpg", True: "flower.jpg"}
"""Held out or not -> the photograph of scikit-learn that is a background (CC BY 2.0)."""


def background_sampler(album: Album) -> Backgrounds:
    """Random grey pictures without a face: parts of frames beside the face, a photograph, smooth light."""
    from sklearn.datasets import load_sample_image

    photo = np.ascontiguousarray(load_sample_image(PHOTOGRAPHS[album.held_out])[..., ::-1])
    rows = np.flatnonzero(album.alone)

    def sample(rng: np.random.Generator) -> U8:
        kind = rng.random()
        if kind < 0.12:
            return empty_grey((96, 128), rng)
        if kind < 0.3:
            size = int(rng.integers(60, 420))
            left, top = int(rng.integers(photo.shape[1] - size)), int(rng.integers(photo.shape[0] - size))
            return one_channel(photo[top : top + size, left : left + size], rng)
        j = int(rng.choice(rows))
        frame, points = album.frame(j), album.points[j]
        reach = 1.9 * geo.face_scale(points)
        x, y = float(points[2, 0]), float(points[2, 1])
        height, width = frame.shape[:2]
        parts = [frame[:, : max(int(x - reach), 0)], frame[:, int(x + reach) :], frame[int(y + reach) :]]
        parts = [p for p in parts if min(p.shape[:2]) > 0.12 * min(height, width)]
        if not parts:
            return empty_grey((96, 128), rng)
        part = parts[int(rng.integers(len(parts)))]
        grey = one_channel(part, rng)
        return np.ascontiguousarray(grey[:, ::-1] if rng.random() < 0.5 else grey)

    return sample


def scene_sampler(album: Album, backgrounds: Backgrounds) -> Draw:
    """Image (128, 128, 1), score, score_weight, box_weight (8, 8, 1), box (8, 8, 3)."""
    rows = np.flatnonzero(album.alone)
    chance = album.weight[rows] / album.weight[rows].sum()

    def sample(rng: np.random.Generator) -> Batch:
        height, width = _SHAPES[int(rng.integers(len(_SHAPES)))]
        kind = rng.random()
        nose, scale = None, 0.0
        if kind < 0.22:
            picture = _filled(backgrounds(rng), height, width)
        else:
            j = int(rng.choice(rows, p=chance))
            picture, nose, scale = compose(album, j, (height, width), rng, backgrounds, wide=kind > 0.55)
        picture = _weathered_any(picture, rng)
        if rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
            nose = None if nose is None else (width - 1 - nose[0], nose[1])
        square, _ = geo.letterbox(picture)
        if nose is not None:
            nose = (nose[0] + (geo.SEARCH_SIZE - width) // 2, nose[1] + (geo.SEARCH_SIZE - height) // 2)
        return {"image": (square[..., None] / np.float32(255)).astype(np.float32), **_target(nose, scale)}

    return sample


def compose(
    album: Album,
    j: int,
    shape: tuple[int, int],
    rng: np.random.Generator,
    backgrounds: Backgrounds,
    *,
    wide: bool,
    scale: float | None = None,
) -> tuple[U8, tuple[float, float], float]:
    """Frame j at a random place and size in a picture of ``shape``; also the nose base and the face scale in it.

    ``wide`` cuts the person out with a soft outline and sets them before another background; otherwise the frame itself
    is moved and zoomed.
    """
    height, width = shape
    points = album.points[j]
    own = geo.face_scale(points)
    if scale is None:
        low, high = (0.035, 0.16) if wide else (0.10, 0.36)
        scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * height
    zoom = scale / own
    margin = 1.2 * scale
    nose = (
        float(rng.uniform(min(margin, width / 2), max(width - margin, width / 2))),
        float(rng.uniform(min(margin, height / 2), max(height - margin, height / 2))),
    )
    grey = one_channel(album.frame(j), rng)
    turn = float(rng.normal(0, 0.15))
    region = geo.Region(float(points[2, 0]), float(points[2, 1]), own, turn)
    base = _filled(backgrounds(rng), height, width)
    if zoom < 0.5:
        shrink = max(int(0.5 / zoom * 2), 2) / 2
        grey = np.asarray(cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
        region = geo.Region(region.x / shrink, region.y / shrink, region.side / shrink, turn)
        zoom *= shrink
    cos, sin = np.cos(turn) * zoom, np.sin(turn) * zoom
    matrix = np.array(
        [
            [cos, sin, nose[0] - cos * region.x - sin * region.y],
            [-sin, cos, nose[1] + sin * region.x - cos * region.y],
        ]
    )
    placed = cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.full_like(grey, 255), matrix, (width, height), flags=cv2.INTER_LINEAR)
    there = inside.astype(np.float32) / 255
    if wide and rng.random() < 0.75:
        there *= _person(shape, nose, scale, rng)
    picture = (placed * there + base * (1 - there)).astype(np.uint8)
    return picture, nose, scale


def _person(shape: tuple[int, int], nose: tuple[float, float], scale: float, rng: np.random.Generator) -> F32:
    mask = np.zeros(shape, np.uint8)
    x, y = nose
    grow = float(rng.uniform(1.0, 1.25))
    axes = int(1.3 * scale * grow) + 1, int(1.75 * scale * grow) + 1
    cv2.ellipse(mask, (int(x), int(y - 0.25 * scale)), axes, 0, 0, 360, 255, -1)
    body = [
        [x - 0.7 * scale, y + scale],
        [x + 0.7 * scale, y + scale],
        [x + 2.4 * scale, y + 2.6 * scale],
        [x + 2.6 * scale, y + 9 * scale],
        [x - 2.6 * scale, y + 9 * scale],
        [x - 2.4 * scale, y + 2.6 * scale],
    ]
    cv2.fillConvexPoly(mask, np.array(body, np.int32), 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.12 * scale, 0.4)), np.float32) / np.float32(255)


def _filled(grey: U8, height: int, width: int) -> U8:
    fit = max(height / grey.shape[0], width / grey.shape[1])
    size = (max(round(grey.shape[1] * fit), width), max(round(grey.shape[0] * fit), height))
    large = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if fit < 1 else cv2.INTER_LINEAR)
    return np.asarray(large[:height, :width], np.uint8)


def _weathered_any(picture: U8, rng: np.random.Generator) -> U8:
    height, width = picture.shape
    side = max(height, width)
    square = np.zeros((side, side), np.uint8)
    square[:height, :width] = picture
    return np.ascontiguousarray(weathered(square, rng)[:height, :width])


def _target(nose: tuple[float, float] | None, scale: float) -> Batch:
    line = (np.arange(CELLS) + 0.5) * CELL
    gx, gy = np.meshgrid(line, line)
    score = np.zeros((CELLS, CELLS, 1), np.float32)
    weight = np.ones((CELLS, CELLS, 1), np.float32)
    box = np.zeros((CELLS, CELLS, 3), np.float32)
    box_weight = np.zeros((CELLS, CELLS, 1), np.float32)
    if nose is not None:
        far = np.maximum(abs(gx - nose[0]), abs(gy - nose[1]))
        core, halo = far <= CELL * 0.5 + 1e-6, far <= max(CELL * 1.2, 0.7 * scale)
        score[core], weight[halo & ~core] = 1.0, 0.0
        box[..., 0], box[..., 1] = (nose[0] - gx) / CELL, (nose[1] - gy) / CELL
        box[..., 2] = np.log2(scale / SCALE_AT_ZERO)
        box_weight[far <= CELL * 1.0] = 1.0
        box *= box_weight
    return {"score": score, "score_weight": weight, "box": box, "box_weight": box_weight}
