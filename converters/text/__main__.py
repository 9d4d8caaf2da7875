"""``python -m converters.text --data ../shared/data --out DIR``: train the net that reads notes, write it as a part."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Train, quantize, score and write; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m converters.text", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of shared data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part")
    parser.add_argument("--work", type=Path, help="nothing is kept there: it takes a minute")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not (options.data / "open/mitdb").is_dir():
        print(f"{options.data}: no notes to train on (open/mitdb is missing); give the shared data", file=sys.stderr)
        return 2
    from converters.text.part import make_part

    print(json.dumps(make_part(options.data, options.out, seed=options.seed), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
