"""Held-out pictures and clips of faces: what the teachers say of them, and what the monitor said. No task of its own.

In: a ``Context`` whose data has ``research/yawdd``, ``open/grid_av`` and ``teachers/mediapipe``. Out: ``Still`` and
``Clip`` per recording, shared by the tasks about faces. Each still is a recording of one frame: nothing is carried over
from another person's. The split is that of ``converters.vision``. Not here: scores.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from converters.evaluation.tasks import Context
from converters.evaluation.watching import Pictures, Watched, watch
from converters.vision import labels, people
from converters.vision.footage import HELD_OUT_CLIPS, clip_frames, read_frames
from converters.vision.teachers import Face, FaceTeacher
from edge_mm.sources import VideoFile

FOOTAGE = ("research/yawdd/frames", "research/yawdd/videos", "open/grid_av", "teachers/mediapipe")
STRIDE = 2
"""The teachers look at every second frame of a clip; the monitor sees all."""
QUICK_STILLS = 16
SURE_OPEN, SURE_CLOSED = labels.EYES_OPEN, labels.EYES_CLOSED
_RATE_HZ = 30.0
_STRAIGHT_FROM = 16
"""One in so many training frames makes the mean face that head angles are measured from."""

U8 = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


class Still(NamedTuple):
    """A frame of somebody whom no net has met."""

    name: str
    person: str
    """Scenes that may show one person are one."""
    yawn: int
    """1, 0; a person said so."""
    face: Face | None
    """Face Mesh and Iris."""
    box: Box | None
    """BlazeFace."""
    frame: U8
    said: Watched


class Clip(NamedTuple):
    """A film of somebody whom no net has met."""

    name: str
    path: Path
    faces: dict[int, Face | None]
    """Frame number -> teachers."""
    rate_hz: float
    frames: int
    said: Watched

    @property
    def hours(self) -> float:
        """Its length."""
        return self.frames / self.rate_hz / 3600


def stills(context: Context) -> list[Still]:
    """The YawDD frames of the held-out people."""
    return context.once("stills", lambda: _stills(context))


def clips(context: Context) -> list[Clip]:
    """The held-out YawDD and GRID clips."""
    return context.once("clips", lambda: _clips(context))


def straight(context: Context) -> npt.NDArray[np.float64]:
    """The mean face of learned people, from which head angles are measured."""
    return context.once("straight", lambda: _straight(context))


def teacher(context: Context) -> FaceTeacher:
    """The teachers' nets, loaded once."""
    return context.once("teacher", lambda: FaceTeacher(context.data / "teachers/mediapipe"))


def reading(said: Watched, name: str) -> float:
    """The first value of a reading, NaN where there is none: what was said of a still."""
    found = said.series(name).value
    return float(found[0]) if len(found) else float("nan")


def opening(face: Face) -> float:
    """Iris opening ratio, mean of the eyes."""
    return float(face.eye_ratio.mean())


def _stills(context: Context) -> list[Still]:
    frames = context.once("frames", lambda: read_frames(context.data))
    rows = [i for i, name in enumerate(frames.names) if frames.held_out[i] and name.startswith("yawdd/")]
    persons = _persons(frames.names, frames.jpegs)
    found = []
    for i in context.each(context.few(rows, QUICK_STILLS), "stills"):
        frame = np.asarray(cv2.imdecode(frames.jpegs[i], cv2.IMREAD_COLOR), np.uint8)
        said = watch(context.bundle, Pictures([frame], rate_hz=_RATE_HZ))
        net, scene = teacher(context), frames.names[i].split(":")[0].removeprefix("yawdd/")
        found.append(
            Still(frames.names[i], persons[scene], frames.yawn[i], net(frame), net.box(frame), frame, said)
        )  # fmt: skip
    return found


def _persons(names: list[str], jpegs: list[npt.NDArray[np.uint8]]) -> dict[str, str]:
    """Scene -> the first scene of its group."""
    rows = [i for i, name in enumerate(names) if name.startswith("yawdd/")]
    scenes = [names[i].split(":")[0].removeprefix("yawdd/") for i in rows]
    pictures = [people.picture(np.asarray(cv2.imdecode(jpegs[i], cv2.IMREAD_COLOR), np.uint8)) for i in rows]
    joined, _ = people.split(scenes, np.stack(pictures))
    return {scene: group[0] for group in joined for scene in group}


def _clips(context: Context) -> list[Clip]:
    folders = {"yawdd_video": context.data / "research/yawdd/videos", "grid": context.data / "open/grid_av"}
    found = []
    for name in context.each(context.few(HELD_OUT_CLIPS[::-1], 1), "clips"):
        kind, file = name.split("/")
        path, net = folders[kind] / file, teacher(context)
        said = watch(context.bundle, VideoFile(path, name="vision"))
        faces = {i: net(frame) for i, frame in enumerate(clip_frames(path)) if i % STRIDE == 0}
        times = said.series("driver.face_found").t_s
        rate_hz = (len(times) - 1) / float(times[-1] - times[0])
        found.append(Clip(name, path, faces, rate_hz, len(times), said))
    return found


def _straight(context: Context) -> npt.NDArray[np.float64]:
    frames = context.once("frames", lambda: read_frames(context.data))
    rows = [i for i, held in enumerate(frames.held_out) if not held][:: _STRAIGHT_FROM * (4 if context.quick else 1)]
    seen = []
    for i in context.each(rows, "mean face of learned people"):
        face = teacher(context)(np.asarray(cv2.imdecode(frames.jpegs[i], cv2.IMREAD_COLOR), np.uint8))
        if face is not None:
            seen.append(face.points)
    return labels.mean_face(np.stack(seen))
