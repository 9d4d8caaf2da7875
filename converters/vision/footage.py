"""The pictures to learn from, what the teachers say about them, and which are held out.

In: the shared data folder (``research/yawdd``, ``open/grid_av``, ``open/intel_head_pose``) and ``teachers/mediapipe``.
Out: ``Footage``: JPEG-coded frames, one row of teacher labels each, a group (scene, clip) and a split by people.
Labels are cached in the work folder. Not here: crops and augmentation, who is who (``people``, ``converters.grid``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from converters import grid
from converters.package import npz
from converters.vision import people
from converters.vision.teachers import U8, FaceTeacher

_STRIDE = {"yawdd_video": 2, "grid": 2, "gif": 2}
HELD_OUT_CLIPS = (
    f"yawdd_video/{people.HELD_OUT_CLIP}",
    *(f"grid/{clip}.mpg" for clip in sorted(grid.SPEAKERS) if grid.held_out(clip)),
)
"""Clips that are only evaluated; of the YawDD still frames the scenes that ``people`` holds out."""


@dataclass(frozen=True, slots=True)
class Footage:
    """Frames with labels; row i of every array belongs to frame i."""

    names: list[str]
    """``GROUP:frame``."""
    jpegs: list[npt.NDArray[np.uint8]]
    """Coded frames (quality 95)."""
    points: npt.NDArray[np.float32]
    """(n, 468, 3) pixels; NaN where no face was found."""
    eye_ratio: npt.NDArray[np.float32]
    """(n, 2)."""
    lids: npt.NDArray[np.float32]
    """(n, 2, 16, 2) pixels."""
    yawn: npt.NDArray[np.int8]
    """1 yawn, 0 none, -1 not said by a person."""
    held_out: npt.NDArray[np.bool_]
    """True: never trained on."""

    def frame(self, index: int) -> U8:
        """(h, w, 3) BGR."""
        return np.asarray(cv2.imdecode(self.jpegs[index], cv2.IMREAD_COLOR), np.uint8)

    def group(self, index: int) -> str:
        """Scene or clip the frame belongs to."""
        return self.names[index].split(":")[0]


class Frames(NamedTuple):
    """The frames before any teacher has seen them; row i of each belongs to frame i, as in ``Footage``."""

    names: list[str]
    jpegs: list[npt.NDArray[np.uint8]]
    yawn: list[int]
    held_out: npt.NDArray[np.bool_]


def read_frames(data: Path) -> Frames:
    """Every still and every second frame of the clips, with their side of the split."""
    names, jpegs, yawn = [], [], []
    scenes, pictures = [], []
    for name, frame, label in _stills(data):
        scenes.append(name[len("yawdd/") : name.index(":")])
        pictures.append(people.picture(frame))
        names.append(name)
        jpegs.append(_coded(frame))
        yawn.append(label)
    for name, frame, label in _clips(data):
        names.append(name)
        jpegs.append(_coded(frame))
        yawn.append(label)
    _, held_scenes = people.split(scenes, np.stack(pictures))
    held = {f"yawdd/{scene}" for scene in held_scenes} | set(HELD_OUT_CLIPS)
    return Frames(names, jpegs, yawn, np.array([name.split(":")[0] in held for name in names]))


def load_footage(data: Path, work: Path) -> Footage:
    """Frames and teacher labels; labels come from ``work/teacher.npz`` if it is there."""
    names, jpegs, yawn, held_out = read_frames(data)
    cache = work / "teacher.npz"
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as file:
            stored = {key: file[key] for key in file.files}
        if stored.pop("names").tolist() != names:
            raise ValueError(f"{cache} belongs to other frames: delete it to label again")
    else:
        stored = _label(jpegs, FaceTeacher(data / "teachers/mediapipe"))
        work.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, npt.NDArray[np.generic]] = {"names": np.array(names), **stored}
        cache.write_bytes(npz(arrays))
    return Footage(
        names,
        jpegs,
        stored["points"],
        stored["eye_ratio"],
        stored["lids"],
        np.array(yawn, np.int8),
        held_out,
    )


def _label(jpegs: list[npt.NDArray[np.uint8]], teacher: FaceTeacher) -> dict[str, npt.NDArray[np.float32]]:
    count = len(jpegs)
    points = np.full((count, 468, 3), np.nan, np.float32)
    ratio = np.full((count, 2), np.nan, np.float32)
    lids = np.full((count, 2, 16, 2), np.nan, np.float32)
    for i, coded in enumerate(jpegs):
        if i % 200 == 0:
            print(f"teachers: frame {i} of {count}", flush=True)
        face = teacher(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8))
        if face is not None:
            points[i], ratio[i], lids[i] = face.points, face.eye_ratio, face.lids
    return {"points": points, "eye_ratio": ratio, "lids": lids}


def _coded(frame: U8) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], np.uint8)


def _stills(data: Path) -> Iterator[tuple[str, U8, int]]:
    root = data / "research/yawdd"
    scenes = json.loads((root / "scene_clusters.json").read_text())
    for path in sorted((root / "frames").rglob("*.jpg")):
        key = f"{path.parent.name}/{path.name}"
        frame = cv2.imread(str(path))
        if frame is not None and key in scenes:
            yield f"yawdd/{scenes[key]:03d}:{key}", np.asarray(frame, np.uint8), int(path.parent.name == "yawn")


def _clips(data: Path) -> Iterator[tuple[str, U8, int]]:
    for kind, folder, pattern, label in (
        ("yawdd_video", data / "research/yawdd/videos", "*.avi", -1),
        ("grid", data / "open/grid_av", "*.mpg", 0),
        ("gif", data / "open/intel_head_pose", "*.gif", -1),
    ):
        for path in sorted(folder.glob(pattern)):
            for i, frame in enumerate(clip_frames(path)):
                if i % _STRIDE[kind] == 0:
                    yield f"{kind}/{path.name}:{i}", frame, label


def clip_frames(path: Path) -> Iterator[U8]:
    """Every frame of a clip, (h, w, 3) BGR."""
    capture = cv2.VideoCapture(str(path))
    while True:
        good, frame = capture.read()
        if not good:
            break
        yield np.asarray(frame, np.uint8)
    capture.release()
