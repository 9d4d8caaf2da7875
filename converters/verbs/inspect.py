"""``edge-mm-convert inspect``: what a bundle or a graph is made of and what it costs, without running it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

SUMMARY = "what a bundle or a .tflite holds: ops, shapes, multiplications, memory"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("what", metavar="BUNDLE|MODEL.tflite", help="a shipped bundle's name, a .edgemm or a .tflite")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "examples:\n  edge-mm-convert inspect driver\n  edge-mm-convert inspect eye.tflite --json"


def run(args: argparse.Namespace) -> int:
    """Print it."""
    found = {name: account(content) for name, content in graphs(args.what).items()}
    if args.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, one in found.items():
        print(
            f"{name}: {one['bytes']} bytes, {one['macs'] / 1e6:.2f} M MACs, arena {one['arena_bytes'] / 1024:.0f} KiB"
        )
        for side in ("inputs", "outputs"):
            print(f"  {side}: " + ", ".join(f"{key} {shape} {kind}" for key, (shape, kind) in one[side].items()))
        print("  ops: " + ", ".join(f"{count} {op}" for op, count in one["ops"].items()))
    total = {key: sum(one[key] for one in found.values()) for key in ("bytes", "macs", "arena_bytes")}
    if len(found) > 1:
        print(
            f"together: {total['bytes']} bytes, {total['macs'] / 1e6:.2f} M MACs, {total['arena_bytes'] / 1024:.0f} KiB"
        )
    return 0


def graphs(what: str) -> dict[str, bytes]:
    """Name -> bytes of the graphs in a bundle, or of the one file."""
    from converters.conversion.files import graph_file
    from edge_mm.errors import ConvertError

    path = Path(what)
    if path.suffix == ".tflite":
        return {path.stem: graph_file(path)}
    if path.suffix in (".keras", ".h5", ".npz") or (path / "saved_model.pb").exists():
        raise ConvertError(f"{path}: give a .tflite or a bundle; edge-mm-convert quantize makes a graph of a model")
    from edge_mm.models.bundle import load_bundle

    bundle = load_bundle(what)
    return {name: bundle.graph(name) for name in sorted(bundle.manifest.graphs)}


def account(content: bytes) -> dict[str, Any]:
    """What one graph is made of."""
    from converters.graphs.cost import arena_bytes, macs
    from converters.graphs.reader import read_graph

    graph = read_graph(content)

    def tensors(places: dict[str, int]) -> dict[str, Any]:
        return {name: (list(graph.tensors[i].shape), graph.tensors[i].dtype) for name, i in places.items()}

    return {
        "bytes": len(content),
        "macs": macs(graph),
        "arena_bytes": arena_bytes(graph),
        "inputs": tensors(graph.signature_inputs),
        "outputs": tensors(graph.signature_outputs),
        "ops": dict(Counter(op.name for op in graph.ops).most_common()),
        "min_runtime": graph.min_runtime,
    }
