"""What the rules of an installation are: what each listens to, and where each default comes from.

In: the numbers. Out: kind -> readings, as the rules themselves have them; key -> what its docstring says. Not here: the
rules (``defaults``), the numbers (``numbers``), printing (``daemon.verb_rules``).
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise

from edge_mm.alerts.bedside import HEADS
from edge_mm.alerts.defaults import default_policies
from edge_mm.alerts.fused import HeadWatch
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.sensors import QUALITY


def heard(limits: Limits) -> dict[str, list[str]]:
    """Kind of each rule that runs -> names of the readings that it listens to; of a fused one, head and sense."""
    found: dict[str, list[str]] = {}
    for policy in default_policies(heads=("drowsy", *HEADS), limits=limits):
        rule = getattr(policy, "rule", None)
        if rule is None:
            continue
        if isinstance(policy, HeadWatch):
            found[rule.kind] = [f"the fused {policy.head} (with {policy.needs})"]
        else:
            found[rule.kind] = sorted(getattr(policy, "names", frozenset()) - {QUALITY})
    return found


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
