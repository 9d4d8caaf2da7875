"""What ``edge-mm doctor`` says of one thing.

In: what was found. Out: a ``Remark`` with what to do about it. Not here: the looking (``daemon.doctor``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from edge_mm.errors import EdgeMmError, UsageError

DEVICE, CONFIG = 69, 78
"""Exit statuses that an error asks for, as those of ``edge-mm check``."""


class Remark(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    part: str
    """``config``, ``user``, ``camera``, ``power``, ``broker`` ..."""
    level: Literal["ok", "warning", "error"]
    """``error``: edge-mm does not work with it, or harm is done."""
    found: str
    """One sentence, without a password."""
    do: str = ""
    """What to do, a sentence or a command; empty where nothing is to be done."""
    status: int = 0
    """Exit status that it asks for; 0 but for errors."""


def ok(part: str, found: str, do: str = "") -> Remark:
    """All is well."""
    return Remark(part, "ok", found, do)


def warning(part: str, found: str, do: str) -> Remark:
    """It works, but."""
    return Remark(part, "warning", found, do)


def error(part: str, found: str, do: str, status: int = DEVICE) -> Remark:
    """It does not work."""
    return Remark(part, "error", found, do, status)


def guarded(part: str, look: Callable[[], Iterator[Remark]]) -> Iterator[Remark]:
    """What ``look`` says; whatever happens in it is one more remark, and the other parts are looked at all the same."""
    try:
        yield from look()
    except EdgeMmError as problem:
        text, _, cure = " ".join(str(problem).split()).partition("; ")
        status = CONFIG if isinstance(problem, UsageError) else problem.exit_status  # named in a configuration
        yield error(part, text, cure or "put it right in the configuration", status)
    except Exception as problem:
        text = " ".join(str(problem).split())[:200]
        yield error(
            part,
            f"could not be looked at: unexpected {type(problem).__name__}: {text}",
            "run it with EDGE_MM_DEBUG=1 and report what it prints",
            1,
        )
