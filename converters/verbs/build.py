"""``edge-mm-convert build``: a plan becomes a bundle, if every graph passes its gate and the boards can take it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from converters.bundling.build import Built

SUMMARY = "the whole chain of a plan, cached, gated, into NAME-VERSION.edgemm"

_EPILOG = """\
a plan, paths relative to it:

  name = "door"
  version = "1.0.0"
  window_s = 10.0                            length of a fusion window
  hop_s = 1.0
  modalities = ["vision"]                    as the fusion graph counts them
  heads = ["open"]                           its outputs besides alpha
  recipe = "int8-static"                     of graphs that name none
  front_ends = "front_ends.json"             what edge-mm run needs (converters/bundling/README.md); optional
  golden = "sample.npz"                      inputs GRAPH/in/NAME of a freely available recording; optional
  profiles = ["raspberry-pi-4"]              boards whose budgets must hold, as --profile
  members = { "model_card.md" = "card.md" }  documents that go along
  [graphs."vision.eye"]
  model = "eye.keras"                        .keras, SavedModel folder or float .tflite
  representative = "calibrate.npz"           rows to calibrate with, from the training side
  evaluation = "held_out.npz"                held-out rows with targets
  metric = "auroc:closed"
  recipe = "channels-50-int8"                distilled-int8 also needs: teacher = "large.keras"
  output_snr_db = { embedding = 12.0 }       another floor for an output
  training = "learn.npz"                     rows to fine-tune on, where the recipe trains
  [graphs.fusion]
  model = "fusion.keras"
  ...

  edge-mm-convert build door.toml --profile raspberry-pi-zero-2w

All outputs with targets are judged, the one of metric first. Refused (exit 1): a graph that loses more than its recipe
allows, of which too little is known, or that a board cannot take; the sentences say why and what to try. An interrupted
build goes on where it was: start it again.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("plan", type=Path, metavar="RECIPE.toml", help="the plan of the bundle")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of the bundle (default: dist)")
    parser.add_argument("--cache", type=Path, help="what was made before (default: .edge-mm-cache beside the plan)")
    parser.add_argument(
        "--profile", action="append", default=[], metavar="BOARD", help="its budget must hold; repeatable"
    )
    parser.add_argument("--graphs", type=Path, metavar="DIR", help="also write float and int8 graphs here, for compare")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Build, print, and say why not."""
    from tqdm import tqdm

    from converters.bundling.build import build, check_folder
    from converters.bundling.chain import steps
    from converters.bundling.plan import read_plan

    total = sum(map(steps, read_plan(args.plan)[1])) + 1
    if args.graphs is not None:
        check_folder(args.graphs, "graphs")
    terminal = sys.stderr.isatty()
    columns = (os.get_terminal_size(sys.stderr.fileno()).columns if terminal else 0) or 80  # a serial console says 0
    with tqdm(
        total=total, desc="build", unit="step", disable=not terminal, file=sys.stderr, ncols=columns, nrows=24
    ) as bar:
        begun: list[str] = []

        def say(text: str) -> None:
            """What begins; what was begun before is done."""
            bar.update(bool(begun))
            begun.append(text)
            bar.set_postfix_str(text)

        cache = args.cache or args.plan.parent / ".edge-mm-cache"
        built = build(args.plan, args.out, cache=cache, profiles=args.profile, say=say)
        bar.update()
    if args.graphs is not None:
        _write_graphs(built, args.graphs)
    if args.json:
        path = None if built.path is None else str(built.path)
        print(json.dumps({"bundle": path, "refused": built.refused, "note": built.note, **built.report()}, indent=1))
    else:
        _print(built)
    for text in built.refused:
        print(f"refused: {text}", file=sys.stderr)
    return 1 if built.refused else 0


def _write_graphs(built: Built, folder: Path) -> None:
    from converters.conversion.files import write_files

    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{made.name}.tflite": made.content for made in built.graphs}
    files |= {f"{made.name}.float.tflite": made.dense for made in built.graphs}
    write_files({folder / name: content for name, content in files.items()})


def _lost(one: Mapping[str, Any]) -> str:
    low, high = one["interval_pp"]
    return (
        f"{one['metric']}: {one['float_percent']:.2f} -> {one['percent']:.2f}, {one['loss_pp']:+.2f} "
        f"[{low:+.2f}, {high:+.2f}] pp"
    )


def _print(built: Built) -> None:
    print(
        f"{'graph':16s} {'recipe':16s} {'float':>8s} {'made':>8s} {'share':>6s}  {'M MACs':>6s}  metric: "
        "float -> made %, loss [95 %], rows; SNR"
    )
    for made in built.graphs:
        one, low = made.report, min(made.report["snr_db"].values())
        print(
            f"{made.name:16s} {one['recipe']:16s} {one['float_bytes']:8d} {one['bytes']:8d} "
            f"{one['bytes'] / one['float_bytes']:6.2f}  {built.costs[made.name].macs / 1e6:6.2f}  {_lost(one)}, "
            f"{one['rows']}; {low:.0f} dB"
        )
        for other in one.get("others", ()):
            print(f"{'':66s}{_lost(other)}")
    floats = sum(made.report["float_bytes"] for made in built.graphs)
    made_bytes = sum(made.report["bytes"] for made in built.graphs)
    print(f"{'together':33s} {floats:8d} {made_bytes:8d} {made_bytes / floats:6.2f}")
    if built.path is not None:
        boards = f"; fits {', '.join(built.profiles)}" if built.profiles else ""
        print(f"{built.path}: {built.path.stat().st_size / 1024:.0f} KiB{boards}")
    if built.note:
        print(f"note: {built.note}")
