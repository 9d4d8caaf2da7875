"""What the localiser takes for a face although none is there: the hardest examples to learn from.

In: trained search and face graphs, pictures without a face from the training side. Out: crops. They are found by the
device's own search, exactly where it would look (hard negative mining, Sung and Poggio 1998). Not here: training.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from converters.parts import Part, part_bundle, write_part
from converters.vision.samplers import Backgrounds
from converters.vision.weather import U8
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.vision_tracker import FaceTracker

PICTURES, MOST, LEAST_SCORE = 6000, 2500, 0.05
"""Pictures that are searched; crops that are kept; a crop with a lower score is no lookalike."""
_LOOKS = 4
_SIDE = 480


def lookalikes(search: bytes, face: bytes, backgrounds: Backgrounds, folder: Path, *, seed: int) -> list[U8]:
    """(64, 64) grey crops, those with the highest scores.

    Args:
        search: the int8 graph ``vision.search``.
        face: the int8 graph ``vision.face`` of the net before.
        backgrounds: draws pictures without a face.
        folder: for the two graphs.
        seed: of the pictures.
    """
    graphs = {"vision.search": search, "vision.face": face}
    write_part(folder, Part("vision", {}, dict.fromkeys(graphs, False), {}), graphs, {})
    tracker = FaceTracker(part_bundle(folder))
    rng = np.random.default_rng(seed)
    found: list[tuple[float, int, U8]] = []
    for _ in range(PICTURES):
        picture = large(backgrounds(rng))
        for place, _likely in tracker.candidates(picture):
            region = place
            for _look in range(_LOOKS):
                said = tracker.look(picture, region)
                if said.score < LEAST_SCORE:
                    break
                found.append((said.score, len(found), geo.cut(picture, region, geo.FACE_SIZE)))
                region = geo.face_region(said.points)
    found.sort(reverse=True)
    return [crop for _, _, crop in found[:MOST]]


def large(grey: U8) -> U8:
    """A picture in the size of a camera's: the longer side has 480 pixels."""
    import cv2

    fit = _SIDE / max(grey.shape)
    size = (max(round(grey.shape[1] * fit), 16), max(round(grey.shape[0] * fit), 16))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)
