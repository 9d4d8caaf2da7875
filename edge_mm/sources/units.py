"""The units of all kinds, signals and readings.

In: a kind and the unit that a device counts in. Out: the unit that its stream has, and the factor to it. Not here:
which column of a file is which signal (``channels``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edge_mm.errors import SourceError
from edge_mm.sources.channels import SIGNAL_KINDS, UNIT_OF, unit_factor
from edge_mm.types import StreamKind

_READINGS: Mapping[str, tuple[str, Mapping[str, float]]] = MappingProxyType(
    {
        "heart_rate": ("bpm", {"bpm": 1.0, "/min": 1.0, "1/min": 1.0, "hz": 60.0}),
        "rr": ("s", {"s": 1.0, "ms": 1e-3}),
        "spo2": ("%", {"%": 1.0, "percent": 1.0}),
        "blood_pressure": ("mmHg", {"mmhg": 1.0, "kpa": 7.50062}),
        "body_temp": ("degC", {"degc": 1.0, "c": 1.0, "°c": 1.0, "celsius": 1.0}),
        "speed": ("km/h", {"km/h": 1.0, "kmh": 1.0, "kph": 1.0, "m/s": 3.6, "mph": 1.609344, "kn": 1.852}),
    }
)


def unit_of_stream(kind: StreamKind, given: str | None = None) -> str:
    """The unit of a stream of a kind; a ``number`` has the one that its configuration says, else ``1``."""
    for signal in SIGNAL_KINDS:
        if kind == signal:
            return UNIT_OF[signal]
    return _READINGS[kind][0] if kind in _READINGS else given or "1"


def factor_to_stream(unit: str, kind: StreamKind) -> float:
    """What to multiply with to come from a device's unit to the stream's.

    Raises:
        SourceError: the unit is none of the kind; to count it as ours would be wrong by any factor.
    """
    for signal in SIGNAL_KINDS:
        if kind == signal:
            return unit_factor(unit, signal)
    if kind not in _READINGS:
        return 1.0
    own, factors = _READINGS[kind]
    factor = factors.get(unit.strip().lower())
    if factor is None:
        raise SourceError(f"{unit.strip()!r} is no unit of {kind} that is known ({', '.join(factors)}); send {own}.")
    return factor
