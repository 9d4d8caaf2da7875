"""``edge-mm-convert lint``: what a board makes of each op of a graph, before anything is copied to it.

In: a ``.tflite`` file or a bundle, a profile. Out: one line for each finding and a sentence for each graph, or one JSON
document; 1 when something would fail on that board. Not here: the rules (``converters.lint``).
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from converters.lint.findings import Report

SUMMARY = "what a board makes of each op of a .tflite: what fails, what falls from the Edge TPU to the CPU"
EPILOG = """\
An error would fail on that board; a warning runs, but slower or not as you may think. Ops count from 0.

  edge-mm-convert lint eye.tflite --profile raspberry-pi-4
  edge-mm-convert lint eye.tflite --profile coral-usb --ops      where each op runs
  edge-mm-convert lint eye.tflite --profile coral-usb --strict   1 as soon as one op falls to the CPU
  edge-mm-convert lint driver --profile coral-dev-board          each graph of a bundle

For a Coral, edgetpu_compiler is asked as well where it is on PATH; it is Google's, and not part of edge-mm.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("model", metavar="MODEL.tflite|BUNDLE", help="a graph, a .edgemm or a shipped bundle's name")
    parser.add_argument("--profile", default="auto", help="a board's name or a .toml; default: the one it runs on")
    parser.add_argument("--strict", action="store_true", help="what merely falls to the CPU fails as well")
    parser.add_argument("--ops", action="store_true", help="say where each op runs")
    parser.add_argument("--no-compiler", action="store_true", help="do not ask edgetpu_compiler")
    parser.add_argument("--json", action="store_true", help="one JSON document, with every op")


def run(args: argparse.Namespace) -> int:
    """Judge each graph and print."""
    from converters.lint.board import find_board
    from converters.lint.judge import lint
    from converters.verbs.inspect import graphs

    board = find_board(args.profile)
    reports = {
        name: lint(content, board, compile_it=not args.no_compiler) for name, content in graphs(args.model).items()
    }
    fails = [_fails(report, strict=args.strict) for report in reports.values()]
    if args.json:
        documents: dict[str, Any] = {
            name: {"model": name, **report.document(), "ok": not failed}
            for (name, report), failed in zip(reports.items(), fails, strict=True)
        }
        single = args.model.endswith(".tflite")
        print(
            json.dumps(
                next(iter(documents.values())) if single else {"graphs": documents, "ok": not any(fails)}, indent=1
            )
        )
    else:
        said: set[str] = set()
        for name, report in reports.items():
            _print(name, report, ops=args.ops, before=f"{name}: " if len(reports) > 1 else "", said=said)
    return int(any(fails))


def _fails(report: Report, *, strict: bool) -> bool:
    fallen = any(one.kind in ("edgetpu", "compiler") and one.level == "warning" for one in report.findings)
    return report.fails or (strict and fallen)


def _print(name: str, report: Report, *, ops: bool, before: str, said: set[str]) -> None:
    """``said``: what was said of the whole board, not of a graph; it is said once."""
    for verdict in report.verdicts if ops else ():
        op, reason = verdict.op, f": {verdict.reason}" if verdict.reason else ""
        print(f"{before}{op.index:4d} {op.custom or op.name} v{op.version}  {verdict.where}{reason}")
    for finding in report.findings:
        general = finding.kind == "compiler" and "is not installed" in finding.what
        if not general or str(finding) not in said:
            print(f"{'' if general else before}{finding}")
        said.update([str(finding)] * general)
    print(f"{name} on {report.board}: {report.summary}")
