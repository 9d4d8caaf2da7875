"""``edge-mm-convert quantize``: one model, one command, one int8 graph that runs in both runtimes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SUMMARY = "a trained model (.keras, SavedModel, float .tflite) to an int8 graph"
_EPILOG = """examples:
  edge-mm-convert quantize eye.keras --representative crops.npz
  edge-mm-convert quantize snore.tflite --representative night/ --front-end log_mel --out snore-int8.tflite
  edge-mm-convert quantize gait.keras --representative steps.npz --float-layer head --float-layer 'gate.*'
  edge-mm-convert quantize loop.keras --representative steps.npz --recipe dynamic-range

DATA decides how good the graph is: float32 rows as the device's front end makes them, of different people,
places and times; numpy.savez('crops.npz', image=rows) for an input called image. What cannot be right is
refused with the reason. LSTM and GRU layers need unroll=True for int8, or the recipe dynamic-range.

The graph is run in each runtime before it is written, and must say the same in all of them. Beside OUT lies
OUT.json: the recipe, the versions and the digests that made it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("model", type=Path, help=".keras file, SavedModel folder or float .tflite")
    parser.add_argument(
        "--representative",
        type=Path,
        required=True,
        metavar="DATA",
        help=".npz with an array per input (at least 50 rows, better 100 to 500), .npy for the only input, or a folder "
        "of recordings with --front-end",
    )
    parser.add_argument("--recipe", default="int8-static", help="name or .toml (default: int8-static); see recipes")
    parser.add_argument("--front-end", metavar="KIND", help="how the device reads recordings: log_mel or image")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.tflite", help="default: beside the model: eye.tflite, or eye.int8.tflite"
    )
    parser.add_argument("--float-out", type=Path, metavar="FILE.tflite", help="also write the float graph")
    parser.add_argument(
        "--float-layer",
        action="append",
        default=[],
        metavar="NAME",
        help="leave this layer in float (or all that a regular expression matches); may be given again",
    )
    parser.add_argument(
        "--runtime",
        action="append",
        default=[],
        choices=("ai_edge_litert", "tflite_runtime"),
        help="try in this runtime only (default: the recipe's, both)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Convert, try, write."""
    from converters.conversion.one import Wanted, convert_model
    from converters.conversion.progress import shown

    wanted = Wanted(
        args.model, args.representative, args.recipe, args.out, front_end=args.front_end,
        float_out=args.float_out, float_layers=tuple(args.float_layer), runtimes=tuple(args.runtime),
    )  # fmt: skip
    with shown() as say:
        report = convert_model(wanted, say=say)
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    return 0


def _print(report: dict[str, Any]) -> None:
    share = report["bytes"] / report["float_bytes"]
    print(f"{report['out']}: {report['bytes']} bytes, {share:.2f} of the float graph ({report['float_bytes']} bytes)")
    for name, value in report["snr_db"].items():
        print(f"  output {name}: signal-to-noise ratio {value:.1f} dB against float on {report['compared_rows']} rows")
    for one in report["trials"]:
        print(f"  runs in {one['runtime']} {one['version']}: {one['us']:.0f} us per invoke on this machine")
    if report["float_ops"]:
        print(f"  in float: {', '.join(report['float_ops'][:8])}{', ...' if len(report['float_ops']) > 8 else ''}")
    for note in report["notes"]:
        print(f"  note: {note}")
