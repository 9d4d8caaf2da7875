"""The vision front end: a frame in, readings and one embedding out.

In: ``Sample``s of a video stream, uint8 BGR (or grey), any size, in time order. Out, per frame and in this order:
``sensor.quality`` (about once a second), ``driver.face_found``; when there is a face also ``driver.eyes_closed``,
``driver.mouth_open``, ``driver.yawning`` (probabilities, means over at most 0.3 s), ``driver.head_yaw_deg``,
``driver.head_pitch_deg``, ``driver.head_roll_deg``, where the face is (``PLACES``: its box and its eyes, pixels of the
frame) and one ``Embedding``: 16 numbers of the eyes, 16 of the mouth, yaw, pitch and roll in units of 90 degrees, and
the three probabilities of this frame alone.

Signs, in a picture that is not mirrored: yaw > 0 when the face turns to the image's right (the person's left),
pitch > 0 when it looks up, roll > 0 when the head is tilted clockwise in the image (to the person's left shoulder).

Every frame is inferred once and afresh. Not here: how long something lasts (rules), where the gaze goes.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, TypedDict

import msgspec
import numpy as np
from msgspec import Meta

from edge_mm.errors import BundleError
from edge_mm.models.bundle import Bundle
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph
from edge_mm.perception.params import Positive, Share, decoded
from edge_mm.perception.vision_geometry import F32, U8
from edge_mm.perception.vision_picture import Picture, checked, judge
from edge_mm.perception.vision_tracker import POSE_UNIT_DEG, Face, FaceTracker
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

_FAR_EYE_FROM_DEG, _FAR_EYE_TO_DEG = 15.0, 40.0
"""Between these yaws the farther eye counts less and less."""
_HIDDEN_FROM_DEG, _HIDDEN_TO_DEG = 35.0, 75.0
"""Between these turns of the head, eyes and mouth are seen worse and worse."""
PLACES = (
    "driver.face_left",
    "driver.face_top",
    "driver.face_width",
    "driver.face_height",
    "driver.eye_left_x",
    "driver.eye_left_y",
    "driver.eye_right_x",
    "driver.eye_right_y",
)
"""Where the face is, in pixels of the frame from its top left corner: a detector's square from brow to chin, and
the middles of the eyes at the image's left and right. They may lie outside of the frame."""

_Span = Annotated[float, Meta(ge=0, le=60)]


class _Settle(msgspec.Struct, frozen=True):
    eyes: _Span
    open: _Span
    yawn: _Span


class _Params(msgspec.Struct, frozen=True):
    face_keep: Share
    """Least score to follow a face."""
    face_find: Share
    """Least score to begin to."""
    eye_px: Positive
    """An eye narrower than this is seen worse, pixels."""
    mouth_px: Positive
    """The same of a mouth."""
    settle_s: _Settle
    """Seconds that a reading is the mean of."""


class _Seen(TypedDict):
    quality: float
    label: str


class VisionFrontEnd:
    """Satisfies ``FrontEnd`` for one video stream."""

    def __init__(self, bundle: Bundle, spec: StreamSpec) -> None:
        """Load the four graphs.

        Raises:
            BundleError: the bundle has no vision, or a parameter of it is wrong.
        """
        given = bundle.front_end("vision")
        if given is None:
            raise BundleError(f"{bundle.source}: this bundle has no vision: leave out stream {spec.name!r}")
        params = decoded(given, _Params, where=f"{bundle.source}: front end vision")
        self._spec = spec
        self._tracker = FaceTracker(bundle, keep=params.face_keep, find=params.face_find)
        self._eye, self._mouth = load_graph(bundle, "vision.eye"), load_graph(bundle, "vision.mouth")
        self._least_eye_px, self._least_mouth_px = params.eye_px, params.mouth_px
        settle = msgspec.structs.asdict(params.settle_s)
        self._recent = {name: _Recent(round(span_s * NS_PER_S)) for name, span_s in settle.items()}
        self._sensor_ns: int | None = None
        self._sensor_label = ""
        self._end_ns = -(2**62)

    @property
    def latency_s(self) -> float:
        """An Embedding comes with its frame."""
        return 0.0

    def push(self, sample: Sample) -> list[Observation | Embedding]:
        """Read one frame.

        Raises:
            SourceError: the sample is not a picture.
        """
        frame = checked(sample.data, self._spec.name)
        picture = judge(frame)
        seen: _Seen = {"quality": picture.quality, "label": picture.label}
        out: list[Observation | Embedding] = []
        if self._sensor_ns is None or sample.t_ns - self._sensor_ns >= NS_PER_S or picture.label != self._sensor_label:
            self._sensor_ns, self._sensor_label = sample.t_ns, picture.label
            out.append(self._reading(sample, "sensor.quality", picture.quality, "1", **seen))
        face = self._tracker(frame, sample.t_ns) if picture.quality > 0 else None
        found = 0.0 if face is None else face.score
        out.append(self._reading(sample, "driver.face_found", found, "probability", **seen))
        if face is None:
            for recent in self._recent.values():
                recent.clear()
        else:
            out.extend(self._read(sample, frame, picture, face))
        return out

    def flush(self) -> list[Observation | Embedding]:
        """Nothing waits here."""
        return []

    def _read(self, sample: Sample, frame: U8, picture: Picture, face: Face) -> list[Observation | Embedding]:
        scale, turn = geo.face_scale(face.points), max(abs(face.yaw_deg), abs(face.pitch_deg))
        seen = face.score * picture.quality * (0.3 + 0.7 * face.sharpness)
        bare = _falling(turn, _HIDDEN_FROM_DEG, _HIDDEN_TO_DEG)
        eyes_quality = seen * bare * min(geo.EYE_SPAN * scale / self._least_eye_px, 1.0)
        mouth_quality = seen * bare * min(geo.MOUTH_SPAN * scale / self._least_mouth_px, 1.0)
        crops = read_crops(frame, face.points)
        closed, eyes = self._eyes(crops[0], crops[1], face.yaw_deg)
        mouth = self._mouth(image=geo.as_input(crops[2]))
        opened, yawn = float(mouth["open"][0]), float(mouth["yawn"][0])
        pose = face.yaw_deg, face.pitch_deg, face.roll_deg
        out: list[Observation | Embedding] = []
        for name, key, value, quality in (
            ("driver.eyes_closed", "eyes", closed, eyes_quality),
            ("driver.mouth_open", "open", opened, mouth_quality),
            ("driver.yawning", "yawn", yawn, mouth_quality),
        ):
            settled = self._recent[key].add(sample.t_ns, value)
            out.append(self._reading(sample, name, settled, "probability", quality=quality))
        sure = face.score * picture.quality
        for name, value in zip(("yaw", "pitch", "roll"), pose, strict=True):
            out.append(self._reading(sample, f"driver.head_{name}_deg", value, "deg", quality=sure))
        left, top, right, bottom = geo.face_box(face.points)
        where = (left, top, right - left, bottom - top, *face.points[:2].ravel().tolist())
        for name, value in zip(PLACES, where, strict=True):
            out.append(self._reading(sample, name, value, "px", quality=sure))
        rest = np.array([*(angle / POSE_UNIT_DEG for angle in pose), closed, opened, yawn], np.float32)
        vector = np.concatenate([eyes, mouth["embedding"], rest])
        rate = sample.rate_hz if sample.rate_hz > 0 else self._spec.rate_hz
        start, end = max(sample.t_ns, self._end_ns), sample.t_ns + round(NS_PER_S / rate)
        if end > start:
            self._end_ns = end
            quality = max(eyes_quality, mouth_quality)
            out.append(Embedding(start, end - start, self._spec.name, vector, _unit(quality)))
        return out

    def _eyes(self, left: U8, right: U8, yaw_deg: float) -> tuple[float, F32]:
        far = _falling(abs(yaw_deg), _FAR_EYE_FROM_DEG, _FAR_EYE_TO_DEG)
        share = far / (1 + far)
        weights = (1 - share, share) if yaw_deg > 0 else (share, 1 - share)
        closed, embedding = 0.0, np.zeros(self._eye.outputs["embedding"][-1], np.float32)
        for crop, weight in zip((left, right), weights, strict=True):
            if weight > 0:
                out = self._eye(image=geo.as_input(crop))
                closed += weight * float(out["closed"][0])
                embedding += np.float32(weight) * out["embedding"]
        return closed, embedding

    def _reading(
        self, sample: Sample, name: str, value: float, unit: str, *, quality: float, label: str = ""
    ) -> Observation:
        return Observation(sample.t_ns, name, value, unit, _unit(quality), "vision", self._spec.name, label)


def read_crops(frame: U8, points: F32) -> tuple[U8, U8, U8]:
    """The levelled crops of the left eye, the right eye (mirrored, so that it looks like a left one) and the mouth."""
    left, right = geo.eye_regions(points)
    return (
        geo.levelled(geo.cut(frame, left, geo.EYE_SIZE)),
        geo.levelled(geo.cut(frame, right, geo.EYE_SIZE, mirrored=True)),
        geo.levelled(geo.cut(frame, geo.mouth_region(points), geo.MOUTH_SIZE)),
    )


class _Recent:
    """Mean over the values of the last moments, by their time stamps."""

    def __init__(self, span_ns: int) -> None:
        self._span_ns = span_ns
        self._values: deque[tuple[int, float]] = deque()

    def add(self, t_ns: int, value: float) -> float:
        values = self._values
        values.append((t_ns, value))
        while values[0][0] <= t_ns - self._span_ns and len(values) > 1:
            values.popleft()
        return sum(v for _, v in values) / len(values)

    def clear(self) -> None:
        self._values.clear()


def _falling(value: float, start: float, end: float) -> float:
    return min(max((end - value) / (end - start), 0.0), 1.0)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
