"""Eyes closed: end to end on drivers nobody trained on, and on eye crops of another data set.

Read: ``driver.eyes_closed``. Truth: the Iris teacher's opening ratio, below ``EYES_CLOSED`` closed, above ``EYES_OPEN``
open, between ignored. The crops have no frame around them, so the part of the shipped path that takes an eye is asked:
the graph ``vision.eye`` after the device's own cutting and levelling.
"""

from __future__ import annotations

import cv2
import numpy as np

from converters.evaluation.results import Result, Table, Target
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.driver_footage import FOOTAGE, SURE_CLOSED, SURE_OPEN, clips, opening, reading, stills
from converters.evaluation.yesno import yes_or_no
from edge_mm.alerts.limits import Limits
from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph

TITLE = "Eyes closed"
NEEDS, SENSES = FOOTAGE, ("vision",)
READING = "driver.eyes_closed"
CROPS = "research/kaggle_eyes"


def run(context: Context) -> Result:
    """Clips, stills, crops."""
    result = Result("eyes", TITLE)
    shipped = Limits().perclos_closed
    score, truth, whose = [], [], []
    for clip in clips(context):
        rows = [(number, opening(face)) for number, face in sorted(clip.faces.items()) if face is not None]
        rows = [(number, ratio) for number, ratio in rows if ratio < SURE_CLOSED or ratio > SURE_OPEN]
        at = np.array([number / clip.rate_hz for number, _ in rows])
        score += clip.said.nearest(READING, at, within_s=0.5 / clip.rate_hz + 1e-3).tolist()
        truth += [ratio < SURE_CLOSED for _, ratio in rows]
        whose += [clip.name] * len(rows)
    yes_or_no(
        result, Table(result, "held-out YawDD and GRID clips", of="clips"), np.array(score), np.array(truth, bool),
        whose, of="frames", yes="closed", no="open", threshold=shipped,
        targets={"AUROC": Target(">=", 0.97)}, note="truth is the Iris teacher's",
    )  # fmt: skip
    seen = [(one, opening(one.face)) for one in stills(context) if one.face is not None]
    seen = [(one, ratio) for one, ratio in seen if ratio < SURE_CLOSED or ratio > SURE_OPEN]
    yes_or_no(
        result, Table(result, "YawDD stills of held-out people", of="people"),
        np.array([reading(one.said, READING) for one, _ in seen]), np.array([ratio < SURE_CLOSED for _, ratio in seen]),
        [one.person for one, _ in seen], of="frames", yes="closed", no="open", threshold=shipped,
        targets={"AUROC": Target(">=", 0.97)}, note="truth is the Iris teacher's",
    )  # fmt: skip
    if (context.data / CROPS).is_dir():
        _crops(context, result, shipped)
    else:
        result.notes.append(f"Eye crops not evaluated: no {CROPS}.")
    return result


def _crops(context: Context, result: Result, threshold: float) -> None:
    graph = load_graph(context.bundle, "vision.eye")
    score, truth, names = [], [], []
    for kind in ("Closed", "Open"):
        for path in context.few(sorted((context.data / CROPS / kind).glob("*.jpg")), 20):
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if grey is None:
                continue
            height, width = grey.shape
            whole = geo.Region((width - 1) / 2, (height - 1) / 2, float(min(height, width)), 0.0)
            crop = geo.levelled(geo.cut(np.asarray(grey, np.uint8), whole, geo.EYE_SIZE))
            score.append(float(graph(image=geo.as_input(crop))["closed"][0]))
            truth.append(kind == "Closed")
            names.append(path.name)
    yes_or_no(
        result, Table(result, "kaggle_eyes (evaluation only)", of="crops"), np.array(score), np.array(truth), names,
        of="crops", yes="closed", no="open", threshold=threshold,
        targets={"AUROC": Target(">=", 0.99), "balanced accuracy": Target(">=", 0.96)},
        note="who is shown is not known: crops are drawn, not people, so the interval is too narrow",
    )  # fmt: skip
