"""``edge-mm-convert runtimes``: where graphs can be tried, and a private tflite-runtime 2.14."""

from __future__ import annotations

import argparse
import json

SUMMARY = "the TFLite runtimes that graphs are tried in; --install fetches tflite-runtime 2.14"
_EPILOG = """tflite-runtime 2.14 is what 32-bit boards and older images have. It needs Python 3.11 and numpy 1, so it
gets a folder of its own in the user's cache (or in $EDGE_MM_RUNTIMES); nothing of this environment changes.

example: edge-mm-convert runtimes --install"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument(
        "--install", action="store_true", help="fetch tflite-runtime 2.14 and numpy 1.26 (24 MB) with pip"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Print them; 1 where one is missing."""
    from converters.conversion.progress import shown
    from converters.conversion.trial import RUNTIMES, find_runtime, install

    if args.install:
        with shown() as say:
            say("fetching tflite-runtime", 0, 0)
            install()
    found = {name: find_runtime(name) for name in RUNTIMES}
    if args.json:
        print(json.dumps({name: one and one._asdict() for name, one in found.items()}, indent=1))
    else:
        missing = {
            "ai_edge_litert": "pip install ai-edge-litert",
            "tflite_runtime": "edge-mm-convert runtimes --install",
        }
        for name, one in found.items():
            print(f"{RUNTIMES[name]:16s} {f'{one.version}  {one.python}' if one else f'missing: {missing[name]}'}")
    return 0 if all(found.values()) else 1
