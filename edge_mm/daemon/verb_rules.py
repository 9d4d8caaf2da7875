"""``edge-mm rules``: which rules run, which numbers hold, where each comes from, and what the rules listen to.

In: a configuration, or names of presets. Out: the presets, the rules, every number with its source; or one JSON object.
Not here: the numbers and what is known of them (``alerts``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.alerts.described import default_sources, heard
from edge_mm.alerts.inputs import needs_of
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import ALWAYS, KINDS, OPTIONAL


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    table: dict[str, Any] = {"presets": args.preset} if args.preset else {}
    if not args.preset and Path(args.config).exists():
        from edge_mm.daemon.config import load_config

        table = load_config(args.config).rules
    limits = limits_from(table)
    named = list(dict.fromkeys(table.get("presets", [])))
    numbers = _numbers(table, named, limits)
    rules = _rules(limits)
    if args.json:
        presets = {
            name: {
                "active": name in named,
                "inspired_by": one.inspired_by,
                "leaves_out": one.leaves_out,
                "kinds": [*one.enables, *one.uses],
            }
            for name, one in PRESETS.items()
        }
        print(json.dumps({"presets": presets, "rules": rules, "numbers": numbers}))
        return 0
    for name, preset in PRESETS.items():
        if name in named or not named:
            print(f"preset {name}{'' if named else ' (not used)'}: inspired by {preset.inspired_by}")
            if name in named and preset.leaves_out:
                print(f"    leaves out: {preset.leaves_out}")
    for kind, row in rules.items():
        needs = f"; needs a source of kind {row['source']}" if row["source"] else ""
        off = "" if row["active"] else " (off)"
        print(f"{kind}{off}: listens to {', '.join(row['listens_to'])}{needs}")
    for key, number in numbers.items():
        print(f"{key} = {json.dumps(number['value'])}    {number['from']}: {number['source']}")
    return 0


def _rules(limits: Limits) -> dict[str, dict[str, Any]]:
    """Each kind: whether it runs, what it listens to, and kinds of source that it asks for by name."""
    every = msgspec.structs.replace(limits, enabled=list(OPTIONAL), disabled=[])
    listens = heard(every)
    asked: dict[str, list[str]] = {}
    for need, kinds in needs_of(listens, every).items():
        for kind in kinds:
            asked.setdefault(kind, []).append(need.source)
    return {
        kind: {
            "active": (kind in ALWAYS or kind in limits.enabled) and kind not in limits.disabled,
            "listens_to": listens[kind],
            "source": " and ".join(asked.get(kind, [])),
        }
        for kind in KINDS
    }


def _numbers(table: Mapping[str, Any], named: list[str], limits: Limits) -> dict[str, dict[str, Any]]:
    """Each number that holds: who set it, and why it is what it is."""
    said = default_sources()
    rows: dict[str, dict[str, Any]] = {}
    usual = Limits()
    for key in (field.name for field in msgspec.structs.fields(Limits) if field.name not in ("enabled", "disabled")):
        value = getattr(limits, key)
        source, whose = said.get(key, ""), "default"
        for name in named:
            if key in PRESETS[name].numbers:
                source, whose = PRESETS[name].numbers[key].source, name
        if key in table:
            whose = "[rules]"
        elif whose == "default" and value != getattr(usual, key):
            whose = "follows"
        rows[key] = {"value": value, "from": whose, "source": source}
    return dict(sorted(rows.items(), key=lambda row: row[1]["from"] == "default"))
