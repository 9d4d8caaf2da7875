"""HIFD, a wrist's motion: recordings with what was done in them and who did it.

In: ``research/hifd`` of the shared data: 18 people, 6 kinds of fall, 13 activities; ``.mat`` of 50 Hz, acceleration in
g from which the authors took gravity out, turning rate in deg/s, orientation. Out: ``Recording`` s. The PPG column is
binarised (0 or 1023) and left alone. Not here: windows.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

E4_PER_G = 64.0
"""Counts per g in an E4 export."""
FOLDS = 6
"""Folds of people; person k is in fold k % FOLDS."""
TROUBLE = ("clap", "zip")
"""Activities that look most like an impact; no alarm may be given on them."""


class Recording(NamedTuple):
    """One file."""

    person: str
    activity: str
    """``fall1`` ... ``fall6``, ``clap``, ``walk`` ..."""
    acc: Array
    """(n, 3) g, without gravity."""
    gyro: Array
    """(n, 3) deg/s."""
    up: Array
    """(n, 3) the vertical in the sensor's frame, a unit vector, from the recorded orientation."""

    @property
    def fall(self) -> bool:
        """Whether a fall was acted."""
        return self.activity.startswith("fall")


def read_hifd(folder: Path) -> list[Recording]:
    """Every recording, by person and activity.

    Args:
        folder: ``research/hifd``.

    Raises:
        FileNotFoundError: there are none.
    """
    from scipy.io import loadmat

    found = []
    for path in sorted(folder.glob("subject_*/*/*.mat")):
        columns = loadmat(str(path))

        def table(names: list[str], columns: dict[str, npt.NDArray[np.float64]] = columns) -> Array:
            return np.hstack([columns[name] for name in names]).astype(np.float32)

        up = vertical(table(["w", "x", "y", "z"]))
        gyro = table(["droll", "dpitch", "dyaw"])
        found.append(Recording(path.parts[-3], path.stem, table(["ax", "ay", "az"]), gyro, up))
    if not found:
        raise FileNotFoundError(f"{folder}: no recordings (subject_*/*/*.mat)")
    return found


def read_wrists(folder: Path) -> Iterator[tuple[str, float, Array]]:
    """Hours of a wrist without a fall: Stress-Predict, Empatica E4, 32 Hz, +-2 g, with gravity, no gyroscope.

    Args:
        folder: ``open/stress_predict``.

    Yields:
        Person, rate in Hz, (n, 3) g.
    """
    for path in sorted((folder / "Raw_data").glob("S*/ACC.csv*")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = np.array([[float(cell) for cell in line.split(",")] for line in lines if line.strip()])
        yield path.parent.name, float(rows[1, 0]), (rows[2:] / E4_PER_G).astype(np.float32)


def vertical(orientation: Array) -> Array:
    """(n, 3) the world's z axis in the sensor's frame, of quaternions (n, 4) w x y z from sensor to world.

    The direction is checked by the data: the quaternion's change gives the recorded turning rates only this way round.
    """
    w, x, y, z = (orientation / np.linalg.norm(orientation, axis=1, keepdims=True)).T
    return np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z], axis=1)
