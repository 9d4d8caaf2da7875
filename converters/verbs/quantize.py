"""``edge-mm-convert quantize``: one model, one command, one int8 graph that runs in both runtimes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SUMMARY = "a trained model (.keras, SavedModel, float .tflite) to an int8 graph"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("model", type=Path, help=".keras file, SavedModel folder or float .tflite")
    parser.add_argument(
        "--representative",
        type=Path,
        required=True,
        metavar="DATA",
        help=".npz with an array per input (100 to 500 rows), .npy for the only input, or a folder of recordings with "
        "--front-end",
    )
    parser.add_argument("--recipe", default="int8-static", help="name or .toml (default: int8-static); see recipes")
    parser.add_argument("--front-end", metavar="KIND", help="how the device reads recordings: log_mel (WAV) or image")
    parser.add_argument("--out", type=Path, help="default: the model's name with .tflite")
    parser.add_argument("--float-out", type=Path, metavar="FILE", help="also write the float graph")
    parser.add_argument("--float-layer", action="append", default=[], metavar="NAME", help="leave this layer in float")
    parser.add_argument(
        "--runtime", action="append", default=[], help="try in this runtime only (default: the recipe's)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = (
        "example: edge-mm-convert quantize eye.keras --representative crops.npz\n\n"
        "Beside OUT lies OUT.json: the recipe, the versions and the digests that made it."
    )


def run(args: argparse.Namespace) -> int:
    """Convert, try, write."""
    from converters.conversion.one import Wanted, convert_model

    out = args.out or args.model.with_name(f"{args.model.stem}.tflite")
    wanted = Wanted(
        args.model, args.representative, args.recipe, out, front_end=args.front_end,
        float_out=args.float_out, float_layers=tuple(args.float_layer), runtimes=tuple(args.runtime),
    )  # fmt: skip
    report = convert_model(wanted)
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
    for note in report["notes"]:
        print(f"  note: {note}")
