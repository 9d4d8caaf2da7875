"""``edge-mm rules``: which numbers hold, where each comes from, and what the rules need.

In: a configuration, or names of presets. Out: the presets, their numbers with sources, and what was set beside them; or
one JSON object. Not here: the numbers (``alerts``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_mm.alerts.inputs import needs_of
from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import ALWAYS


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    table: dict[str, Any] = {"presets": args.preset} if args.preset else {}
    if not args.preset and Path(args.config).exists():
        from edge_mm.daemon.config import load_config

        table = load_config(args.config).rules
    limits = limits_from(table)
    named = table.get("presets", [])
    kinds = [kind for kind in (*ALWAYS, *limits.enabled) if kind not in limits.disabled]
    numbers = {
        key: {"value": getattr(limits, key), "source": f"{name}: {number.source}"}
        for name in named
        for key, number in PRESETS[name].numbers.items()
        if key not in table
    }
    numbers |= {
        key: {"value": getattr(limits, key), "source": "[rules]"}
        for key in table
        if key not in ("presets", "enabled", "disabled")
    }
    needs = {" or ".join(need.readings): kinds_of for need, kinds_of in needs_of(kinds, limits).items()}
    if args.json:
        presets = {
            name: {"inspired_by": PRESETS[name].inspired_by, "leaves_out": PRESETS[name].leaves_out} for name in named
        }
        print(json.dumps({"presets": presets, "kinds": kinds, "numbers": numbers, "needs": needs}))
        return 0
    for name, preset in PRESETS.items():
        if name in named or not named:
            print(f"{name}: inspired by {preset.inspired_by}")
            if name in named and preset.leaves_out:
                print(f"    leaves out: {preset.leaves_out}")
    for key, row in numbers.items():
        print(f"{key} = {row['value']}    {row['source']}")
    for what, kinds_of in needs.items():
        print(f"{', '.join(kinds_of)}: needs {what}")
    print("all other numbers are defaults: edge_mm/alerts/numbers*.py says where each comes from")
    return 0
