"""``edge-mm-convert train``: a bundle learns from its user's own recordings."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_mm.errors import UsageError

if TYPE_CHECKING:
    from converters.transfer.retrain import How, Learnt
    from converters.transfer.teach import Taught
    from edge_mm.models.bundle import Bundle

SUMMARY = "train a bundle further on recordings of your own: its heads, or with --unfreeze the whole nets"
HEADS_RATE, NETS_RATE = 1e-2, 1e-3
"""A last layer has few weights and much to go; a whole net knows almost everything already."""
EPILOG = """\
The recordings are a folder as for 'evaluate': manifest.csv with a line for each, and labels with the times of what
happened. The device's own front ends watch them; each name teaches the output that says it, a name of a state (drowsy)
the fusion. What nobody labelled stays as it was. A quarter of the people (recordings, stretches) is kept apart: a graph
that is not better on them stays the old one.

  edge-mm-convert train --from driver --data my-recordings --out mine
  edge-mm-convert train --from driver --data my-recordings --out mine --labels yawn --unfreeze --logs logs
  edge-mm run mine/driver-0.1.0+mine.edgemm        what came of it; evaluate it on people who are not in there

  manifest.csv   name,person,video,audio,ecg,labels,watched
                 monday,anna,monday.mp4,monday.wav,,monday.csv,yawn;siren
  monday.csv     start_s,end_s,name
                 12.4,17.0,yawn

--strategy workers trains over several processes or machines: set TF_CONFIG and start each with the same options.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    from converters.training.strategy import NAMES

    parser.epilog = EPILOG
    parser.add_argument(
        "--from", dest="bundle", required=True, metavar="BUNDLE", help="a .edgemm file, or one that ships (driver)"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="recordings: has manifest.csv")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new bundle")
    parser.add_argument("--name", help="of the new bundle (default: the old one's)")
    parser.add_argument("--version", help="of the new bundle (default: the old one's and +mine)")
    parser.add_argument("--labels", metavar="A,B", help="learn only these names (default: all that are labelled)")
    parser.add_argument("--unfreeze", action="store_true", help="train whole nets, not only their last layers")
    parser.add_argument("--epochs", type=int, default=60, help="at most, default %(default)s")
    parser.add_argument("--patience", type=int, default=8, help="epochs without a better one, default %(default)s")
    parser.add_argument("--batch", type=int, default=64, help="rows a step, default %(default)s")
    parser.add_argument(
        "--rate",
        type=float,
        help=f"learning rate at the start, default {HEADS_RATE:g} for heads, {NETS_RATE:g} for nets",
    )
    parser.add_argument(
        "--held-out", type=float, default=0.25, metavar="SHARE", help="kept apart for the verdict, default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="for TensorBoard: tensorboard --logdir DIR")
    parser.add_argument("--strategy", choices=NAMES, default="one", help="tf.distribute: default %(default)s")
    parser.add_argument("--keep-worse", action="store_true", help="write the bundle though it is not better")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Watch, train, judge, write.

    Raises:
        ConvertError: recordings or labels are wrong, or too few.
        UsageError: an option is.
    """
    from converters.bundling.build import check_folder
    from converters.evaluation.own.manifest import MANIFEST, read_manifest
    from converters.training.finetune import FineTune
    from converters.training.strategy import Strategy
    from converters.transfer.repack import renamed
    from converters.transfer.retrain import How
    from converters.transfer.teach import teach
    from edge_mm.models.bundle import load_bundle

    _check(args)
    bundle = load_bundle(args.bundle)
    if not (args.data / MANIFEST).is_file():
        raise UsageError(f"--data {args.data}: no {MANIFEST} in it; edge-mm-convert train --help shows the layout")
    name, version = args.name or bundle.manifest.name, args.version or f"{bundle.manifest.version}+mine"
    renamed(bundle, name=name, version=version)
    check_folder(args.out, "the bundle")
    if args.logs is not None:
        check_folder(args.logs, "the log")
    recordings = read_manifest(args.data)
    strategy = Strategy(args.strategy)
    rate = args.rate or (NETS_RATE if args.unfreeze else HEADS_RATE)
    plan = FineTune(args.epochs, args.batch, rate, label_weight=1.0, temperature=1.0, seed=args.seed)
    how = How(plan, args.unfreeze, args.patience, args.held_out, args.logs)
    labels = [one.strip() for one in (args.labels or "").split(",") if one.strip()]
    taught = teach(bundle, recordings, how, strategy=strategy, labels=labels, each=_bar, keep_worse=args.keep_worse)
    report = _report(args, bundle, taught, how)
    path = None
    if taught.graphs and strategy.chief:
        path = _write(args, bundle, taught, report, name=name, version=version)
    if args.json:
        print(json.dumps({"bundle": None if path is None else str(path), **report}, indent=1))
    else:
        _print(taught)
        if path is not None:
            print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")
    if not taught.graphs:
        print("no bundle was written: nothing is better on what was kept apart (--keep-worse)", file=sys.stderr)
        return 1
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.epochs < 1 or args.batch < 1 or args.patience < 1 or not (args.rate is None or args.rate > 0):
        raise UsageError("--epochs, --batch, --patience and --rate must be above 0")
    if not 0 < args.held_out < 1:
        raise UsageError(f"--held-out {args.held_out:g}: a share between 0 and 1")


def _bar(items: Sequence[Any], desc: str) -> Any:
    from tqdm import tqdm

    return tqdm(items, desc=desc, unit="recording", disable=None, leave=False)


def _write(
    args: argparse.Namespace, bundle: Bundle, taught: Taught, report: dict[str, Any], *, name: str, version: str
) -> Path:
    from converters.transfer.repack import repacked

    words = ["## Trained further on recordings of its user", "", *_table(taught.learnt, markdown=True), ""]
    words.append(f"From {report['from']['name']} {report['from']['version']}, SHA-256 {report['from']['sha256']}.")
    words.append("The tables above are those of that bundle: they were not measured again.")
    return repacked(bundle, taught.graphs, args.out, name=name, version=version, report=report, words=words)


def _report(args: argparse.Namespace, bundle: Bundle, taught: Taught, how: How) -> dict[str, Any]:
    from converters.conversion.files import file_digest
    from converters.evaluation.own.manifest import MANIFEST
    from converters.recipes import versions

    manifest = bundle.manifest
    return {
        "from": {"name": manifest.name, "version": manifest.version, "sha256": bundle.digest},
        "manifest_sha256": file_digest(args.data / MANIFEST),
        "recipe": {
            **how.plan._asdict(), "whole": how.whole, "patience": how.patience, "held_out": how.held_out,
            "strategy": args.strategy,
        },
        "versions": dict(versions()),
        "not_seen": taught.unseen,
        "notes": taught.notes,
        "graphs": {one.graph: _one(one, kept=one.graph in taught.graphs) for one in taught.learnt},
    }  # fmt: skip


def _one(one: Learnt, *, kept: bool) -> dict[str, Any]:
    return {
        "taken": kept,
        "kept_apart_by": one.by,
        "rows": one.rows,
        "weights_trained": one.trained,
        "loss_watched": [round(loss, 6) for loss in one.losses],
        "best_epoch": one.best,
        "labels": [
            {
                **score._asdict(),
                "before": _numbers(score.before._asdict()),
                "after": _numbers(score.after._asdict()),
                "others_moved": round(score.others_moved, 5),
            }
            for score in one.scores
        ],
    }


def _numbers(values: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 5) if math.isfinite(value) else None for name, value in values.items()}


def _table(learnt: list[Learnt], *, markdown: bool = False) -> list[str]:
    head = ["label", "graph", "kept apart", "log loss", "AUROC", "F1 at the limit"]
    rows = []
    for one in learnt:
        for score in one.scores:
            pairs = zip(score.before, score.after, strict=True)
            loss, auroc, _, _, f1 = (f"{_text(before)} -> {_text(after)}" for before, after in pairs)
            rows.append([score.label, one.graph, f"{score.yes} yes, {score.no} no", loss, auroc, f1])
    if markdown:
        lines = [head, ["---"] * len(head), *rows]
        return [f"| {' | '.join(cells)} |" for cells in lines]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def _text(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _print(taught: Taught) -> None:
    for one in taught.learnt:
        better = "better" if one.better else "not better"
        print(
            f"{one.graph}: {one.trained:,} weights on {one.rows['learn']} rows, best after epoch {one.best} of "
            f"{len(one.losses) - 1}; {better} on what was kept apart (by {one.by})"
        )
    print("\n".join(_table(taught.learnt)))
    print("".join(f"note: {text}\n" for text in taught.notes), end="")
    if taught.unseen:
        print(f"not learnt, because nothing was seen of it: {', '.join(taught.unseen)}")
