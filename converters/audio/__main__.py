"""``python -m converters.audio --data ../shared/data --out DIR``: train the sound encoder and write it as a part."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def main(arguments: list[str] | None = None) -> int:
    """Train, quantize, score and write; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m converters.audio", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of shared data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part")
    parser.add_argument("--work", type=Path, help="keeps the training windows from one run to the next")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of training windows")
    options = parser.parse_args(arguments)
    if not (options.data / "open/esc10").is_dir():
        print(f"{options.data}: no sound to train on (open/esc10 is missing); give the shared data", file=sys.stderr)
        return 2
    from converters.audio.part import make_part

    started = time.process_time()
    report = make_part(
        options.data, options.out, work=options.work, seed=options.seed, epochs=options.epochs, scale=options.scale
    )
    report["cpu_s"] = round(time.process_time() - started)
    print(json.dumps(_short(report), indent=1))
    return 0


def _short(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "split"}


if __name__ == "__main__":
    sys.exit(main())
