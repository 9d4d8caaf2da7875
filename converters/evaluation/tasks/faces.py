"""Is the driver's face found, where is it, and is none found where there is none?

Read: ``driver.face_found`` and, where the monitor says it, ``driver.face_left`` ...; a bundle's device code that does
not say where the face is is asked by its own ``FaceTracker``. Truth: BlazeFace's box. Pictures without a face: what
lies beside the face in held-out frames, where BlazeFace finds nobody, and parts of a photograph of a flower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from converters.evaluation.results import Result, Table, Target
from converters.evaluation.spread import Spread, of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.driver_footage import FOOTAGE, U8, Box, Still, clips, reading, stills, teacher
from converters.evaluation.watching import Pictures, watch
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.vision_tracker import FaceTracker

TITLE = "Face found"
NEEDS, SENSES = FOOTAGE, ("vision",)
FLOWERS = 150
"""Parts of the photograph."""
_BESIDE = 1.9
"""A picture without the face begins so many face scales from the nose."""
_LEAST = 96
"""Pixels that a part must have on its shorter side."""


def run(context: Context) -> Result:
    """Found, overlap, false faces."""
    result = Result("faces", TITLE)
    table = Table(result, "YawDD stills of held-out people", of="people")
    seen = stills(context)
    there = [one for one in seen if one.box is not None]
    people = [one.person for one in there]
    found = np.array([reading(one.said, "driver.face_found") > 0 for one in there])
    n = f"{int(found.sum())}/{len(there)} frames with a face by BlazeFace"
    table.spread("face found", _mean(found, people), n=n, target=Target(">=", 0.99))
    overlap = np.array([_overlap(context, one) for one in there])
    table.spread(
        "box IoU against BlazeFace", _mean(overlap[found], [p for p, hit in zip(people, found, strict=True) if hit]),
        n=f"{int(found.sum())} frames where it was found", target=Target(">=", 0.75),
        note="our square was fitted to BlazeFace's habit on training frames",
    )  # fmt: skip
    _without(context, result, there)
    for clip in clips(context):
        values = clip.said.series("driver.face_found").value
        Table(result, f"clip {clip.name}", of="clips").count(
            "face found", int((values > 0).sum()), len(values), what="frames"
        )
    return result


def _without(context: Context, result: Result, seen: list[Still]) -> None:
    pictures = [("beside", one.person, part) for one in seen for part in _beside(one)]
    beside = [(person, part) for _, person, part in pictures if teacher(context).box(part) is None]
    flower = [("flower", part) for part in _flowers(12 if context.quick else FLOWERS)]
    for split, parts, of in (
        ("beside the face in held-out frames", beside, "people"),
        ("photograph of a flower (held out)", flower, "photographs"),
    ):
        wrong = 0
        for _, part in context.each(parts, f"pictures without a face, {split}"):
            said = watch(context.bundle, Pictures([part], rate_hz=30.0))
            wrong += reading(said, "driver.face_found") > 0
        table = Table(result, split, of=of)
        table.count(
            "face found where there is none", wrong, len(parts), what="pictures", target=Target("<=", 0.01),
            note="parts of one picture are alike, so the interval is too narrow",
        )  # fmt: skip


def _overlap(context: Context, one: Still) -> float:
    assert one.box is not None  # noqa: S101  # the caller chose those with a box
    left = reading(one.said, "driver.face_left")
    if np.isfinite(left):
        top, wide, high = (reading(one.said, f"driver.face_{side}") for side in ("top", "width", "height"))
        return iou((left, top, left + wide, top + high), one.box)
    face = FaceTracker(context.bundle)(one.frame, 0)
    return 0.0 if face is None else iou(geo.face_box(face.points), one.box)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0..1."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _beside(one: Still) -> list[U8]:
    if one.face is None:
        return []
    scale = float(np.linalg.norm(one.face.points[33, :2] - one.face.points[263, :2])) / 1.4
    reach, (x, y) = _BESIDE * scale, one.face.points[2, :2]
    parts = [
        one.frame[:, : max(int(x - reach), 0)], one.frame[:, max(int(x + reach), 0) :],
        one.frame[max(int(y + reach), 0) :],
    ]  # fmt: skip
    return [np.ascontiguousarray(part) for part in parts if min(part.shape[:2]) >= _LEAST]


def _flowers(count: int) -> list[U8]:
    from sklearn.datasets import load_sample_image

    from converters.vision.scenes import PHOTOGRAPHS

    photo = np.ascontiguousarray(load_sample_image(PHOTOGRAPHS[True])[..., ::-1])
    rng = np.random.default_rng(0)
    parts: list[U8] = []
    for _ in range(count):
        size = int(rng.integers(120, 420))
        left, top = int(rng.integers(photo.shape[1] - size)), int(rng.integers(photo.shape[0] - size))
        parts.append(np.ascontiguousarray(photo[top : top + size, left : left + size]))
    return parts


def _mean(values: npt.NDArray[np.generic], groups: list[str]) -> Spread:
    terms = np.column_stack([values, np.ones(len(values))]).astype(np.float64)
    return of_sums(terms, groups, share)
