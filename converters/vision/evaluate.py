"""Scores of a vision part on people and clips that were not trained on.

In: a Bundle that holds the part, the held-out ``Album``, the data folder. Out: a JSON-able report. Everything but the
float columns runs through the device's own front end and ``edge_mm.perception.litert``. Not here: training.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from converters.vision import labels
from converters.vision.footage import HELD_OUT_CLIPS, clip_frames
from converters.vision.samplers import Album
from converters.vision.scenes import background_sampler, compose
from edge_mm.models.bundle import Bundle
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph
from edge_mm.perception.vision import VisionFrontEnd, read_crops
from edge_mm.perception.vision_geometry import F32, U8
from edge_mm.perception.vision_tracker import FaceTracker
from edge_mm.types import Observation, Sample, StreamSpec

Report = dict[str, Any]
_RATE = 30.0
_SPEC = StreamSpec("camera", "video", _RATE, "bgr8")


def evaluate(bundle: Bundle, album: Album, data: Path, floats: Mapping[str, Any]) -> Report:
    """All scores; ``floats`` has the Keras models by graph name."""
    backgrounds = background_sampler(album)
    report: Report = {"localiser": _localiser(bundle, album)}
    report["localiser"] |= _wide(bundle, album, backgrounds)
    report |= _stills(bundle, album)
    report["clips"] = _clips(bundle, album, data)
    report["eyes_other_data_set"] = _kaggle(bundle, data)
    report["float_and_int8"] = _crops(bundle, album, floats)
    return report


def auroc(score: npt.NDArray[np.floating], label: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half); NaN if a class is missing."""
    order = np.argsort(score, kind="stable")
    _, inverse, counts = np.unique(score[order], return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    rank = np.empty(len(score))
    rank[order] = middle[inverse]
    yes = int(label.sum())
    no = len(label) - yes
    if yes == 0 or no == 0:
        return float("nan")
    return float((rank[label].sum() - yes * (yes + 1) / 2) / (yes * no))


def readings(bundle: Bundle, frames: Iterator[U8], *, rate_hz: float = _RATE) -> Iterator[dict[str, float]]:
    """Per frame: reading name -> value, of one stream."""
    front = VisionFrontEnd(bundle, StreamSpec("camera", "video", rate_hz, "bgr8"))
    for i, frame in enumerate(frames):
        out = front.push(Sample("camera", round(i * 1e9 / rate_hz), frame, rate_hz))
        yield {o.name: o.value for o in out if isinstance(o, Observation)}


def _iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _localiser(bundle: Bundle, album: Album) -> Report:
    overlap, error = [], []
    for j in np.flatnonzero(album.alone):
        face = FaceTracker(bundle)(album.frame(int(j)), 0)
        points = album.points[j]
        overlap.append(0.0 if face is None else _iou(geo.face_box(face.points), geo.face_box(points)))
        if face is not None and overlap[-1] > 0.3:
            error.append(np.linalg.norm(face.points[:4] - points[:4], axis=1) / geo.face_scale(points))
    hits = np.array(overlap) > 0.5
    eyes = np.array(error)
    return {
        "in_car_frames": len(hits),
        "in_car_hit": _r(hits.mean()),
        "in_car_iou_of_hits": _r(np.array(overlap)[hits].mean()),
        "eye_error_in_scales_median": _r(np.median(eyes[:, :2])),
        "eye_error_p95": _r(np.percentile(eyes[:, :2], 95)),
        "mouth_error_median": _r(np.median(eyes[:, 3])),
        "mouth_error_p95": _r(np.percentile(eyes[:, 3], 95)),
    }


def _wide(bundle: Bundle, album: Album, backgrounds: Any) -> Report:
    rng = np.random.default_rng(3)
    report: Report = {}
    rows = np.flatnonzero(album.alone)
    for low, high in ((0.10, 0.20), (0.20, 0.35), (0.35, 0.60)):
        hits = []
        for _ in range(150):
            j = int(rng.choice(rows))
            scale = float(rng.uniform(low, high)) * 480 / 2.8  # forehead to chin is about 2.8 face scales
            picture, nose, scale = compose(album, j, (480, 640), rng, backgrounds, wide=True, scale=scale)
            face = FaceTracker(bundle)(picture, 0)
            hits.append(face is not None and _near(face.points, nose, scale))
        report[f"wide_hit_{round(100 * low)}_{round(100 * high)}_percent_of_height_simulated"] = _r(np.mean(hits))
    wrong = [FaceTracker(bundle)(_large(backgrounds(rng)), 0) is not None for _ in range(300)]
    return {**report, "false_face_in_pictures_without": _r(np.mean(wrong))}


def _near(points: F32, nose: tuple[float, float], scale: float) -> bool:
    far = float(np.hypot(points[2, 0] - nose[0], points[2, 1] - nose[1]))
    return far < 0.5 * scale and 0.7 < geo.face_scale(points) / scale < 1.4


def _stills(bundle: Bundle, album: Album) -> Report:
    rows = [int(j) for j in np.flatnonzero(album.alone)]
    read = [next(readings(bundle, iter([album.frame(j)]))) for j in rows]
    closed = album.ratio[rows].mean(1) < labels.EYES_CLOSED
    opened = album.ratio[rows].mean(1) > labels.EYES_OPEN
    yawn = np.array([album.yawn(j) for j in rows])
    still = np.array([album.groups[j].startswith("yawdd/") for j in rows])
    value = {
        name: np.array([r.get(f"driver.{name}", np.nan) for r in read])
        for name in ("eyes_closed", "mouth_open", "yawning", "head_yaw_deg", "head_pitch_deg", "head_roll_deg")
    }
    report: Report = {"frames_with_a_face": _r(np.isfinite(value["yawning"]).mean())}
    eyes = np.where(np.isfinite(value["eyes_closed"]), value["eyes_closed"], 0.0)
    sure = closed | opened
    report["eyes_closed"] = {
        "closed": int(closed.sum()),
        "open": int(opened.sum()),
        "auroc": _r(auroc(eyes[sure], closed[sure])),
        "balanced_accuracy_at_0.5": _r(((eyes[closed] > 0.5).mean() + (eyes[opened] <= 0.5).mean()) / 2),
        "false_closed_at_0.5": _r((eyes[opened] > 0.5).mean()),
    }
    yes = np.where(np.isfinite(value["yawning"]), value["yawning"], 0.0)
    said = still & (album.footage.yawn[album.rows[rows]] >= 0)
    truth = album.footage.yawn[album.rows[rows]] == 1
    report["yawning"] = {
        "yawn": int((said & truth).sum()),
        "none": int((said & ~truth).sum()),
        "frame_auroc": _r(auroc(yes[said], truth[said])),
        "balanced_accuracy_at_0.5": _r(((yes[said & truth] > 0.5).mean() + (yes[said & ~truth] <= 0.5).mean()) / 2),
        "frame_auroc_with_clips": _r(auroc(yes[yawn[:, 1] > 0], yawn[yawn[:, 1] > 0, 0] > 0)),
    }
    gap = album.gap[rows]
    clear = (gap > labels.MOUTH_OPEN) | (gap < labels.MOUTH_SHUT)
    mouth = np.where(np.isfinite(value["mouth_open"]), value["mouth_open"], 0.0)
    report["mouth_open"] = {"auroc": _r(auroc(mouth[clear], gap[clear] > labels.MOUTH_OPEN))}
    there = np.isfinite(value["head_yaw_deg"])
    for k, name in enumerate(("yaw", "pitch", "roll")):
        ours, theirs = value[f"head_{name}_deg"][there], album.angles[rows][there, k]
        report[f"head_{name}"] = {
            "correlation_with_teacher": _r(np.corrcoef(ours, theirs)[0, 1]),
            "mean_absolute_difference_deg": _r(np.abs(ours - theirs).mean()),
        }
    return report


def _clips(bundle: Bundle, album: Album, data: Path) -> Report:
    report: Report = {}
    paths = {"yawdd_video": data / "research/yawdd/videos", "grid": data / "open/grid_av"}
    for clip in HELD_OUT_CLIPS:
        kind, name = clip.split("/")
        read = list(readings(bundle, clip_frames(paths[kind] / name)))
        rows = [j for j in range(len(album)) if album.groups[j] == clip]
        at = np.array([int(album.footage.names[album.rows[j]].split(":")[1]) for j in rows])
        found = np.array([r["driver.face_found"] for r in read])
        kinds = "eyes_closed", "yawning", "head_yaw_deg"
        value = {k: np.array([r.get(f"driver.{k}", 0.0) for r in read]) for k in kinds}
        ratio = album.ratio[rows].mean(1)
        sure = (ratio < labels.EYES_CLOSED) | (ratio > labels.EYES_OPEN)
        said = np.array([album.yawn(j) for j in rows])
        use = said[:, 1] > 0
        report[clip] = {
            "frames": len(read),
            "face_found": _r((found > 0.5).mean()),
            "eyes_closed_auroc": _r(auroc(value["eyes_closed"][at][sure], ratio[sure] < labels.EYES_CLOSED)),
            "yawning_auroc_by_lip_gap": _r(auroc(value["yawning"][at][use], said[use, 0] > 0)),
            "yawning_above_0.5": _r((value["yawning"] > 0.5).mean()),
            "yaw_correlation": _r(np.corrcoef(value["head_yaw_deg"][at], album.angles[rows, 0])[0, 1]),
        }
    frames = list(clip_frames(paths["yawdd_video"] / "3.avi"))[:300]
    list(readings(bundle, iter(frames[:30])))
    begun = time.process_time()
    list(readings(bundle, iter(frames)))
    report["cpu_ms_per_640x480_frame"] = _r((time.process_time() - begun) / len(frames) * 1e3)
    return report


def _kaggle(bundle: Bundle, data: Path) -> Report:
    graph = load_graph(bundle, "vision.eye")
    score, label = [], []
    for kind in ("Closed", "Open"):
        for path in sorted((data / "research/kaggle_eyes" / kind).glob("*.jpg")):
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if grey is None:
                continue
            side = min(grey.shape)
            top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
            square = np.ascontiguousarray(grey[top : top + side, left : left + side])
            crop = geo.levelled(np.asarray(cv2.resize(square, (32, 32), interpolation=cv2.INTER_AREA), np.uint8))
            sides = crop, np.ascontiguousarray(crop[:, ::-1])
            both = [float(graph(image=geo.as_input(c))["closed"][0]) for c in sides]
            score.append(np.mean(both))
            label.append(kind == "Closed")
    s, y = np.array(score), np.array(label)
    return {
        "crops": len(y),
        "auroc": _r(auroc(s, y)),
        "balanced_accuracy_at_0.5": _r(((s[y] > 0.5).mean() + (s[~y] <= 0.5).mean()) / 2),
    }


def _crops(bundle: Bundle, album: Album, floats: Mapping[str, Any]) -> Report:
    """Crops placed by the teacher's points: the encoders alone, float against int8."""
    eyes, closed, mouths, yawns = [], [], [], []
    for j in range(len(album)):
        crops = read_crops(album.frame(j), album.points[j])
        for eye in album.usable_eyes(j):
            ratio = float(album.ratio[j, eye])
            if ratio < labels.EYES_CLOSED or ratio > labels.EYES_OPEN:
                eyes.append(crops[eye])
                closed.append(ratio < labels.EYES_CLOSED)
        value, weight = album.yawn(j)
        if weight > 0:
            mouths.append(crops[2])
            yawns.append(value > 0)
    report: Report = {}
    for name, output, images, truth in (("eye", "closed", eyes, closed), ("mouth", "yawn", mouths, yawns)):
        graph, label = load_graph(bundle, f"vision.{name}"), np.array(truth)
        ours = np.array([float(graph(image=geo.as_input(i))[output][0]) for i in images])
        batch = np.stack(images)[..., None].astype(np.float32) / 255
        theirs = np.asarray(floats[f"vision.{name}"].predict(batch, verbose=0)[output])[:, 0]
        report[f"{name}_{output}"] = {
            "crops": len(label),
            "auroc_float": _r(auroc(theirs, label)),
            "auroc_int8": _r(auroc(ours, label)),
            "mean_absolute_difference": _r(np.abs(ours - theirs).mean()),
        }
    return report


def _large(grey: U8) -> U8:
    return np.asarray(cv2.resize(grey, (640, 480), interpolation=cv2.INTER_LINEAR), np.uint8)


def _r(value: Any) -> float | None:
    number = float(value)
    return round(number, 4) if np.isfinite(number) else None
