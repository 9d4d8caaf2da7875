"""``edge-mm bundle inspect|verify``: what a model bundle holds, and whether it is whole and runs here.

In: the parsed command line. Out: text or one JSON object on stdout. Not here: reading a bundle (``models.bundle``).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_mm.errors import BundleError
from edge_mm.models.bundle import Bundle, load_bundle

CARD = "model_card.md"
REPORT = "report.json"


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
        "labels": labels(bundle),
        "report": _report(bundle),
        "card": _card(bundle),
    }


def labels(bundle: Bundle) -> dict[str, list[str]]:
    """What each front end tells apart: ``audio.labels`` -> names."""
    return {
        f"{modality}.{key}": [str(value) for value in values]
        for modality, front_end in sorted(bundle.manifest.front_ends.items())
        for key, values in sorted(front_end.items())
        if "label" in key and isinstance(values, list)
    }


def _report(bundle: Bundle) -> Any:
    """How the models did on people that they had not seen; None where the bundle does not say."""
    if not bundle.has(REPORT):
        return None
    try:
        return json.loads(bundle.member(REPORT))
    except ValueError as error:
        raise BundleError(f"{bundle.source}: {REPORT} is not JSON: {error}") from error


def _card(bundle: Bundle) -> str:
    """What the models can and cannot do, as Markdown; empty where the bundle does not say."""
    return bundle.member(CARD).decode("utf-8", errors="replace") if bundle.has(CARD) else ""


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
        **{name: ", ".join(values) for name, values in labels(bundle).items()},
        "licence": manifest.licence or "not stated",
        "data": manifest.data_card or "not stated",
    }
    width = max(map(len, rows))
    account = "\n".join(f"{key:{width}} {value}" for key, value in rows.items())
    return f"{account}\n\n{_card(bundle) or 'This bundle has no model card.'}".rstrip("\n")
