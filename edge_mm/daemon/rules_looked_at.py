"""What is strange about the rules of a configuration without being wrong: rules without a sensor, names of no kind.

In: a configuration. Out: sentences, for ``check`` and for the log of ``run``. Not here: what is wrong (``config``),
what the rules need (``alerts.described``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from edge_mm.alerts.described import raised_by, unknown_pattern
from edge_mm.alerts.handling import Handlings
from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.presets import PRESETS
from edge_mm.daemon.config import Config


def strange(config: Config, wrong: Collection[str]) -> Iterator[str]:
    """All of it, unless what it is about is ``wrong``."""
    if not {"rules", "alarms"} & set(wrong):
        yield from unknown_names(config)
        yield from without_sensor(config)


def unknown_names(config: Config) -> list[str]:
    """Keys of ``[alarms]`` that no kind of ours has. Policies of a user's own may have it: it is no error."""
    said = (unknown_pattern(pattern) for pattern in Handlings(config.alarms).patterns)
    return [text for text in said if text is not None]


def without_sensor(config: Config) -> Iterator[str]:
    """Rules that the installation has asked for and that no configured source can ever feed."""
    sources = {one.kind for one in config.source}
    if not sources:
        return
    fed = raised_by(limits_from(config.rules))
    wanted = {name: (*PRESETS[name].enables, *PRESETS[name].uses) for name in config.rules.get("presets", ())}
    wanted["enabled"] = tuple(config.rules.get("enabled", ()))
    told: set[str] = set()
    for name, kinds in wanted.items():
        blind = [kind for kind in dict.fromkeys(kinds) if kind in fed and sources.isdisjoint(fed[kind])]
        if not set(blind) - told:
            continue
        told |= set(blind)
        one, which = len(blind) == 1, "the [rules] enabled" if name == "enabled" else name
        each = ", ".join(f"{kind} ({' or '.join(fed[kind])})" for kind in blind)
        yield (
            f"{len(blind)} rule{'' if one else 's'} of {which} {'has' if one else 'have'} no sensor: {each}; "
            f"add a source, or switch {'it' if one else 'them'} off: disabled = {json.dumps(blind)}"
        )
