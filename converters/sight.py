"""Faces -> tracks: stills and clips through the device's vision front end.

In: the footage of ``converters.vision`` (YawDD scenes, GRID, head-pose clips) with its held-out people. Out: tracks of
kind ``neutral``, ``talking``, ``yawn``, ``closed``, ``turned``. Not here: labels (``vision.labels``), sequences.

A still is pushed as a short trembling clip (noise, a pixel or two of shift, a little light), as a camera would see a
face that holds still. Two things are simulated, and are called so in the model card: **closed** eyes of stills (the
upper lid is drawn down by ``vision.blink``; the shared data has 44 real stills with closed eyes) and **turned** heads
of scenes whose camera stands aside (the mirrored still: from a head 30 degrees to one side of the camera to one 30
degrees to the other).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from converters.tracks import Track, track
from converters.vision.blink import closed_by
from converters.vision.footage import Footage, load_footage
from converters.vision.labels import EYES_CLOSED, EYES_OPEN, MOUTH_OPEN, YAWN_GAP, head_angles, lip_gap, mean_face
from edge_mm.models.bundle import Bundle
from edge_mm.perception.vision import VisionFrontEnd
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

U8 = npt.NDArray[np.uint8]
Spoil = Callable[[U8], U8]

RATE_HZ = 10.0
SETTLE, KEEP = 2, 4
"""Frames pushed before a still's embeddings count (the face must be found), and how many are kept."""
ASIDE_DEG = 15.0
"""A scene whose usual yaw is beyond this has its camera aside; mirroring it turns the head by at least twice that."""
TURNED_DEG = 25.0
"""Away from the scene's usual yaw or pitch by this: turned."""


def vision_tracks(bundle: Bundle, data: Path, work: Path, *, seed: int, spoil: Spoil | None = None) -> list[Track]:
    """Every track of the footage.

    Args:
        bundle: with the vision part.
        data: the shared data.
        work: folder with (or for) the teachers' labels, ``teacher.npz``.
        seed: of the trembling.
        spoil: what happens to each frame before the camera sees it; the held-out people alone are then shown.
    """
    from tqdm import tqdm

    footage = load_footage(data, work)
    angles = _angles(footage)
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for i in range(len(footage.names)):
        groups.setdefault(footage.group(i), []).append(i)
    tracks: list[Track] = []
    for group, rows in tqdm(groups.items(), desc="vision tracks"):
        if spoil is not None and not footage.held_out[rows[0]]:
            continue
        usual = np.nanmedian(angles[rows], axis=0) if np.isfinite(angles[rows]).any() else np.zeros(2)
        if group.startswith("yawdd/"):
            tracks += _scene(
                bundle, footage, group, rows, angles - usual, yaw=float(usual[0]), rng=rng, spoil=spoil or _as_it_is
            )
        else:
            tracks += _clip(bundle, footage, group, rows, angles - usual, spoil=spoil or _as_it_is)
    return tracks


def _as_it_is(frame: U8) -> U8:
    return frame


def _angles(footage: Footage) -> npt.NDArray[np.float64]:
    """(n, 2) yaw and pitch in degrees, NaN without a face."""
    seen = np.isfinite(footage.points[:, 0, 0])
    straight = mean_face(footage.points[seen][::7])
    angles = np.full((len(seen), 2), np.nan)
    for i in np.flatnonzero(seen):
        angles[i] = head_angles(footage.points[i], straight)[:2]
    return angles


def _kind(footage: Footage, i: int, away: npt.NDArray[np.float64]) -> str | None:
    """What frame i shows; None where no teacher is sure."""
    if not np.isfinite(footage.points[i, 0, 0]):
        return None
    gap = lip_gap(footage.points[i])
    if footage.yawn[i] == 1 or (footage.yawn[i] < 0 and gap > YAWN_GAP):
        return "yawn"
    if np.abs(away).max() > TURNED_DEG:
        return "turned"
    ratio = float(np.nanmean(footage.eye_ratio[i]))
    if ratio < EYES_CLOSED:
        return "closed"
    if ratio < EYES_OPEN:
        return None
    return "talking" if gap > MOUTH_OPEN else "neutral"


class _Camera:
    """One front end that is shown stills, one after the other."""

    def __init__(self, bundle: Bundle, rng: np.random.Generator) -> None:
        self._front_end = VisionFrontEnd(bundle, StreamSpec("cam", "video", RATE_HZ, "bgr8"))
        self._rng = rng
        self._noise = rng.normal(0, 3, (1024, 1024)).astype(np.float32)  # drawn once: it is cut at random places
        self._frames = 0

    def show(self, frame: U8, **what: Any) -> Track | None:
        """Push a trembling clip of a still; gives its track."""
        readings: list[Observation | Embedding] = []
        after_ns = 0
        light = 1 + self._rng.normal(0, 0.05)
        for k in range(SETTLE + KEEP):
            t_ns = round(self._frames * NS_PER_S / RATE_HZ)
            after_ns = t_ns if k == SETTLE else after_ns
            dx, dy = self._rng.normal(0, 1.0, 2)
            move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            moved = cv2.warpAffine(frame, move, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
            shaken = np.clip(moved * np.float32(light) + self._grain(frame), 0, 255).astype(np.uint8)
            readings += self._front_end.push(Sample("cam", t_ns, shaken, RATE_HZ))
            self._frames += 1
        return track(readings, modality="vision", after_ns=after_ns, **what)

    def _grain(self, frame: U8) -> npt.NDArray[np.float32]:
        """(h, w, 1) grey noise of a sensor, standard deviation 3 of 255."""
        height, width = frame.shape[:2]
        y, x = self._rng.integers(1024, size=2)
        rows, columns = (y + np.arange(height)) % 1024, (x + np.arange(width)) % 1024
        return np.asarray(self._noise[rows][:, columns, None], np.float32)


def _scene(
    bundle: Bundle,
    footage: Footage,
    group: str,
    rows: Sequence[int],
    away: npt.NDArray[np.float64],
    *,
    yaw: float,
    rng: np.random.Generator,
    spoil: Spoil,
) -> Iterator[Track]:
    """Stills of one scene, as it is and mirrored: two persons as far as the composites are concerned."""
    for mirrored in (False, True):
        camera = _Camera(bundle, rng)
        for i in rows:
            kind = _kind(footage, i, away[i])
            if kind is None:
                continue
            frame = footage.frame(i)
            shown = [(kind, frame, group, mirrored)]
            if kind == "neutral":
                shown.append(("closed", _closed(frame, footage.lids[i], rng), group, mirrored))
                if abs(yaw) > ASIDE_DEG:
                    shown.append(("turned", frame, group, not mirrored))
            for name, picture, scene, flip in shown:
                flipped = np.ascontiguousarray(picture[:, ::-1]) if flip else picture
                side = "mirrored" if mirrored else "as filmed"
                one = camera.show(
                    spoil(flipped), kind=name, group=f"{scene} {side}", held_out=bool(footage.held_out[i])
                )
                if one is not None:
                    yield one


def _clip(
    bundle: Bundle, footage: Footage, group: str, rows: Sequence[int], away: npt.NDArray[np.float64], *, spoil: Spoil
) -> Iterator[Track]:
    """Runs of one kind in a real clip, every second frame of it."""
    spec = StreamSpec("cam", "video", 15.0, "bgr8")
    front_end = VisionFrontEnd(bundle, spec)
    run: list[Observation | Embedding] = []
    kinds = [_kind(footage, i, away[i]) for i in rows]
    if group.startswith("grid/"):
        kinds = ["talking" if kind == "neutral" else kind for kind in kinds]
    for k, i in enumerate(rows):
        frame = spoil(footage.frame(i))
        run += front_end.push(Sample("cam", round(k * NS_PER_S / spec.rate_hz), frame, spec.rate_hz))
        kind = kinds[k]
        if k + 1 == len(rows) or kinds[k + 1] != kind:
            held_out = bool(footage.held_out[i])
            one = track(run, modality="vision", kind=kind, group=group, held_out=held_out) if kind else None
            run = []
            if one is not None and len(one.vectors) >= 2:
                yield one


def _closed(frame: U8, lids: npt.NDArray[np.float32], rng: np.random.Generator) -> U8:
    """Both eyes drawn shut."""
    out = frame.copy()
    for eye in lids:
        if not np.isfinite(eye).all():
            continue
        half = 1.1 * float(np.linalg.norm(eye[0] - eye[8]))
        x, y = (eye.mean(axis=0) - half).astype(int)
        size = int(2 * half)
        if size < 6 or x < 0 or y < 0 or x + size > frame.shape[1] or y + size > frame.shape[0]:
            continue
        state = rng.bit_generator.state
        for channel in range(3):
            rng.bit_generator.state = state  # the same lash line in all colours
            square = np.ascontiguousarray(out[y : y + size, x : x + size, channel])
            out[y : y + size, x : x + size, channel] = closed_by(square, eye - np.array([x, y], np.float32), 1.0, rng)
    return out
