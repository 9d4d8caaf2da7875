"""The built-in set of rules.

In: what the bundle can say, the limits of the installation, what is usual for the person. Out: the policies for
``Alarms``. Not here: the rules (``driver``, ``vitals``, ``wrist``, ``sound``, ``bedside``, ``sensors`` ...) and their
numbers (``limits``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edge_mm.alerts.asystole import Asystole
from edge_mm.alerts.attention import attention_policies
from edge_mm.alerts.baseline import Baseline, moved, personal, told
from edge_mm.alerts.bedside import fused_policies
from edge_mm.alerts.blind import Blind
from edge_mm.alerts.coughs import cough_policy
from edge_mm.alerts.driver import driver_policies
from edge_mm.alerts.explain import SENSES
from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.inputs import NO_INPUT, Inputs, needs_of
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.alerts.news2 import News2
from edge_mm.alerts.rule_kinds import KINDS
from edge_mm.alerts.sensors import Connection, Usable
from edge_mm.alerts.signs import sign_policies
from edge_mm.alerts.sound import sound_policies
from edge_mm.alerts.still import still_policy
from edge_mm.alerts.vitals import vitals_policies
from edge_mm.alerts.watch import Watch
from edge_mm.alerts.wrist import fall_policies, stress_policies
from edge_mm.protocols import Policy
from edge_mm.types import Alert


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
    rules: list[Watch | HeadWatch | Asystole | News2] = list(
        driver_policies(limits, heads=known, frames="vision" in senses)
    )
    if "audio" in senses:
        rules += sound_policies(limits)
    if "physio" in senses:
        rules += vitals_policies(limits)
    rules += fused_policies(limits, heads=known, senses=senses)
    if "skin" in senses:
        rules += stress_policies(limits)
    if "motion" in senses:
        rules += fall_policies(limits)
    if "physio" in senses:
        rules.append(Asystole(limits))
    optional: tuple[Watch | News2, ...] = (
        *attention_policies(limits),
        *sign_policies(limits),
        *_scores(limits),
        still_policy(limits),
    )
    rules += [one for one in (*optional, cough_policy(limits)) if one.rule.kind in limits.enabled]
    for one in rules:
        one.rule = told(one.rule, changes)
    rules = [one for one in rules if one.rule.kind not in limits.disabled]
    needs = needs_of((one.rule.kind for one in rules), limits)
    inputs = [Inputs(needs, limits)] if needs else []
    return [*rules, Connection(), Usable(limits), Blind(limits), *inputs]


def unsayable(alert: Alert, policies: Iterable[Policy]) -> bool:
    """Whether an alarm of a built-in rule is one that none of these policies can say anything about any more."""
    policies = tuple(policies)
    if not all_ours(policies):
        return False
    if alert.kind == NO_INPUT:
        return not any(isinstance(one, Inputs) and alert.key.partition("@")[0] in one.keys for one in policies)
    kinds = {one.rule.kind for one in policies if hasattr(one, "rule")}
    return alert.kind in KINDS and alert.kind not in kinds


def all_ours(policies: Iterable[Policy]) -> bool:
    """Whether none of these policies is a user's own: what such a one says, and by what, is not known."""
    return all(hasattr(one, "rule") or isinstance(one, (Connection, Usable, Blind, Inputs)) for one in policies)


def _scores(limits: Limits) -> tuple[News2, News2]:
    return News2(limits, emergency=False), News2(limits, emergency=True)
