"""``recipe.toml``: what rebuilds the bundle.

In: the seed, the versions. Out: TOML with the command and every number of the tracks, the composites, the fusion and
its acceptance: each constant that stands in those modules, so that none can be forgotten. Not here: the model card.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

_PLAIN = (str, int, float, list, tuple, Mapping)


def recipe(name: str, modules: Mapping[str, ModuleType], *, seed: int, versions: Mapping[str, str]) -> str:
    """The TOML.

    Args:
        name: of the bundle.
        modules: table -> the module whose constants it holds.
        seed: of everything that is drawn.
        versions: of what trained it, by name.
    """
    lines = [
        f'command = "python -m converters.{name} --data DATA --work WORK --out edge_mm/bundles --seed {seed}"',
        f"seed = {seed}",
    ]
    for table, rows in {"versions": versions, **{k: constants(module) for k, module in modules.items()}}.items():
        lines += ["", f"[{table}]", *(f"{key} = {toml(value)}" for key, value in rows.items())]
    return "\n".join(lines) + "\n"


def versions() -> dict[str, str]:
    """Of Python and of what trains."""
    import keras
    import numpy as np
    import tensorflow as tf

    python = sys.version.split()[0]
    return {"python": python, "tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}


def constants(module: ModuleType) -> dict[str, Any]:
    """The public constants that a module itself sets, in order, by their names in lower case."""
    names: list[ast.expr] = []
    for node in ast.parse(inspect.getsource(module)).body:
        for target in node.targets if isinstance(node, ast.Assign) else []:
            names += target.elts if isinstance(target, ast.Tuple) else [target]
        if isinstance(node, ast.AnnAssign):
            names.append(node.target)
    plain = [name.id for name in names if isinstance(name, ast.Name)]
    public = {name.lower(): getattr(module, name) for name in plain if name.isupper() and not name.startswith("_")}
    return {name: value for name, value in public.items() if isinstance(value, _PLAIN)}  # not an alias of a type


def toml(value: Any) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
