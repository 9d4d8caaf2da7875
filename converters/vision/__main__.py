"""``python -m converters.vision --data ../shared/data --out DIR``: labels, training, int8 graphs, scores, a Part."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from converters.vision.part import GRAPHS, write_scored


def main() -> None:
    """Train what is asked for, or take graphs that are already there, then score and write."""
    parser = argparse.ArgumentParser(prog="python -m converters.vision", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the shared data folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the part; replaced when all is done")
    parser.add_argument("--work", type=Path, default=None, help="cache of labels and weights (default: OUT-work)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--effort", type=float, default=1.0, help="factor on the training steps")
    parser.add_argument("--graphs", default=",".join(GRAPHS), help="train only these; take the others from --work")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from converters.vision.evaluate import evaluate
    from converters.vision.footage import load_footage
    from converters.vision.samplers import Album
    from converters.vision.train import load_trained, localiser, train_graph, trained

    work = given.work or given.out.with_name(f"{given.out.name}-work")
    work.mkdir(parents=True, exist_ok=True)
    footage = load_footage(given.data, work)
    learn, check = Album(footage, held_out=False), Album(footage, held_out=True)
    print(f"{len(learn)} frames to learn from, {len(check)} held out", flush=True)
    models: dict[str, Any] = {}
    graphs: dict[str, bytes] = {}
    wanted = [name for name in given.graphs.split(",") if name]
    for name in GRAPHS:
        if name == "vision.eye":  # what follows reads crops that the first two nets place
            find = localiser(graphs["vision.search"], graphs["vision.face"])
            for album in (learn, check):
                album.locate(find)
        if name in wanted:
            models[name], graphs[name] = train_graph(
                name, learn, seed=given.seed, effort=given.effort, work=work, search=graphs.get("vision.search", b"")
            )
            (work / f"{name}.tflite").write_bytes(graphs[name])
        else:
            models[name], graphs[name] = load_trained(name, work)
    so_far: dict[str, Any] = {
        "sizes_bytes": {name: len(content) for name, content in graphs.items()},
        "parameters": {name: int(model.count_params()) for name, model in models.items()},
        "seed": given.seed,
        "split": {
            "by": "people: scenes of one sitting or one recognised person are joined and lie on one side",
            "held_out": sorted(set(check.groups)),
            "learned_from": sorted(set(learn.groups)),
        },
        "simulated": "blinks (lids drawn down), sunglasses, wide framing (heads set into other backgrounds)",
    }
    kept = {name: trained(name, models[name], learn, check, seed=given.seed) for name in GRAPHS}
    report = write_scored(given.out, graphs, so_far, lambda bundle: evaluate(bundle, check, given.data, models), kept)
    for key, value in report.items():
        if key != "split":
            print(key, value, flush=True)


if __name__ == "__main__":
    main()
