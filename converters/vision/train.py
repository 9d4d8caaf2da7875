"""Train the four nets and turn them into int8 graphs.

In: an ``Album`` of training frames. Out: Keras models and ``.tflite`` bytes, graph by name. Not here: scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from converters.conversion.in_process import quantize
from converters.parts import bundle_of
from converters.trained import Trained
from converters.vision import fit, nets
from converters.vision.lookalikes import lookalikes
from converters.vision.part import FRONT_END
from converters.vision.samplers import F32, Album, Batch, batches, eye_sampler, face_sampler, mouth_sampler
from converters.vision.scenes import background_sampler, scene_sampler
from converters.vision.weather import U8
from edge_mm.perception.vision_tracker import FaceTracker

LEARNT = {"vision.search": 6000, "vision.face": 16000, "vision.eye": 6000, "vision.mouth": 6000}
"""Crops of the training side that are kept for recipes that train; with a quarter of them half of the channels lost
1.1 points of the search and 9.5 of the face, with these 0.7 and 5.7."""
MINED, MINED_STEPS = 2, 1800
"""Times that the face net is trained again on lookalikes, and for how many steps each."""
JUDGED = 1200
"""Held-out crops on which int8 is judged against float."""


class Recipe(NamedTuple):
    """How one graph is made."""

    build: Callable[[], Any]
    loss: fit.Loss
    steps: int
    outputs: tuple[str, ...]
    """Outputs that are shipped."""
    metric: str
    """What the conversion is judged by, on held-out people."""
    weight: str
    """Of a batch: rows where it is 0 say nothing about the metric's output."""


RECIPES = {
    "vision.search": Recipe(nets.search_net, fit.search_loss, 2500, ("score", "box"), "auroc:score", "score_weight"),
    "vision.face": Recipe(nets.face_net, fit.face_loss, 4500, ("points", "face", "pose"), "within:points:0.05", "face"),
    "vision.eye": Recipe(nets.eye_net, fit.eye_loss, 6000, ("closed", "embedding"), "auroc:closed", "weight"),
    "vision.mouth": Recipe(
        nets.mouth_net, fit.mouth_loss, 10000, ("open", "yawn", "embedding"), "auroc:yawn", "yawn_weight"
    ),
}


def train_graph(
    name: str, album: Album, *, seed: int, effort: float, work: Path, search: bytes = b""
) -> tuple[Any, bytes]:
    """The trained Keras model (shipped outputs only) and its int8 graph.

    The face net is trained twice: the second time also on what the first one, placed by the search, took for a face.

    Args:
        name: one of ``RECIPES``.
        album: training frames.
        seed: of weights, crops and calibration.
        effort: factor on the number of steps.
        work: Keras weights are kept here.
        search: the int8 graph ``vision.search``, for ``vision.face``.
    """
    recipe = RECIPES[name]
    keras.utils.set_random_seed(seed)
    model = recipe.build()
    print(f"{name}: {model.count_params()} parameters", flush=True)
    fit.fit(model, stream(name, album, 64, seed, pool=8000), recipe.loss, steps=max(int(recipe.steps * effort), 1))
    if name == "vision.face":
        backgrounds = background_sampler(album)
        before = quantize(nets.deployed(model, recipe.outputs), _representative(name, album, seed + 1))
        for again in range(MINED):
            hard = lookalikes(search, before, backgrounds, work / "lookalikes", seed=seed + 100 + again)
            print(f"{name}: {len(hard)} lookalikes", flush=True)
            rows = batches(face_sampler(album, backgrounds, lookalikes=hard), 64, seed + 10 + again, pool=8000)
            fit.fit(model, rows, recipe.loss, steps=max(int(MINED_STEPS * effort), 1), rate=1e-3)
            before = quantize(nets.deployed(model, recipe.outputs), _representative(name, album, seed + 1))
    model.save_weights(work / f"{name}.weights.h5")
    shipped = nets.deployed(model, recipe.outputs)
    return shipped, quantize(shipped, _representative(name, album, seed + 1))


def localiser(search: bytes, face: bytes) -> Callable[[U8], F32 | None]:
    """A frame -> (10, 2) points in it, as the device's tracker places them at first sight; None without a face.

    The nets of eyes and mouth are trained on crops that it places: on crops that the teacher places alone they lost 1.1
    points of AUROC (yawns, stills of held-out people) when the device came to place them.
    """
    graphs = {"vision.search": search, "vision.face": face}
    bundle = bundle_of(graphs, {"vision": FRONT_END})

    def find(frame: U8) -> F32 | None:
        found = FaceTracker(bundle, keep=FRONT_END["face_keep"], find=FRONT_END["face_find"])(frame, 0)
        return None if found is None else found.points

    return find


def stream(name: str, album: Album, size: int, seed: int, *, pool: int = 0) -> Iterator[Batch]:
    """Batches for one graph."""
    if name == "vision.eye":
        return batches(eye_sampler(album), size, seed, pool=pool)
    if name == "vision.mouth":
        return batches(mouth_sampler(album), size, seed, pool=pool)
    backgrounds = background_sampler(album)
    if name == "vision.face":
        return batches(face_sampler(album, backgrounds), size, seed, pool=pool)
    return batches(scene_sampler(album, backgrounds), size, seed, pool=pool)


def _representative(name: str, album: Album, seed: int) -> list[dict[str, Any]]:
    """300 crops; black and white are among them so that the input scale is 1/255 and the zero point -128."""
    images = next(stream(name, album, 300, seed))["image"].astype(np.float32)
    images[0], images[1] = 0, 1
    return [{"image": image[None]} for image in images]


def trained(name: str, model: Any, learn: Album, check: Album, *, seed: int) -> Trained:
    """The model with its calibration crops and ``JUDGED`` labelled crops of held-out people.

    The noise, light and framing of the crops are drawn as in training; frames, people and labels are not those.
    """
    recipe = RECIPES[name]
    batch = next(stream(name, check, JUDGED, seed + 2))
    output = recipe.metric.split(":")[1]
    telling = batch[recipe.weight].reshape(JUDGED, -1).min(axis=1) > 0 if name != "vision.search" else slice(None)
    truth = batch[output][telling].astype(np.float32)
    rows = {"image": batch["image"][telling].astype(np.float32), output: truth}
    drawn = stream(name, learn, LEARNT[name] // 4, seed + 3)
    crops = np.concatenate([next(drawn)["image"].astype(np.float16) for _ in range(4)])
    calibration = _representative(name, learn, seed + 1)
    return Trained(model, calibration, rows, recipe.metric, training={"image": crops})


def load_trained(name: str, work: Path) -> tuple[Any, bytes]:
    """What ``train_graph`` left in ``work``."""
    model = RECIPES[name].build()
    model.load_weights(work / f"{name}.weights.h5")
    return nets.deployed(model, RECIPES[name].outputs), (work / f"{name}.tflite").read_bytes()
