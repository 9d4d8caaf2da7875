"""What a person wants of an alarm, and what became of it.

In and out: nothing; ``types`` names both beside the other events and outputs, and that is where they are imported from.
Not here: what a command does (``alerts.alarms``), how it comes (``daemon.commands``).
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_mm.kinds import Action


@dataclass(frozen=True, slots=True)
class Command:
    """A person wants something of an alarm."""

    t_ns: int
    """When it came."""
    action: Action
    """What is wanted. A silence always ends."""
    incident: int
    """Which alarm: ``Alert.incident`` of this very instance, so that nobody acknowledges what he has not seen."""
    seconds: float = 0.0
    """How long to be silent; 0: as long as is allowed."""
    by: str = ""
    """Who says so, as he calls himself."""
    transaction: str = ""
    """The caller's own word for it; the ``Reply`` repeats it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a Command."""

    t_ns: int
    """When."""
    action: Action
    """What had been wanted."""
    incident: int
    """Of which alarm."""
    transaction: str
    """The caller's own word for it."""
    error: str = ""
    """Why it was refused, as a sentence; empty: it was done."""
