"""``edge-mm-convert evaluate``: a bundle through the device's own monitor, over people whom no net has met."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_mm.errors import ConvertError, UsageError

if TYPE_CHECKING:
    from converters.evaluation.results import Result
    from edge_mm.models.bundle import Bundle

SUMMARY = "a bundle on held-out people, records and clips, through the device's own monitor: Markdown, HTML, JSON"
FILES = ("evaluation.md", "evaluation.html", "evaluation.json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    from converters.evaluation.own.names import NAMES
    from converters.evaluation.tasks import TASKS

    parser.add_argument("bundle", metavar="BUNDLE", help="a .edgemm file, or the name of one that ships (driver)")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the project's data (open/, research/, teachers/), or a folder of your own with manifest.csv",
    )
    parser.add_argument("--tasks", metavar="A,B", help=f"only these (default: all): {', '.join(TASKS)}")
    parser.add_argument(
        "--quick", action="store_true", help="few recordings of each kind: shows that all works, measures nothing"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {', '.join(FILES)} there; made if absent")
    parser.add_argument(
        "--card", type=Path, metavar="DIR", help="also write the bundle there with the table in its model card"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.epilog = (
        "example:\n"
        "  edge-mm-convert evaluate driver --data ../shared/data --out report\n"
        "  edge-mm-convert evaluate driver --data my-recordings --out report\n\n"
        "your own recordings: FOLDER/manifest.csv, a line per recording, and labels with the times of what happened:\n"
        "  manifest.csv   name,person,video,audio,ecg,labels,watched\n"
        "                 monday,anna,monday.mp4,monday.mp4,,monday.csv,yawn;siren\n"
        "  monday.csv     start_s,end_s,name\n"
        "                 12.4,17.0,yawn\n"
        "also: ppg, eda, temp, acc; rate_hz; signals and map for one CSV with several signals (ecg=II;ppg=PLETH).\n"
        f"names: {', '.join(NAMES)},\n"
        "or any kind of alert (driver.drowsy). More in converters/evaluation/README.md."
    )


def run(args: argparse.Namespace) -> int:
    """Watch, score, write, print."""
    from converters.conversion.files import write_files
    from converters.evaluation.results import as_data
    from converters.reports import evaluation as report
    from edge_mm.models.bundle import load_bundle

    bundle = load_bundle(args.bundle)
    if not args.data.is_dir():
        raise UsageError(f"--data {args.data}: no such folder")
    _ready(args.out)
    if args.card is not None and args.quick:
        raise UsageError("--card with --quick: a quick evaluation measures nothing that belongs on a card")
    _ready(args.card)
    results, digest = _measured(args, bundle)
    about = _about(args, bundle, digest)
    data = as_data(results, {"bundle": _identity(bundle), "quick": args.quick, "data_sha256": digest})
    if args.out is not None:
        words = report.markdown(results, about), report.page(results, about), json.dumps(data, indent=1) + "\n"
        args.out.mkdir(parents=True, exist_ok=True)
        write_files({args.out / name: text.encode() for name, text in zip(FILES, words, strict=True)})
    if args.card is not None:
        from converters.bundling.carded import carded

        print(f"{carded(bundle, data, args.card)}: with this table in its model card", file=sys.stderr)
    if args.json:
        print(json.dumps(data, indent=1))
    else:
        _print(results, about.sentences)
    return 0


def _measured(args: argparse.Namespace, bundle: Bundle) -> tuple[list[Result], str]:
    from converters.evaluation.own.manifest import MANIFEST, read_manifest
    from converters.evaluation.own.scoring import score_recordings
    from converters.evaluation.tasks import TASKS, Context, evaluate

    context = Context(bundle, args.data, quick=args.quick, progress=_bar if sys.stderr.isatty() else None)
    if (args.data / MANIFEST).is_file():
        if args.tasks:
            raise UsageError("--tasks are those of the project's data; with manifest.csv the labels say what is judged")
        return score_recordings(context, read_manifest(args.data)), _digest(args.data / MANIFEST)
    names = TASKS if args.tasks is None else tuple(filter(None, (one.strip() for one in args.tasks.split(","))))
    if not names:
        raise UsageError(f"--tasks names none; choose from {', '.join(TASKS)}")
    if not any((args.data / part).is_dir() for part in ("open", "research")):
        raise ConvertError(
            f"--data {args.data}: neither manifest.csv (your own recordings) nor open/ and research/ (the project's "
            "data) is in it; edge-mm-convert evaluate --help shows the layout"
        )
    return evaluate(context, tuple(dict.fromkeys(names))), ""


def _bar(items: Sequence[Any], *, desc: str) -> Any:
    from tqdm import tqdm

    return tqdm(items, desc=desc, leave=False)


def _ready(out: Path | None) -> None:
    """Whether files can be written there: asked before minutes of work."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".evaluation.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConvertError(f"{out}: cannot be written: {error.strerror or error}") from error


def _digest(path: Path) -> str:
    from converters.conversion.files import file_digest

    return file_digest(path)


def _identity(bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    return {"name": manifest.name, "version": manifest.version, "sha256": bundle.digest}


def _about(args: argparse.Namespace, bundle: Bundle, digest: str) -> Any:
    from converters.reports.evaluation import About
    from edge_mm.perception.litert import backend_name

    one = _identity(bundle)
    said = [
        f"Bundle {one['name']} {one['version']}, SHA-256 {one['sha256']}: its int8 graphs through edge_mm.monitor with "
        f"the rules and limits that ship, {backend_name()}.",
        "Nobody in these recordings was trained on; designs may have been chosen with them in view.",
    ]
    if digest:
        said.append(f"Own recordings; SHA-256 of the manifest {digest}.")
    if args.quick:
        said.append("QUICK: a few recordings of each kind. This shows that the evaluation runs; it measures nothing.")
    return About(f"{one['name']} {one['version']} on people whom no net has met", tuple(said))


def _print(results: list[Result], sentences: Sequence[str]) -> None:
    from converters.reports.evaluation import line, summary

    for text in sentences:
        print(text)
    for result in results:
        print(f"\n{result.title}" + (f": {result.absent}" if result.absent else ""))
        for row in result.rows:
            _, split, measure, value, interval, n, target, met = line(row)
            words = [value, f"[{interval}]" if interval else "", f"({n})" if n else ""]
            end = f"  asked {target}: {met or 'not measured'}" if target else ""
            print(f"  {measure}: {' '.join(filter(None, words))}{end}   <{split}>")
    print(f"\n{summary(results)} {sum(result.seconds for result in results):.0f} s of processor time.")
