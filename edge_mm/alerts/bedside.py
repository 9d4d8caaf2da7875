"""Rules over what all senses together say of a patient, and of a driver under stress.

In: ``Estimate`` s with the heads ``arrhythmia``, ``distress`` or ``stressed``. Out: policies, one per head that the
bundle has. Each needs the sense in which its state shows: the others explain and support, they do not raise an alarm
alone. The head ``event`` has no rule: with motion alone it rises on stairs and on clapping, and a fall has its own rule
(``wrist``). Not here: the numbers (``limits``), rules over one sense (``vitals``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule
from edge_mm.kinds import Modality, Priority


class _Head(NamedTuple):
    name: str
    kind: str
    what: str
    priority: Priority
    needs: Modality


_HEADS = (
    _Head("stressed", "driver.stressed", "driver is likely under stress", "low", "skin"),
    _Head("arrhythmia", "health.arrhythmia", "heart rhythm is likely disturbed", "medium", "physio"),
    _Head("distress", "health.distress", "patient is likely in distress", "low", "skin"),
)
HEADS = tuple(one.name for one in _HEADS)
"""Heads that have a rule, beside ``drowsy`` (``driver``)."""


def fused_policies(limits: Limits, *, heads: Iterable[str], senses: Iterable[str]) -> list[HeadWatch]:
    """One policy for each head that the bundle has, with the sense that it needs."""
    have, there = set(heads), set(senses)
    return [_watch(limits, one) for one in _HEADS if one.name in have and one.needs in there]


def _watch(limits: Limits, head: _Head) -> HeadWatch:
    rule = Rule(
        kind=head.kind,
        priority=head.priority,
        code=f"{head.name}_above",
        raised=f"{head.what}: probability {{value:.2f}} by {{senses}} (limit {{limit:g}}) for {{seconds:.1f}} s",
        cleared=f"no longer so ({head.what}): probability {{value:.2f}} by {{senses}} (limit {{limit:g}})",
        unit="probability",
    )
    level = Level(
        enter=getattr(limits, f"{head.name}_enter"),
        exit=getattr(limits, f"{head.name}_exit"),
        dwell_s=getattr(limits, f"{head.name}_s"),
        keep_s=limits.fused_keep_s,
        max_gap_s=limits.fusion_max_gap_s,
    )
    return HeadWatch(rule, level, head=head.name, min_quality=limits.min_quality, needs=head.needs)
