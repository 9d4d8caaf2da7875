"""The built-in set of rules.

In: what the bundle can say, the limits of the installation, what is usual for the person. Out: the policies for
``Alarms``. Not here: the rules (``driver``, ``vitals``, ``wrist``, ``sound``, ``bedside``, ``sensors``) and their
numbers (``limits``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge_mm.alerts.baseline import Baseline, moved, personal, told
from edge_mm.alerts.bedside import fused_policies
from edge_mm.alerts.driver import driver_policies
from edge_mm.alerts.explain import SENSES
from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.alerts.rules import Watch
from edge_mm.alerts.sensors import Connection, Usable
from edge_mm.alerts.sound import sound_policies
from edge_mm.alerts.vitals import vitals_policies
from edge_mm.alerts.wrist import fall_policies, stress_policies
from edge_mm.protocols import Policy


def default_policies(
    *,
    heads: Iterable[str] = (),
    modalities: Iterable[str] = SENSES,
    limits: Limits | None = None,
    baseline: Baseline | None = None,
) -> list[Policy]:
    """Build the policies.

    Args:
        heads: the fusion graph's heads; each but ``distracted`` and ``event`` has a rule.
        modalities: the senses that have a front end.
        limits: the numbers; None: the defaults.
        baseline: what is usual for the person; None: the numbers hold as they are.

    Raises:
        ConfigError: limits out of range or out of order; all that was found.
    """
    limits = Limits() if limits is None else limits_from(msgspec.structs.asdict(limits))
    changes: dict[str, str] = {}
    if baseline is not None:
        changes, limits = moved(limits, baseline), personal(limits, baseline)
    senses, known = set(modalities), set(heads)
    rules: list[Watch | HeadWatch] = list(driver_policies(limits, heads=known, frames="vision" in senses))
    if "audio" in senses:
        rules += sound_policies(limits)
    if "physio" in senses:
        rules += vitals_policies(limits)
    rules += fused_policies(limits, heads=known, senses=senses)
    if "skin" in senses:
        rules += stress_policies(limits)
    if "motion" in senses:
        rules += fall_policies(limits)
    for one in rules:
        one.rule = told(one.rule, changes)
    return [*(one for one in rules if one.rule.kind not in limits.disabled), Connection(), Usable(limits)]
