"""What the rules of an installation are: what each listens to, and where each default comes from.

In: the numbers. Out: kind -> readings, as the rules themselves have them, and kinds of source that give them; key ->
what its docstring says; whether a kind is known. Not here: the rules (``defaults``), the numbers (``numbers``),
printing (``daemon.verb_rules``).
"""

from __future__ import annotations

import ast
import difflib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from edge_mm.alerts.bedside import HEADS
from edge_mm.alerts.defaults import default_policies
from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rule_kinds import KINDS
from edge_mm.alerts.rules import Rule
from edge_mm.alerts.sensors import QUALITY, SENSOR_KINDS

GIVEN_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "driver": ("video",),
        "audio": ("audio",),
        "motion": ("acc",),
        "health.stress": ("eda", "temp"),
        "vitals.heart_rate_bpm": ("ecg", "ppg", "heart_rate"),
        "vitals.respiration_rate_bpm": ("ecg", "ppg"),
        "vitals.rhythm_irregular": ("ecg", "ppg"),
        "vitals.beat": ("ecg",),  # a pulse has beats, too; the rules that listen to them judge an ECG's
        "vitals.spo2_percent": ("spo2",),
        "vitals.systolic_mmhg": ("blood_pressure",),
        "vitals.diastolic_mmhg": ("blood_pressure",),
        "vitals.body_temperature_c": ("body_temp",),
        "vitals.breathing_rate_bpm": ("respiration_rate",),
        "vision": ("video",),
        "skin": ("eda",),  # a temperature alone has no part in a fused score
        "physio": ("ecg", "ppg"),
    }
)
"""A reading, a family of readings, or the sense of a fused score -> kinds of source, any of which gives it."""
_FROM_ECG = ("health.asystole",)
"""Rules that a pulse supports and that only an ECG can raise."""
_CONTEXT = "vehicle.speed_kmh"
"""A reading that moves limits and raises nothing."""
TECHNICAL: frozenset[str] = frozenset(
    (
        *SENSOR_KINDS,
        "device.lost",
        "device.degraded",
        "device.blind",
        "rule.no_input",
        "outbox.gap",
        "outbox.unreadable",
    )
)
"""Kinds of alert about the device itself."""


def rules_of(limits: Limits) -> dict[str, Rule]:
    """Kind -> the rule of it, of each that runs."""
    return {policy.rule.kind: policy.rule for policy in _policies(limits)}


def heard(limits: Limits) -> dict[str, list[str]]:
    """Kind of each rule that runs -> names of the readings that it listens to; of a fused one, head and sense."""
    found: dict[str, list[str]] = {}
    for policy in _policies(limits):
        if isinstance(policy, HeadWatch):
            found[policy.rule.kind] = [f"the fused {policy.head} (with {policy.needs})"]
        else:
            found[policy.rule.kind] = sorted(policy.names - {QUALITY})
    return found


def raised_by(limits: Limits) -> dict[str, tuple[str, ...]]:
    """Kind of each rule that runs -> kinds of source, any of which lets it judge."""
    return fed_by(_policies(limits))


def fed_by(policies: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Kind of each of these rules -> kinds of source, any of which lets it judge; where that is known."""
    found: dict[str, tuple[str, ...]] = {}
    for policy in policies:
        kind = policy.rule.kind
        heard = [str(policy.needs)] if isinstance(policy, HeadWatch) else sorted(policy.names - {QUALITY, _CONTEXT})
        if kind in _FROM_ECG:
            heard = ["vitals.beat"]
        named = [name if name in GIVEN_BY else name.partition(".")[0] for name in heard]
        if all(name in GIVEN_BY for name in named):
            found[kind] = tuple(dict.fromkeys(source for name in named for source in GIVEN_BY[name]))
    return found


def unknown_pattern(pattern: str) -> str | None:
    """What is to be said of a key of ``[alarms]`` that no kind of ours has; None: some kind has it."""
    kinds = [*KINDS, *sorted(TECHNICAL)]
    families = sorted({f"{kind.partition('.')[0]}.*" for kind in kinds})
    if pattern == "*" or pattern in kinds or pattern in families:
        return None
    near = (
        [f"{pattern}.*"] if f"{pattern}.*" in families else difflib.get_close_matches(pattern, [*kinds, *families], 1)
    )
    hint = f"; did you mean {near[0]}?" if near else f"; families are {', '.join(families)}"
    return f'[alarms] "{pattern}": no kind of alert is called so, so it changes nothing{hint}'


def _policies(limits: Limits) -> Iterator[Any]:
    """Those with a rule."""
    for policy in default_policies(heads=("drowsy", *HEADS), limits=limits):
        if getattr(policy, "rule", None) is not None:
            yield policy


@cache
def default_sources() -> dict[str, str]:
    """Key -> what it means and where its default comes from; empty where the sources are not installed."""
    found: dict[str, str] = {}
    for owner in Limits.__mro__:
        if not owner.__module__.startswith("edge_mm."):
            continue
        try:
            tree = ast.parse(inspect.getsource(sys.modules[owner.__module__]))
        except OSError:
            continue
        body = next((one.body for one in tree.body if isinstance(one, ast.ClassDef) and one.name == owner.__name__), [])
        for field, said in pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(said, ast.Expr)
                and isinstance(said.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(said.value.value).split())
    return found
