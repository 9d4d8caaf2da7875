"""``edge-mm bundle inspect|verify``: what a model bundle holds, and whether it is whole and runs here.

In: the parsed command line. Out: text or one JSON object on stdout. Not here: reading a bundle (``models.bundle``).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_mm.models.bundle import Bundle, load_bundle


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: there is no such bundle.
        BundleError: it is truncated, altered, or (``verify``) fails its self-test.
    """
    bundle = load_bundle(args.bundle)
    if args.action == "verify":
        from edge_mm.perception.litert import backend_name
        from edge_mm.perception.selftest import self_test

        self_test(bundle)
        found = {"bundle": bundle.source, "digest": bundle.digest, "backend": backend_name(), "ok": True}
        text = f"{bundle.source}: whole, and every graph passes its self-test on {backend_name()}"
    else:
        found, text = contents(bundle), _account(bundle)
    print(json.dumps(found) if args.json else text)
    return 0


def contents(bundle: Bundle) -> dict[str, Any]:
    """What a bundle says of itself, for programs."""
    manifest = bundle.manifest
    return {
        "bundle": bundle.source,
        "name": manifest.name,
        "version": manifest.version,
        "digest": bundle.digest,
        "schema": manifest.schema,
        "window_s": manifest.window_s,
        "hop_s": manifest.hop_s,
        "modalities": manifest.modalities,
        "heads": manifest.heads,
        "graphs": {name: len(bundle.graph(name)) for name in sorted(manifest.graphs)},
        "licence": manifest.licence,
        "data_card": manifest.data_card,
    }


def _account(bundle: Bundle) -> str:
    manifest = bundle.manifest
    graphs = ", ".join(f"{name} ({len(bundle.graph(name)) / 1024:.0f} KiB)" for name in sorted(manifest.graphs))
    rows = {
        "bundle": f"{manifest.name} {manifest.version}  ({bundle.source})",
        "digest": bundle.digest,
        "window": f"{manifest.window_s:g} s every {manifest.hop_s:g} s",
        "senses": ", ".join(manifest.modalities),
        "heads": ", ".join(manifest.heads),
        "graphs": graphs,
        "licence": manifest.licence or "not stated",
        "data": manifest.data_card or "not stated",
    }
    return "\n".join(f"{key:8} {value}" for key, value in rows.items())
