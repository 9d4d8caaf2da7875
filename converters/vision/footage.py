"""The pictures to learn from, what the teachers say about them, and which are held out.

In: the shared data folder (``research/yawdd``, ``open/grid_av``, ``open/intel_head_pose``) and ``teachers/mediapipe``.
Out: ``Footage``: JPEG-coded frames, one row of teacher labels each, a group (scene, clip) and a split by whole groups.
Labels are cached in the work folder. Not here: crops and augmentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from converters.package import npz
from converters.vision.teachers import U8, FaceTeacher

_STRIDE = {"yawdd_video": 2, "grid": 2, "gif": 2}
HELD_OUT_CLIPS = ("yawdd_video/3.avi", "grid/sbwe5n.mpg", "grid/lwbsza.mpg")
"""Clips that are only evaluated; of the YawDD still frames every fifth scene is held out."""
_SAME_PERSON_HELD, _SAME_PERSON_LEARNED = ("yawdd/012", "yawdd/020"), ("yawdd/019", "yawdd/057")
"""Still scenes of the people in the held-out clip 3.avi and in the learned 1.avi and 2.avi (equal backgrounds)."""


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


def load_footage(data: Path, work: Path) -> Footage:
    """Frames and teacher labels; labels come from ``work/teacher.npz`` if it is there."""
    names, jpegs, yawn = [], [], []
    for name, frame, label in _frames(data):
        names.append(name)
        jpegs.append(np.asarray(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], np.uint8))
        yawn.append(label)
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
    groups = [name.split(":")[0] for name in names]
    scenes = sorted({g for g in groups if g.startswith("yawdd/")})
    held = (set(scenes[2::5]) - set(_SAME_PERSON_LEARNED)) | set(_SAME_PERSON_HELD) | set(HELD_OUT_CLIPS)
    return Footage(
        names,
        jpegs,
        stored["points"],
        stored["eye_ratio"],
        stored["lids"],
        np.array(yawn, np.int8),
        np.array([g in held for g in groups]),
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


def _frames(data: Path) -> Iterator[tuple[str, U8, int]]:
    root = data / "research/yawdd"
    scenes = json.loads((root / "scene_clusters.json").read_text())
    for path in sorted((root / "frames").rglob("*.jpg")):
        key = f"{path.parent.name}/{path.name}"
        frame = cv2.imread(str(path))
        if frame is not None and key in scenes:
            yield f"yawdd/{scenes[key]:03d}:{key}", np.asarray(frame, np.uint8), int(path.parent.name == "yawn")
    for kind, folder, pattern, label in (
        ("yawdd_video", root / "videos", "*.avi", -1),
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
