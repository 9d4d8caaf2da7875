"""A sensor's readings and the fused scores as Home Assistant's sensors.

In: names, streams and units. Out: an entity each. One of poor quality is shown as unknown, one that stays away as
unavailable: an old heart rate must not pass for the present one. Not here: the device (``home_assistant``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_mm.delivery.topics import FUSION_STATE, SENSOR_STATE, Topics, level
from edge_mm.kinds import READINGS

MIN_QUALITY = 0.25
"""Below it a reading is no number to show; ``sensor.unusable`` begins there too."""
_EXPIRES_S = 30
"""Readings of our own come every second. What a device works out itself comes when it has something to say: whether
that is too long ago its availability tells."""
_UNITS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "degC": {"unit_of_measurement": "°C", "device_class": "temperature"},
        "km/h": {"unit_of_measurement": "km/h", "device_class": "speed"},
        "deg": {"unit_of_measurement": "°"},
        "uS": {"unit_of_measurement": "µS"},
        "probability": {},
        "1": {},
        "": {},
    }
)
"""Our units as Home Assistant writes them; all others as they are."""
_SHOWN = frozenset(
    {
        "vitals.heart_rate_bpm",
        "vitals.respiration_rate_bpm",
        "vitals.spo2_percent",
        "vitals.systolic_mmhg",
        "vitals.diastolic_mmhg",
        "vitals.mean_pressure_mmhg",
        "vitals.body_temperature_c",
        "vitals.hrv_rmssd_ms",
        "vehicle.speed_kmh",
        "skin.temperature_c",
        "skin.conductance_us",
        "health.stress",
    }
)
"""The others (where a face is, how far a head is turned) are there for whoever turns them on: Home Assistant keeps
every change of what is on, and these change every second."""
_SUFFIXES = ("_bpm", "_percent", "_mmhg", "_ms", "_kmh", "_us", "_c", "_s", "_g", "_deg")
_ABBREVIATED: Mapping[str, str] = MappingProxyType({"spo2": "SpO2", "hrv_rmssd": "HRV (RMSSD)"})


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """Something that a sensor tells."""

    stream: str
    """Of which one."""
    name: str
    """For example ``vitals.heart_rate_bpm``."""
    unit: str
    """As in ``Observation``."""


def reading_entity(topics: Topics, reading: Reading, kind: str) -> tuple[str, dict[str, Any]]:
    """Component id and entity of a reading.

    Args:
        topics: of the device.
        reading: what is told.
        kind: what the stream measures; a name that comes to mean another kind is another entity.
    """
    field = level(reading.name)
    return (
        f"{reading_prefix(reading.stream, kind)}{field}",
        {
            "platform": "sensor",
            "name": _title(reading.name)
            if reading.name.startswith("number.")
            else f"{_title(reading.name)} ({reading.stream})",
            "state_class": "measurement",
            "suggested_display_precision": 2 if _UNITS.get(reading.unit, {"": ""}) == {} else 1,
            "state_topic": topics.of(SENSOR_STATE, reading.stream),
            # Nothing where this message does not have it: then Home Assistant keeps what was. None: unknown.
            "value_template": (
                f"{{% set r = value_json.readings.get('{field}') %}}"
                f"{{{{ '' if not r else r.value if (r.quality or 0) >= {MIN_QUALITY} else 'None' }}}}"
            ),
            **_UNITS.get(reading.unit, {"unit_of_measurement": reading.unit}),
            **({} if kind in READINGS else {"expire_after": _EXPIRES_S}),
            **({"entity_category": "diagnostic"} if reading.name.startswith("sensor.") else {}),
            **({} if reading.name in _SHOWN or reading.name.startswith("number.") else {"enabled_by_default": False}),
        },
    )


def reading_prefix(stream: str, kind: str) -> str:
    """How the ids of a sensor's readings begin."""
    return f"reading_{level(stream)}_{kind}_"


def score_entity(topics: Topics, person: str, head: str) -> tuple[str, dict[str, Any]]:
    """Component id and entity of a fused score."""
    whose = f" ({person})" if person else ""
    return (
        f"score_{level(person)}_{level(head)}" if person else f"score_{level(head)}",
        {
            "platform": "sensor",
            "name": f"Score {titled(head).lower()}{whose}",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "state_topic": topics.of(FUSION_STATE),
            "value_template": (
                f"{{{{ value_json.scores.get('{head}', '') if value_json.get('person', '') == '{person}' else '' }}}}"
            ),
            "expire_after": _EXPIRES_S,
            "enabled_by_default": False,
        },
    )


def titled(word: str) -> str:
    """``eyes_closed`` is "Eyes closed"."""
    text = word.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _title(name: str) -> str:
    sort, _, last = name.rpartition(".")
    if sort == "number":
        return titled(last)
    for suffix in _SUFFIXES:
        last = last.removesuffix(suffix)
    return _ABBREVIATED.get(last, titled(f"{sort} {last}" if sort in ("sensor", "skin") else last))
