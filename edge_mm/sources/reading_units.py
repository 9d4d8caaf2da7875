"""In which unit a device's readings are, and how to come to ours.

In: a kind of reading and a unit as people and devices write it (``mph``, ``degF``, ``kPa``). Out: the factor and the
offset that bring a value to the kind's own unit. Only what cannot be read in two ways is known. Not here: units of
signals (``channels``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from edge_mm.errors import ConfigError
from edge_mm.kinds import StreamKind

UNIT_OF_READING: Final[Mapping[StreamKind, str]] = MappingProxyType(
    {
        "heart_rate": "bpm",
        "rr": "s",
        "spo2": "%",
        "blood_pressure": "mmHg",
        "body_temp": "degC",
        "respiration_rate": "bpm",
        "speed": "km/h",
    }
)
"""A ``number`` has a unit of its own."""


class Conversion(NamedTuple):
    """``value * factor + offset`` is in the kind's unit."""

    factor: float = 1.0
    offset: float = 0.0

    def of(self, value: float) -> float:
        """The value in the kind's unit."""
        return value * self.factor + self.offset


_SAME = Conversion()
_KNOWN: Final[Mapping[StreamKind, Mapping[str, Conversion]]] = MappingProxyType(
    {
        "heart_rate": {"bpm": _SAME, "1/min": _SAME, "/min": _SAME, "hz": Conversion(60.0)},
        "respiration_rate": {"bpm": _SAME, "1/min": _SAME, "/min": _SAME, "rpm": _SAME, "hz": Conversion(60.0)},
        "rr": {"s": _SAME, "ms": Conversion(0.001)},
        "spo2": {"%": _SAME, "percent": _SAME},
        # 1 mmHg = 133.322387415 Pa; all by NIST SP 811, appendix B.8
        "blood_pressure": {"mmhg": _SAME, "kpa": Conversion(7.500617), "hpa": Conversion(0.7500617)},
        "body_temp": {
            "degc": _SAME,
            "c": _SAME,
            "celsius": _SAME,
            **dict.fromkeys(("degf", "f", "fahrenheit"), Conversion(1 / 1.8, -32.0 / 1.8)),
        },
        "speed": {
            **dict.fromkeys(("km/h", "kmh", "kph"), _SAME),
            "m/s": Conversion(3.6),
            **dict.fromkeys(("mph", "mi/h"), Conversion(1.609344)),
            **dict.fromkeys(("kn", "kt", "knots"), Conversion(1.852)),
        },
    }
)


def conversion(kind: StreamKind, unit: str | None, *, where: str) -> Conversion:
    """How a value in ``unit`` becomes one in the kind's own unit.

    Args:
        kind: of the readings; a ``number`` stays as it is.
        unit: as it was written; None: the kind's own.
        where: device or topic, for the message.

    Raises:
        ConfigError: the unit is none of the kind.
    """
    if unit is None or kind == "number":
        return _SAME
    known = _KNOWN.get(kind, {})
    spelled = unit.strip().lower().replace("°", "deg").replace(" ", "")
    if spelled not in known:
        raise ConfigError(f"{where}: {unit!r} is no unit of {kind} that is known ({', '.join(known)}).")
    return known[spelled]
