"""What a number of the rules can be, and what all rules share.

In and out: nothing. Not here: the numbers (``numbers_driver``, ``numbers_health``, ``numbers``).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
"""A probability, a quality or a share of time, 0..1."""
Above = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
"""The same where 0 would mean always or never: a reading is never below an exit of 0."""
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)]
"""A duration; 0 means at the first reading."""
Stretch = Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)]
"""A duration that cannot be 0: a gap of 0 s would part all readings, a window of 0 s would hold none."""
Bpm = Annotated[float, msgspec.Meta(ge=10.0, le=300.0)]
"""Beats per minute."""
Breaths = Annotated[float, msgspec.Meta(ge=3.0, le=60.0)]
"""Breaths per minute."""
Percent = Annotated[float, msgspec.Meta(ge=35.0, le=100.0)]
"""Oxygen saturation."""
Pressure = Annotated[float, msgspec.Meta(ge=10.0, le=350.0)]
"""Blood pressure, mmHg."""
Celsius = Annotated[float, msgspec.Meta(ge=15.0, le=45.0)]
"""Temperature of a body."""
Speed = Annotated[float, msgspec.Meta(ge=0.0, le=500.0)]
"""Speed of a vehicle, km/h."""
Degrees = Annotated[float, msgspec.Meta(gt=0.0, le=90.0)]
"""An angle away from straight ahead."""
Angle = Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)]
"""A direction; signed as the observations are."""
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
"""How many."""


class CommonNumbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What no single rule owns."""

    disabled: list[str] = []
    """Kinds of alert that are not wanted, for example ``["sound.dog"]``. Technical ones cannot be switched off."""
    enabled: list[str] = []
    """Kinds of alert that are wanted beside those that are on without being asked for, for example
    ``["driver.not_visible"]``; presets add theirs."""
    min_quality: Share = 0.25
    """Readings below this quality neither start nor end a condition; the number of the bundle ``driver``."""
