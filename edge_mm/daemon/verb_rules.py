"""``edge-mm rules``: which rules run, which numbers hold, where each comes from, and what the rules listen to.

In: a configuration, or names of presets. Out: the presets, the rules and the sensors that they miss, what ``[alarms]``
changes, every number with its source; or one JSON object. Not here: the numbers and what is known of them (``alerts``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.alerts.described import TECHNICAL, default_sources, heard, raised_by, rules_of
from edge_mm.alerts.handling import Handlings
from edge_mm.alerts.inputs import SPEED
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import ALWAYS, KINDS, OPTIONAL
from edge_mm.daemon.config import Config, load_parts
from edge_mm.errors import ConfigError
from edge_mm.kinds import Category, Priority


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        ConfigError: rules, alarms or a source of the configuration are wrong.
    """
    config = None if args.preset or not Path(args.config).exists() else _configured(args.config)
    table: dict[str, Any] = {"presets": args.preset} if args.preset else {} if config is None else config.rules
    limits = limits_from(table)
    named = list(dict.fromkeys(table.get("presets", [])))
    numbers = _numbers(table, named, limits)
    rules = _rules(limits, config)
    technical = {} if config is None else _technical(config)
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
        print(json.dumps({"presets": presets, "rules": rules, "alarms": technical, "numbers": numbers}))
        return 0
    for name, preset in PRESETS.items():
        if name in named or not named:
            print(f"preset {name}{'' if named else ' (not used)'}: inspired by {preset.inspired_by}")
            if name in named and preset.leaves_out:
                print(f"    leaves out: {preset.leaves_out}")
    for kind, row in rules.items():
        if config is None:
            needs = f"; needs a source of kind {row['source']}"
        else:
            needs = f"; missing: a source of kind {row['missing']}" if row["missing"] else ""
        off = "" if row["active"] else " (off)"
        print(f"{kind}{off}: listens to {', '.join(row['listens_to'])}{needs}{_dealt_with(row['alarms'])}")
    for kind, handling in technical.items():
        print(f"{kind}{_dealt_with(handling)}")
    for key, number in numbers.items():
        if number["from"] != "default" or not args.changed:
            print(f"{key} = {json.dumps(number['value'])}    {number['from']}: {number['source']}")
    return 0


def _configured(path: str) -> Config:
    parts = load_parts(path)
    about = [key for key in parts.wrong if key in ("rules", "alarms") or key.startswith("source")]
    if about:
        raise ConfigError(*dict.fromkeys(text for key in about for text in parts.wrong[key]))
    return parts.config


def _rules(limits: Limits, config: Config | None) -> dict[str, dict[str, Any]]:
    """Each kind: whether it runs, what it listens to, what lets it judge, how its alarm is dealt with."""
    every = msgspec.structs.replace(limits, enabled=list(OPTIONAL), disabled=[])
    listens, sources, rules = heard(every), raised_by(every), rules_of(every)
    there = None if config is None else {one.kind for one in config.source}
    rows: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        wanted = [sources[kind]]
        if SPEED.readings[0] in listens[kind]:
            wanted.append((SPEED.source,))
        missing = [] if there is None else [one for one in wanted if there.isdisjoint(one)]
        rows[kind] = {
            "active": (kind in ALWAYS or kind in limits.enabled) and kind not in limits.disabled,
            "listens_to": listens[kind],
            "source": " and ".join(" or ".join(one) for one in wanted),
            "missing": " and ".join(" or ".join(one) for one in missing),
            "alarms": {} if config is None else _changed(config, kind, "physiological", rules[kind].priority),
        }
    return rows


def _technical(config: Config) -> dict[str, dict[str, Any]]:
    """Kinds about the device that ``[alarms]`` deals with in another way."""
    found = {kind: _changed(config, kind, "technical", "medium") for kind in sorted(TECHNICAL)}
    return {kind: changed for kind, changed in found.items() if changed}


def _changed(config: Config, kind: str, category: Category, priority: Priority) -> dict[str, Any]:
    """What ``[alarms]`` changes for a kind."""
    usual = msgspec.structs.asdict(Handlings().of(kind, category=category, priority=priority))
    now = msgspec.structs.asdict(Handlings(config.alarms).of(kind, category=category, priority=priority))
    return {key: value for key, value in now.items() if value != usual[key]}


def _dealt_with(changed: Mapping[str, Any]) -> str:
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in changed.items())
    return f"; [alarms]: {said}" if said else ""


def _numbers(table: Mapping[str, Any], named: list[str], limits: Limits) -> dict[str, dict[str, Any]]:
    """Each number that holds, those that were changed first: who set it, and why it is what it is."""
    said = default_sources()
    rows: dict[str, dict[str, Any]] = {}
    usual = Limits()
    for key in (field.name for field in msgspec.structs.fields(Limits) if field.name not in ("enabled", "disabled")):
        value, before = getattr(limits, key), getattr(usual, key)
        source, whose = said.get(key, ""), "default"
        for name in named:
            if key in PRESETS[name].numbers:
                (before, source), whose = PRESETS[name].numbers[key], name
        if key in table:
            has = "the default is" if whose == "default" else f"preset {whose} has"
            source, whose = f"yours; {has} {json.dumps(before)} ({source})", "[rules]"
        elif whose == "default" and value != before:
            whose = "follows"
        rows[key] = {"value": value, "from": whose, "source": source}
    order = {"[rules]": 0, "follows": 2, "default": 3}
    return dict(sorted(rows.items(), key=lambda row: order.get(row[1]["from"], 1)))
