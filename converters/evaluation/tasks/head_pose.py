"""Head yaw, pitch and roll against the teacher's, end to end.

Read: ``driver.head_yaw_deg``, ``driver.head_pitch_deg``, ``driver.head_roll_deg``. Truth: angles of the Face Mesh
points against the mean face of learned people. They are another net's word, so agreement is measured, not accuracy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from converters.evaluation.results import Result, Table
from converters.evaluation.spread import of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.driver_footage import FOOTAGE, clips, reading, stills, straight
from converters.vision import labels

TITLE = "Head pose"
NEEDS, SENSES = FOOTAGE, ("vision",)
ANGLES = ("yaw", "pitch", "roll")


def run(context: Context) -> Result:
    """Mean absolute difference and correlation, stills and clips."""
    result = Result("head_pose", TITLE)
    front = straight(context)
    seen = [one for one in stills(context) if one.face is not None]
    ours = np.array([[reading(one.said, f"driver.head_{name}_deg") for name in ANGLES] for one in seen])
    theirs = np.array([labels.head_angles(one.face.points, front) for one in seen if one.face is not None])
    _rows(Table(result, "YawDD stills of held-out people", of="people"), ours, theirs, [one.person for one in seen])
    parts, truth, whose = [], [], []
    for clip in clips(context):
        rows = [(number, face) for number, face in sorted(clip.faces.items()) if face is not None]
        at = np.array([number / clip.rate_hz for number, _ in rows])
        near = 0.5 / clip.rate_hz + 1e-3
        parts.append(
            np.column_stack([clip.said.nearest(f"driver.head_{name}_deg", at, within_s=near) for name in ANGLES])
        )
        truth += [labels.head_angles(face.points, front) for _, face in rows]
        whose += [clip.name] * len(rows)
    table = Table(result, "held-out YawDD and GRID clips", of="clips")
    _rows(table, np.concatenate(parts), np.array(truth), whose)
    return result


def _rows(table: Table, ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], whose: list[str]) -> None:
    there = np.flatnonzero(np.isfinite(ours).all(axis=1))
    groups = [whose[i] for i in there]
    for k, name in enumerate(ANGLES):
        a, b = ours[there, k], theirs[there, k]
        n = f"{len(a)} frames"
        gap = of_sums(np.column_stack([np.abs(a - b), np.ones(len(a))]), groups, share)
        table.spread(f"{name}: mean absolute difference from the teacher", gap, n=n, unit="deg")
        sums = np.column_stack([a * b, a, b, a * a, b * b, np.ones(len(a))])
        table.spread(f"{name}: correlation with the teacher", of_sums(sums, groups, _correlation), n=n)


def _correlation(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of (sum ab, a, b, aa, bb, n)."""
    ab, a, b, aa, bb, n = sums.T
    result: npt.NDArray[np.float64] = (n * ab - a * b) / np.sqrt((n * aa - a * a) * (n * bb - b * b))
    return result
