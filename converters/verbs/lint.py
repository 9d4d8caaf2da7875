"""``edge-mm-convert lint``: what a board makes of each op of a graph, before anything is copied to it.

In: a ``.tflite`` file, a profile. Out: one line for each finding and a sentence, or one JSON document; 1 when something
would fail on that board. Not here: the rules (``converters.lint``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_mm.errors import ConvertError

SUMMARY = "what a board makes of each op of a .tflite: what fails, what falls from the Edge TPU to the CPU"
EPILOG = """\
An error would fail on that board; a warning runs, but slower or not as you may think. Ops count from 0.

  edge-mm-convert lint eye.tflite --profile raspberry-pi-4
  edge-mm-convert lint eye.tflite --profile coral-usb --ops      where each op runs
  edge-mm-convert lint eye.tflite --profile coral-usb --strict   1 as soon as one op falls to the CPU

For a Coral, edgetpu_compiler is asked as well where it is on PATH; it is Google's, and not part of edge-mm.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("model", type=Path, metavar="MODEL.tflite", help="a graph, yours or ours")
    parser.add_argument("--profile", default="auto", help="a board's name or a .toml; default: the one it runs on")
    parser.add_argument("--strict", action="store_true", help="what merely falls to the CPU fails as well")
    parser.add_argument("--ops", action="store_true", help="say where each op runs")
    parser.add_argument("--no-compiler", action="store_true", help="do not ask edgetpu_compiler")
    parser.add_argument("--json", action="store_true", help="one JSON document, with every op")


def run(args: argparse.Namespace) -> int:
    """Judge it and print."""
    from converters.lint.board import find_board
    from converters.lint.judge import lint

    board = find_board(args.profile)
    report = lint(_content(args.model), board, compile_it=not args.no_compiler)
    fallen = any(one.kind in ("edgetpu", "compiler") and one.level == "warning" for one in report.findings)
    fails = report.fails or (args.strict and fallen)
    if args.json:
        print(json.dumps({"model": str(args.model), **report.document(), "ok": not fails}, indent=1))
        return int(fails)
    if args.ops:
        for verdict in report.verdicts:
            op = verdict.op
            reason = f": {verdict.reason}" if verdict.reason else ""
            print(f"{op.index:4d} {op.custom or op.name} v{op.version}  {verdict.where}{reason}")
    for finding in report.findings:
        print(finding)
    print(f"{args.model.name} on {report.board}: {report.summary}")
    return int(fails)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path} cannot be read: {error.strerror}") from None
