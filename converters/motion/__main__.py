"""``python -m converters.motion --data ../shared/data --out DIR``: train the net for falls and write it as a part."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Train, quantize, score and write; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m converters.motion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of shared data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part")
    parser.add_argument("--work", type=Path, help="accepted for symmetry with the other trainers; nothing is cached")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=12, help="of 3200 windows each")
    options = parser.parse_args(arguments)
    if not (options.data / "research/hifd").is_dir():
        print(f"{options.data}: no falls to train on (research/hifd is missing); give the shared data", file=sys.stderr)
        return 2
    from converters.motion.part import make_part

    started = time.process_time()
    report = make_part(options.data, options.out, seed=options.seed, rounds=options.rounds)
    print(json.dumps({key: value for key, value in report.items() if key != "split"}, indent=1))
    print(f"{time.process_time() - started:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
