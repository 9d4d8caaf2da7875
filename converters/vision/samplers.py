"""Endless random training crops, cut by the device's own functions.

In: ``Footage`` and a seed. Out: batches: name -> array; weights of 0 mark what a sample says nothing about. Frames are
drawn by scene (square root of its size), so that long clips do not dominate. Not here: whole frames for the search
graph (``scenes.py``), the nets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from converters.vision import labels
from converters.vision.blink import behind_dark_glass, closed_by
from converters.vision.footage import Footage
from converters.vision.weather import U8, one_channel, weathered
from edge_mm.perception import vision_geometry as geo

F32 = npt.NDArray[np.float32]
Batch = dict[str, npt.NDArray[np.generic]]
Draw = Callable[[np.random.Generator], Batch]
Backgrounds = Callable[[np.random.Generator], U8]
MIRRORED_POINTS = [1, 0, 2, 3, 5, 4, 6, 7, 9, 8]
_EYE_SQUARE = 88


class Album:
    """Labelled frames of one side of the split, decoded once."""

    def __init__(self, footage: Footage, *, held_out: bool) -> None:
        known = np.isfinite(footage.points[:, 0, 0])
        straight = labels.mean_face(footage.points[known & ~footage.held_out][::5])
        self.rows = np.flatnonzero(known & (footage.held_out == held_out))
        self.footage, self.held_out = footage, held_out
        self.points = [labels.ten_points(footage.points[i]) for i in self.rows]
        self.gap = np.array([labels.lip_gap(footage.points[i]) for i in self.rows], np.float32)
        self.angles = np.array([labels.head_angles(footage.points[i], straight) for i in self.rows], np.float32)
        self.ratio = footage.eye_ratio[self.rows]
        self.lids = footage.lids[self.rows]
        self.groups = [footage.group(int(i)) for i in self.rows]
        self._frames: dict[int, U8] = {}
        counts = {g: self.groups.count(g) for g in set(self.groups)}
        weight = np.array([counts[g] ** -0.5 for g in self.groups])
        self.weight = weight / weight.sum()
        self.alone = np.array([not g.startswith("gif/") for g in self.groups])
        """The teacher's face is the only one in the frame."""
        self.found: list[F32 | None] = [None] * len(self.rows)
        """(10, 2) points of the face as a localiser of ours places them, see ``locate``; None where it finds none."""

    def locate(self, find: Callable[[U8], F32 | None]) -> None:
        """Let a localiser place the points of every frame; what is farther off than half a face is another face."""
        for j in range(len(self.rows)):
            points = find(self.frame(j))
            near = points is not None and _apart(points, self.points[j]) < 0.5 * geo.face_scale(self.points[j])
            self.found[j] = points if near else None

    def placed(self, j: int, rng: np.random.Generator) -> F32:
        """Where row j's points are taken to be: half of the time where the device would, if it was asked."""
        found = self.found[j]
        return self.points[j] if found is None or rng.random() < 0.5 else found

    def __len__(self) -> int:
        return len(self.rows)

    def frame(self, j: int) -> U8:
        """(h, w, 3) BGR of row j."""
        if j not in self._frames:
            self._frames[j] = self.footage.frame(int(self.rows[j]))
        return self._frames[j]

    def yawn(self, j: int) -> tuple[float, float]:
        """Label and weight: by a person, or on clips by the lip gap (see ``labels``)."""
        said, gap, group = int(self.footage.yawn[self.rows[j]]), float(self.gap[j]), self.groups[j]
        if said == 0:
            return 0.0, 1.0
        if said == 1:
            return 1.0, float(gap > 0.18)
        if group.startswith("yawdd_video/"):
            return float(gap > labels.YAWN_GAP), float(gap > labels.YAWN_GAP or gap < labels.CLOSED_GAP)
        return 0.0, float(gap < labels.CLOSED_GAP)

    def usable_eyes(self, j: int) -> list[int]:
        """Eyes whose teacher ratio can be believed: not the far one of a turned head, not where the two disagree."""
        yaw = float(self.angles[j, 0])
        if abs(yaw) > 35:
            return [0 if yaw > 0 else 1]
        return [0, 1] if abs(float(self.ratio[j, 0] - self.ratio[j, 1])) < 0.12 else []


def _apart(one: F32, other: F32) -> float:
    """Mean distance of points, pixels."""
    return float(np.linalg.norm(one - other, axis=1).mean())


def batches(sample: Draw, size: int, seed: int, *, pool: int = 0) -> Iterator[Batch]:
    """Stack samples without end.

    Args:
        sample: draws one.
        size: of a batch.
        seed: of everything drawn.
        pool: 0 makes every sample afresh; else batches are drawn from so many samples, a sixth of a batch of which is
            made anew each time (making a crop costs more than learning from it).
    """
    rng = np.random.default_rng(seed)
    kept = [sample(rng) for _ in range(pool)]
    while True:
        if pool:
            for place in rng.integers(0, pool, max(size // 6, 1)):
                kept[int(place)] = sample(rng)
            chosen = [kept[int(i)] for i in rng.integers(0, pool, size)]
        else:
            chosen = [sample(rng) for _ in range(size)]
        yield {key: np.stack([row[key] for row in chosen]) for key in chosen[0]}


def jittered(region: geo.Region, rng: np.random.Generator, *, shift: float, zoom: float, turn: float) -> geo.Region:
    """A region as a localiser that errs would place it: shift in sides, zoom in octaves, turn in radians (all 1 sd)."""
    dx, dy = np.clip(rng.normal(0, shift, 2), -2.2 * shift, 2.2 * shift) * region.side
    side = region.side * 2.0 ** float(np.clip(rng.normal(0, zoom), -2.2 * zoom, 2.2 * zoom))
    return geo.Region(region.x + dx, region.y + dy, side, region.angle + float(rng.normal(0, turn)))


def face_sampler(album: Album, backgrounds: Backgrounds, *, lookalikes: Sequence[U8] = ()) -> Draw:
    """Image of (64, 64, 1) 0..1, points (20) units, face (1), pose (2) in 90 deg; only faces have the last two.

    Args:
        album: frames with faces.
        backgrounds: pictures without one.
        lookalikes: (64, 64) crops of such pictures that a net before this one took for a face.
    """

    def sample(rng: np.random.Generator) -> Batch:
        if lookalikes and rng.random() < 0.25:
            crop = lookalikes[int(rng.integers(len(lookalikes)))]
            crop = np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
            crop = weathered(crop, rng, occlusion=0.1) if rng.random() < 0.7 else crop
            return _face_row(crop, np.zeros((10, 2), np.float32), 0.0, 0.0, 0.0)
        if rng.random() < 0.3:
            return _no_face(album, backgrounds, rng)
        j = int(rng.choice(len(album), p=album.weight))
        points = album.points[j]
        near = rng.random() < 0.6  # as when a face is followed; else as after a search
        region = jittered(
            geo.face_region(points),
            rng,
            shift=0.04 if near else 0.11,
            zoom=0.1 if near else 0.28,
            turn=0.1 if near else 0.3,
        )
        crop = _cut(album.frame(j), region, geo.FACE_SIZE, rng)
        unit = region.to_unit(points)
        yaw, pitch = float(album.angles[j, 0]), float(album.angles[j, 1])
        if rng.random() < 0.5:
            crop, unit, yaw = crop[:, ::-1], (unit * _row(-1, 1))[MIRRORED_POINTS], -yaw
        return _face_row(weathered(np.ascontiguousarray(crop), rng, occlusion=0.15), unit, 1.0, yaw, pitch)

    return sample


def _face_row(crop: U8, unit: F32, face: float, yaw: float, pitch: float) -> Batch:
    return {
        "image": _image(crop),
        "points": unit.reshape(-1).astype(np.float32),
        "face": _row(face),
        "pose": _row(yaw / 90, pitch / 90),
    }


def _no_face(album: Album, backgrounds: Backgrounds, rng: np.random.Generator) -> Batch:
    if rng.random() < 0.6:
        grey = backgrounds(rng)
        side = float(rng.uniform(0.15, 1.0)) * min(grey.shape)
        region = geo.Region(
            float(rng.uniform(0, grey.shape[1])), float(rng.uniform(0, grey.shape[0])), side, float(rng.normal(0, 0.2))
        )
        crop = geo.cut(grey, region, geo.FACE_SIZE)
    else:  # beside the face, far too near or far too wide
        j = int(rng.choice(np.flatnonzero(album.alone)))
        region = geo.face_region(album.points[j])
        if rng.random() < 0.6:
            angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.55, 1.3) * region.side
            region = geo.Region(
                region.x + far * math.cos(angle),
                region.y + far * math.sin(angle),
                region.side * float(rng.uniform(0.6, 1.2)),
                float(rng.normal(0, 0.3)),
            )
        else:
            wide = rng.random() < 0.5
            factor = float(rng.uniform(2.3, 4)) if wide else float(rng.uniform(0.15, 0.35))
            region = jittered(region, rng, shift=0.1, zoom=0.01, turn=0.3)._replace(side=region.side * factor)
        crop = _cut(album.frame(j), region, geo.FACE_SIZE, rng)
    return _face_row(weathered(crop, rng, occlusion=0.1), np.zeros((10, 2), np.float32), 0.0, 0.0, 0.0)


def eye_sampler(album: Album) -> Draw:
    """Image (32, 32, 1), closed (1), weight (1), ratio (1) as opening / 0.5; the image's left eye unflipped."""
    pairs = [(j, e) for j in range(len(album)) for e in album.usable_eyes(j)]
    ratio = np.array([album.ratio[p] for p in pairs])
    spread = np.array([album.weight[j] for j, _ in pairs])

    def draw(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        rows = np.flatnonzero(mask)
        return rows, spread[rows] / spread[rows].sum()

    closed, rest, wide = draw(ratio < labels.EYES_CLOSED), draw(ratio >= labels.EYES_CLOSED), draw(ratio > 0.22)

    def sample(rng: np.random.Generator) -> Batch:
        kind = rng.random()
        rows, chance = closed if kind < 0.2 else wide if kind < 0.55 else rest
        j, eye = pairs[int(rng.choice(rows, p=chance))]
        opening = float(album.ratio[j, eye])
        region = geo.eye_regions(album.placed(j, rng))[eye]
        around = region._replace(side=region.side * _EYE_SQUARE / 48)
        square = _cut(album.frame(j), around, _EYE_SQUARE, rng)
        if 0.2 <= kind < 0.55:
            share = float(rng.uniform(0.9, 1.0) if kind < 0.47 else rng.uniform(0.1, 0.9))
            lids = (around.to_unit(album.lids[j, eye]) + 0.5) * _EYE_SQUARE - 0.5
            square, opening = closed_by(square, lids, share, rng), opening * (1 - share)
        middle = geo.Region((_EYE_SQUARE - 1) / 2, (_EYE_SQUARE - 1) / 2, 48.0, 0.0)
        at = jittered(middle, rng, shift=0.1, zoom=0.22, turn=0.12)
        flip = (eye == 1) != (rng.random() < 0.1)
        if opening > labels.EYES_OPEN and rng.random() < 0.08:
            square = behind_dark_glass(square, rng)  # cannot be read: must not look like a closed eye
        crop = weathered(geo.cut(square, at, geo.EYE_SIZE, mirrored=flip), rng, occlusion=0.05)
        return {
            "image": _image(crop),
            "closed": _row(opening < labels.EYES_CLOSED),
            "weight": _row(opening < labels.EYES_CLOSED or opening > labels.EYES_OPEN),
            "ratio": _row(min(opening, 0.5) / 0.5),
        }

    return sample


def mouth_sampler(album: Album) -> Draw:
    """Image (40, 40, 1), open (1), open_weight (1), yawn (1), yawn_weight (1), gap (1) in face scales."""
    said = np.array([album.yawn(j) for j in range(len(album))])
    wide = (said[:, 1] > 0) & (said[:, 0] > 0)
    hard = (said[:, 1] > 0) & (said[:, 0] == 0) & (album.gap > labels.MOUTH_SHUT)
    pools = [(np.flatnonzero(m), album.weight[m] / album.weight[m].sum()) for m in (wide, hard, np.ones_like(wide))]

    def sample(rng: np.random.Generator) -> Batch:
        kind = rng.random()
        rows, chance = pools[0 if kind < 0.4 else 1 if kind < 0.6 else 2]
        j = int(rng.choice(rows, p=chance))
        region = jittered(geo.mouth_region(album.placed(j, rng)), rng, shift=0.08, zoom=0.18, turn=0.12)
        crop = _cut(album.frame(j), region, geo.MOUTH_SIZE, rng, mirrored=rng.random() < 0.5)
        gap = float(album.gap[j])
        return {
            "image": _image(weathered(crop, rng, occlusion=0.1)),
            "open": _row(gap > labels.MOUTH_OPEN),
            "open_weight": _row(gap > labels.MOUTH_OPEN or gap < labels.MOUTH_SHUT),
            "yawn": said[j, :1].astype(np.float32),
            "yawn_weight": said[j, 1:].astype(np.float32),
            "gap": _row(gap),
        }

    return sample


def _cut(frame: U8, region: geo.Region, size: int, rng: np.random.Generator, *, mirrored: bool = False) -> U8:
    reach = region.side * 0.75 + 2
    left, top = max(int(region.x - reach), 0), max(int(region.y - reach), 0)
    part = frame[top : max(int(region.y + reach), top + 1), left : max(int(region.x + reach), left + 1)]
    if part.size == 0:
        return np.zeros((size, size), np.uint8)
    return geo.cut(one_channel(part, rng), region.moved(left, top), size, mirrored=mirrored)


def _row(*values: float) -> F32:
    return np.array(values, np.float32)


def _image(crop: U8) -> F32:
    return (geo.levelled(crop)[..., None] / np.float32(255)).astype(np.float32)


def empty_grey(size: tuple[int, int], rng: np.random.Generator) -> U8:
    """(h, w) of smooth random light without anything in it."""
    coarse = rng.integers(0, 256, (int(rng.integers(2, 9)), int(rng.integers(2, 9)))).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
