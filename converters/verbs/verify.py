"""``edge-mm-convert verify``: is a bundle whole, does each graph say in every runtime what it should?"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_mm.errors import ConvertError

SUMMARY = "check a bundle: digests, golden samples in every runtime, a board's budget"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("bundle", metavar="NAME|FILE", help="a shipped bundle's name, or a .edgemm")
    parser.add_argument(
        "--profile", action="append", default=[], metavar="BOARD", help="also against this board's budget"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "example: edge-mm-convert verify driver --profile raspberry-pi-zero-2w"


def run(args: argparse.Namespace) -> int:
    """Say what is wrong; 1 where anything is."""
    from converters.bundling.budget import over_budget
    from edge_mm.models.bundle import load_bundle
    from edge_mm.models.profile import load_profile

    if args.bundle.endswith((".tflite", ".keras")):
        raise ConvertError(f"{args.bundle}: verify takes a bundle (.edgemm); of a graph, lint and inspect tell")
    bundle = load_bundle(args.bundle)
    for board in args.profile:
        load_profile(board)  # a name that does not exist is said before anything is run
    graphs = {name: bundle.graph(name) for name in sorted(bundle.manifest.graphs)}
    size = Path(bundle.source).stat().st_size
    problems, checked = golden(graphs, bundle.arrays("golden.npz"))
    for board in args.profile:
        problems += [f"{board}: {text}" for text in over_budget(board, graphs, bundle_bytes=size)]
    if args.json:
        print(json.dumps({"bundle": bundle.source, "digest": bundle.digest, "checked": checked, "problems": problems}))
    else:
        for line in problems or [
            f"{bundle.source}: whole; {len(graphs)} graphs agree in {', '.join(checked['runtimes'])}"
        ]:
            print(line)
        for name in checked["missing"]:
            print(f"not tried in {name}, which is not here: edge-mm-convert runtimes --install")
    return 1 if problems else 0


def golden(graphs: dict[str, bytes], arrays: dict[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """What differs from the golden sample as the device's own self-test sees it, and where it was tried."""
    from converters.conversion.trial import RUNTIMES, find_runtime
    from converters.graphs.reader import read_graph

    found = [name for name in RUNTIMES if find_runtime(name)]
    problems = []
    for name, content in graphs.items():
        graph = read_graph(content)
        missing = [
            f"{name}: no golden sample of the {kind} {key!r}"
            for kind, keys in (("input", graph.signature_inputs), ("output", graph.signature_outputs))
            for key in keys
            if f"{name}/{kind.removesuffix('put')}/{key}" not in arrays
        ]
        problems += missing or list(_differing(name, content, arrays, found))
    return problems, {"runtimes": found, "missing": [name for name in RUNTIMES if name not in found]}


def _differing(name: str, content: bytes, arrays: dict[str, Any], runtimes: list[str]) -> Iterator[str]:
    from converters.conversion.trial import try_graph
    from converters.graphs.reader import read_graph
    from edge_mm.perception.selftest import TOLERANCE, difference

    graph, row = read_graph(content), {}
    for key, place in graph.signature_inputs.items():
        given, shape = np.asarray(arrays[f"{name}/in/{key}"], np.float32), graph.tensors[place].shape
        if given.size != math.prod(shape):
            yield f"{name}: the golden sample of {key!r} has {given.size} values, the graph reads {math.prod(shape)}"
            return
        row[key] = given.reshape(shape)
    for runtime in runtimes:
        try:
            said = try_graph(content, runtime, [row]).outputs
        except ConvertError as error:
            yield f"{name}: {error}"
            continue
        for output in graph.signature_outputs:
            wrong = difference(arrays[f"{name}/out/{output}"], said[output], TOLERANCE[runtime])
            if wrong:
                yield f"{name}: in {runtime} the output {output!r} {wrong}"
