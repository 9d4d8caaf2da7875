"""``${NAME}`` in a configuration: what the environment has of that name.

In: a parsed document. Out: the same with every such text filled in; what is not set, as sentences. Not here: what the
document means (``daemon.config``).
"""

from __future__ import annotations

import os
import re
from typing import Any

_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(raw: Any, where: str, file: str, problems: list[str]) -> Any:
    """The document with ``${NAME}`` replaced in every text.

    Args:
        raw: the document, or a part of it.
        where: its place in the document; empty for all of it.
        file: its name, for messages.
        problems: what is not set is added here.
    """
    if isinstance(raw, dict):
        return {key: filled(value, f"{where}.{key}" if where else key, file, problems) for key, value in raw.items()}
    if isinstance(raw, list):
        return [filled(value, f"{where}[{i}]", file, problems) for i, value in enumerate(raw)]
    if not isinstance(raw, str):
        return raw
    for name in _ENV.findall(raw):
        if name not in os.environ:
            problems.append(f"{file}: {where}: the environment variable {name} is not set")
    return _ENV.sub(lambda match: os.environ.get(match[1], ""), raw)
