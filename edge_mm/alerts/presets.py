"""Sets of limits that belong together, each inspired by one source.

In: names of presets (``[rules] presets = [...]``). Out: their numbers, each with where it comes from. A preset is
*inspired by* what it is named after and never compliant with it: what it leaves out is said in ``leaves_out``. Not
here: checking the numbers (``limits``), the tables (``presets_driver``, ``presets_health``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edge_mm.alerts.preset import Preset
from edge_mm.alerts.presets_driver import DRIVER
from edge_mm.alerts.presets_health import HEALTH

PRESETS: Mapping[str, Preset] = MappingProxyType({one.name: one for one in (*DRIVER, *HEALTH)})
"""Name -> preset."""


def named(names: Any, where: str, problems: list[str]) -> list[Preset]:
    """The presets of these names; what is none is added to ``problems``."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        problems.append(f'{where} presets = {names!r}: give a list of names, as in ["{next(iter(PRESETS))}"]')
        return []
    found: list[Preset] = []
    for name in dict.fromkeys(names):
        if name in PRESETS:
            found.append(PRESETS[name])
            continue
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PRESETS)}"
        problems.append(f"{where} presets: no preset {name!r}; {hint}")
    return found


def merged(presets: list[Preset], given: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """Their numbers together, and the kinds that they need; two may not disagree unless ``given`` decides."""
    numbers: dict[str, Any] = {}
    owner: dict[str, str] = {}
    kinds: list[str] = []
    for preset in presets:
        kinds += preset.enables
        for key, number in preset.numbers.items():
            if key in given:
                continue
            if key in numbers and numbers[key] != number.value:
                problems.append(
                    f"{where} presets: {owner[key]} has {key} = {numbers[key]!r} and {preset.name} {number.value!r}: "
                    f"take one of them, or set {key} beside them"
                )
            numbers[key], owner[key] = number.value, preset.name
    return {**numbers, "enabled": kinds} if kinds else numbers
