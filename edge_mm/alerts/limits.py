"""The numbers of the rules as an installation sets them.

In: the ``[rules]`` table of ``edge-mm.toml``, key by key; what is not given is a preset's number where ``presets``
names one that has it, else the default. Out: a checked ``Limits``. Not here: the numbers and their sources
(``numbers``, ``presets``), what belongs together (``ordering``), the rules (``driver``, ``vitals``, ``sound`` ...).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_mm.alerts.allowed import allowed
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.ordering import followed, out_of_order
from edge_mm.alerts.presets import merged, named
from edge_mm.alerts.rule_kinds import KINDS
from edge_mm.errors import ConfigError


def limits_from(table: Mapping[str, Any], *, where: str = "[rules]") -> Limits:
    """Check a table of overrides.

    Args:
        table: key -> value, as read from TOML; ``presets`` is a list of names.
        where: how to call the table in messages.

    Raises:
        ConfigError: every unknown key or preset, wrong type, number out of range and pair out of order, one sentence
            each.
    """
    problems: list[str] = []
    given, wrong = _typed(table, where, problems)
    presets = named(table.get("presets", []), where, problems)
    numbers = msgspec.structs.asdict(Limits())
    preset = merged(presets, given, where, problems)
    for layer in (preset, given):
        numbers |= followed(layer, numbers) | layer
    asked = [*preset.get("enabled", []), *given.get("enabled", [])]
    numbers["enabled"] = list(dict.fromkeys(asked))
    limits = Limits(**numbers)
    for key in ("disabled", "enabled"):
        for kind in getattr(limits, key):
            if kind not in KINDS:
                problems.append(f"{where} {key}: no rule {kind!r}{_nearest(kind, KINDS)}; there are {', '.join(KINDS)}")
    for lower, upper in out_of_order(limits):
        low, high = getattr(limits, lower), getattr(limits, upper)
        if not wrong & {lower, upper}:
            problems.append(f"{where} {lower} = {low:g} is above {upper} = {high:g}: set it to at most {high:g}")
    if not wrong:
        problems += _beyond(limits, where)
    if problems:
        raise ConfigError(*problems)
    return limits


def _typed(table: Mapping[str, Any], where: str, problems: list[str]) -> tuple[dict[str, Any], set[str]]:
    """What is of the right type and in range, and the keys of the rest."""
    fields = {field.name: field for field in msgspec.structs.fields(Limits)}
    values: dict[str, Any] = {}
    wrong: set[str] = set()
    for key, value in table.items():
        if key == "presets":
            continue
        if key not in fields:
            problems.append(f"{where} {key}: unknown key{_nearest(key, [*fields, 'presets'])}")
            continue
        try:
            values[key] = msgspec.convert(value, type=fields[key].type)
        except msgspec.ValidationError:
            quotes = ", without quotes" if isinstance(value, str) and fields[key].type is not str else ""
            words = allowed(key, fields[key].type)
            problems.append(f"{where} {key} = {value!r}: give {words}{'' if chr(34) in words else quotes}")
            wrong.add(key)
    return values, wrong


def _beyond(limits: Limits, where: str) -> list[str]:
    """Exits that followed their enter out of range."""
    problems: list[str] = []
    for field in msgspec.structs.fields(Limits):
        value = getattr(limits, field.name)
        try:
            msgspec.convert(value, type=field.type)
        except msgspec.ValidationError:
            words = allowed(field.name, field.type)
            problems.append(f"{where} {field.name} would follow to {value!r}: give it too, {words}")
    return problems


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


__all__ = ["KINDS", "Limits", "limits_from"]
