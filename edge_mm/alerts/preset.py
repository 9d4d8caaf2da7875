"""What a preset is: numbers with their sources, and the rules that they are for.

In and out: nothing. Not here: the presets (``presets``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Number(NamedTuple):
    """One number of a preset."""

    value: float | bool
    """What it sets."""
    source: str
    """Where it comes from."""


class Preset(NamedTuple):
    """A table of limits."""

    name: str
    """``driver.addw``."""
    inspired_by: str
    """What it is after; never what it complies with."""
    numbers: Mapping[str, Number]
    """Key of ``[rules]`` -> number."""
    enables: tuple[str, ...] = ()
    """Kinds of alert that are off without it."""
    uses: tuple[str, ...] = ()
    """Kinds that are on anyway and that its numbers are for, or that belong to it."""
    leaves_out: str = ""
    """What of the source it does not do."""
