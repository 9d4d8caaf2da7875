"""Rules about sounds: one alert per event of each class that is worth one.

In: ``audio.<class>`` observations. Out: policies, kind ``sound.<class>``. Speech, snoring, "other" and classes not in
the table do not alert. Not here: the numbers (``limits``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edge_mm.alerts.level import Level
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Rule
from edge_mm.alerts.watch import Watch
from edge_mm.kinds import Priority

SOUNDS: Mapping[str, tuple[Priority, str]] = MappingProxyType(
    {
        # A siren asks the driver to act at once, a crying child soon (IEC 60601-1-8's reversible injury, prompt).
        "siren": ("medium", "siren"),
        "baby_cry": ("medium", "crying child"),
        "dog": ("low", "dog"),
        "cough": ("low", "cough"),
        "sneeze": ("low", "sneeze"),
    }
)
"""Class -> priority and what to call it."""


def sound_rule(sound: str) -> Rule:
    """The rule of one class."""
    priority, noun = SOUNDS[sound]
    return Rule(
        kind=f"sound.{sound}",
        priority=priority,
        code="sound_heard",
        raised=f"{noun} heard (probability {{value:.2f}}, limit {{limit:g}})",
        cleared=f"{noun} not heard for {{seconds:.0f}} s",
        unit="probability",
    )


def sound_policies(limits: Limits) -> list[Watch]:
    """One policy per class that alerts."""

    def level() -> Level:
        return Level(
            enter=limits.sound_enter,
            exit=limits.sound_exit,
            dwell_s=limits.sound_s,
            keep_s=limits.sound_keep_s,
            max_gap_s=limits.sound_max_gap_s,
        )

    return [
        Watch(
            sound_rule(sound),
            level,
            names=frozenset({f"audio.{sound}"}),
            sense="audio",
            min_quality=limits.sound_min_quality,
            max_gap_s=limits.sound_max_gap_s,
            event_s=limits.sound_keep_s + limits.sound_max_gap_s,
        )
        for sound in SOUNDS
    ]
