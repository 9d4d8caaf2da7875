"""``python -m converters.study --data ../shared/data --work DIR``: measure what the attention is worth.

In: the shared data. Out: a dated report on standard output; with ``--json`` and ``--plot`` files. Not here: measuring.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUICK_FOLDS, QUICK_STEPS, QUICK_EPISODES = 1, 60, 60
SETS = ("stress", "falls", "driver")
"""``driver``: composites, not truly synchronous; needs the parts that ``make bundle`` leaves in ``--bundle-work``."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m converters.study", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of shared data")
    parser.add_argument("--work", type=Path, help="keeps the heart beats of Stress-Predict, which take minutes")
    parser.add_argument(
        "--bundle-work", type=Path, default=Path("work"), help="where 'make bundle' left its parts, for the set driver"
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--quick", action="store_true", help="one fold and short training: says nothing of quality")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--plot", type=Path, help="write an SVG of the AUROC per corruption here")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    needed = {"stress": "open/stress_predict", "falls": "research/hifd", "driver": "open"}
    for name in options.sets:
        if not (options.data / needed[name]).is_dir():
            print(f"{options.data}: no {needed[name]} here; give the shared data, or other --sets", file=sys.stderr)
            return 2
    for path in (options.json, options.plot):
        if path is not None and not path.parent.is_dir():
            print(f"{path}: its folder does not exist; make it first", file=sys.stderr)
            return 2
    from converters.study import composites, report, run, sets

    readers: dict[str, Callable[[], sets.Recorded]] = {
        "stress": lambda: sets.stress(options.data, options.work, seed=options.seed),
        "falls": lambda: sets.falls(options.data, seed=options.seed),
    }
    quick: dict[str, Any] = {"folds": QUICK_FOLDS, "encoder_steps": QUICK_STEPS} if options.quick else {}

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    studies = [
        run.study(readers[name](), seed=options.seed, say=say, **quick) for name in options.sets if name in readers
    ]
    composed = None
    if "driver" in options.sets and not composites.ready(options.bundle_work):
        say(f"driver: left out, no parts in {options.bundle_work}: run 'make bundle' first")
    elif "driver" in options.sets:
        few = {"training": QUICK_EPISODES, "episodes": QUICK_EPISODES} if options.quick else {}
        composed = composites.study(options.data, options.bundle_work, seed=options.seed, say=say, **few)
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    print(report.markdown(studies, composed, date=date, seed=options.seed))
    if options.json is not None:
        found = {"date": date, "seed": options.seed, "studies": studies, "composites": composed}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.plot is not None and studies:
        report.plot(studies, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
