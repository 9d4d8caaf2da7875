"""The device as Home Assistant discovers it: one payload with an entity for each thing that there is to see or press.

In: what the device is, its sensors, the alarms it can raise, the readings it has given. Out: the topic and the JSON of
MQTT device discovery. Pure: the same in gives the same bytes. Not here: when it is said (``home_assistant_guest``), the
entities of a reading (``home_assistant_readings``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from edge_mm.delivery.bridge_payloads import BridgeInfo
from edge_mm.delivery.home_assistant_readings import Reading, reading_entity, score_entity, titled
from edge_mm.delivery.topics import (
    ALERT_EVENT,
    ALERT_STATE,
    BRIDGE_HEALTH,
    BRIDGE_REQUEST,
    BRIDGE_STATE,
    SENSOR_AVAILABILITY,
    Channel,
    Topics,
    level,
)
from edge_mm.kinds import Category, Priority, Transition

Entity = dict[str, Any]
DISCOVERY = Channel("{}", qos=1, retain=True)
"""Not below the device's own topic: see ``config_topic``."""
_ONLINE = "{{ 'online' if value_json.state == 'online' else 'offline' }}"
"""A stale sensor is not there either; stopping is already gone."""
_IS = "{{ 'online' if value_json.state in STATES else 'offline' }}"
_TO_ACKNOWLEDGE = "('active', 'silenced', 'clearing')"
_TO_SILENCE = "('active', 'silenced')"
_ASKED = (
    '{"issued_at": "{{ utcnow().isoformat() }}", "by": "Home Assistant", '
    '"incident_id": "{{ this.attributes.incident_id }}"}'
)
"""Of this very alarm, as the button's own attributes have it: what was pressed is what was seen."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that may be raised."""

    key: str
    """Which one; its topic follows from it."""
    kind: str
    """For example ``driver.eyes_closed``."""
    category: Category
    """About the person or the device."""
    priority: Priority
    """As it is raised at first."""
    person: str = ""
    """Whom it is about, where several are watched."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What there is to discover."""

    info: BridgeInfo
    """What runs here."""
    kinds: Mapping[str, str]
    """Sensor -> what it measures; of all that are installed, also of one that is not there."""
    alarms: tuple[Alarm, ...] = ()
    """What may be raised."""
    readings: tuple[Reading, ...] = ()
    """What the sensors have told."""
    scores: tuple[tuple[str, str], ...] = ()
    """Person (or nothing) and head of the fused estimates."""
    name: str = ""
    """As the device is to be shown."""


def config_topic(topics: Topics, prefix: str) -> str:
    """Where the payload goes: ``<prefix>/device/edge_mm/<device>/config``.

    The device's name is a level of its own, so that a broker's access list can say that each device may write there
    only what is its own (mosquitto: ``pattern write homeassistant/device/edge_mm/%u/config``).
    """
    base = topics.source.rpartition("/")[0]
    return f"{prefix}/device/{level(base)}/{topics.device}/config"


def discovery(topics: Topics, there: Installation) -> dict[str, Any]:
    """The payload for ``config_topic``: everything that there is, keyed by component."""
    info = there.info
    base = topics.source.rpartition("/")[0]
    unique = f"{level(base)}_{topics.device}"
    entities = dict(_of_device(topics))
    for stream in there.kinds:
        entities[f"sensor_{level(stream)}"] = _connected(topics, stream)
    for alarm in there.alarms:
        entities |= _of_alarm(topics, alarm)
    for reading in there.readings:
        if reading.stream in there.kinds:
            name, entity = reading_entity(topics, reading, there.kinds[reading.stream])
            entities[name] = entity | _present(topics, reading.stream)
    for person, head in there.scores:
        name, entity = score_entity(topics, person, head)
        entities[name] = entity
    bundle = "" if info.bundle is None else f"bundle {info.bundle.name} {info.bundle.version}"
    return {
        "device": {
            "identifiers": [unique],
            "name": there.name or f"edge-mm {topics.device}",
            "manufacturer": "edge-mm",
            "model": bundle or "edge-mm",
            "sw_version": info.version,
            "serial_number": topics.device,
        },
        "origin": {"name": "edge-mm", "sw_version": info.version},
        "availability": [_online(topics.of(BRIDGE_STATE))],
        "qos": 1,
        "components": {name: {**one, "unique_id": f"{unique}_{name}"} for name, one in sorted(entities.items())},
    }


def without(payload: Mapping[str, Any], gone: Mapping[str, str]) -> dict[str, Any]:
    """The same payload, in which Home Assistant is told of components that are no more (id -> platform)."""
    stubs = {name: {"platform": platform} for name, platform in gone.items()}
    return {**payload, "components": {**payload["components"], **stubs}}


def platforms(payload: Mapping[str, Any]) -> dict[str, str]:
    """Components of a payload -> their platform; of anybody's payload, so nothing in it is believed."""
    components = payload.get("components")
    if not isinstance(components, dict):
        return {}
    known = {name: one.get("platform") for name, one in components.items() if isinstance(one, dict)}
    return {name: platform for name, platform in known.items() if isinstance(platform, str)}


def _online(topic: str) -> Entity:
    return {"topic": topic, "value_template": _ONLINE}


def _present(topics: Topics, stream: str) -> Entity:
    """Only there while the device and this sensor are."""
    both = [_online(topics.of(BRIDGE_STATE)), _online(topics.of(SENSOR_AVAILABILITY, stream))]
    return {"availability": both, "availability_mode": "all"}


def _connected(topics: Topics, stream: str) -> Entity:
    topic = topics.of(SENSOR_AVAILABILITY, stream)
    return {
        "platform": "binary_sensor",
        "name": f"Sensor {titled(stream)}",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topic,
        "value_template": "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
        "json_attributes_topic": topic,
    }


def _of_alarm(topics: Topics, alarm: Alarm) -> Iterable[tuple[str, Entity]]:
    topic = topics.of(ALERT_STATE, alarm.key)
    name, title = level(alarm.key), _title(alarm)
    technical = alarm.category == "technical"
    yield (
        f"alert_{name}",
        {
            "platform": "binary_sensor",
            "name": title,
            "device_class": "problem",
            "state_topic": topic,
            "value_template": "{{ 'OFF' if value_json.state in ('inactive', 'pending') else 'ON' }}",
            "json_attributes_topic": topic,
            # Home Assistant lets no attribute be called state.
            "json_attributes_template": "{{ dict(value_json, alarm_state=value_json.state) | tojson }}",
            **({"entity_category": "diagnostic"} if technical else {}),
        },
    )
    for verb, states in (("acknowledge", _TO_ACKNOWLEDGE), ("silence", _TO_SILENCE)):
        yield (
            f"{verb}_{name}",
            {
                "platform": "button",
                "name": f"{verb.capitalize()} {title[:1].lower()}{title[1:]}",
                "icon": "mdi:check-circle-outline" if verb == "acknowledge" else "mdi:volume-off",
                "command_topic": topics.of(BRIDGE_REQUEST, verb),
                "command_template": _ASKED,
                "json_attributes_topic": topic,
                "json_attributes_template": "{{ {'incident_id': value_json.incident_id} | tojson }}",
                "availability": [
                    _online(topics.of(BRIDGE_STATE)),
                    {"topic": topic, "value_template": _IS.replace("STATES", states)},
                ],
                "availability_mode": "all",
                # Two buttons for each of so many: those of the device's own troubles are shown to whoever wants them.
                **({"enabled_by_default": False, "entity_category": "diagnostic"} if technical else {}),
            },
        )


def _title(alarm: Alarm) -> str:
    """``driver.eyes_closed`` is "Eyes closed", ``sensor.lost/cabin`` "Cabin lost"."""
    _, _, name = alarm.key.partition("/")
    word = titled(alarm.kind.rpartition(".")[2])
    if alarm.category == "technical" and name:
        return f"{titled(name)} {word[:1].lower()}{word[1:]}"
    return f"{word} ({alarm.person})" if alarm.person else word


def _of_device(topics: Topics) -> Iterable[tuple[str, Entity]]:
    state, health = topics.of(BRIDGE_STATE), topics.of(BRIDGE_HEALTH)
    yield (
        "connected",
        {
            "platform": "binary_sensor",
            "name": "Connected",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": state,
            "value_template": "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
            "availability": [],  # it is there to say that the device is not
        },
    )
    yield (
        "alert",
        {
            "platform": "event",
            "name": "Alert",
            "event_types": list(get_args(Transition)),
            "state_topic": topics.of(ALERT_EVENT),
            "value_template": (
                "{% set d = value_json.data %}{{ {'event_type': d.transition, 'kind': d.kind, 'alert_id': d.alert_id, "
                "'priority': d.priority, 'reason': d.reason.text, 'incident_id': d.incident_id, 'late': d.late} "
                "| tojson }}"
            ),
        },
    )
    for name, title, path, more in _HEALTH:
        yield (
            name,
            {
                "platform": "sensor",
                "name": title,
                "entity_category": "diagnostic",
                "state_topic": health,
                "value_template": f"{{{{ value_json.{path} }}}}",
                **more,
            },
        )


_MEASURED = {"state_class": "measurement"}
_HEALTH: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("outbox_depth", "Waiting alerts", "outbox.depth", {**_MEASURED, "icon": "mdi:tray-full"}),
    ("last_health", "Last report", "time", {"device_class": "timestamp"}),
    ("rss", "Memory", "process.rss_mib", {**_MEASURED, "device_class": "data_size", "unit_of_measurement": "MiB"}),
    ("cpu", "Processor", "process.cpu_percent", {**_MEASURED, "unit_of_measurement": "%", "icon": "mdi:chip"}),
    (
        *("temperature", "Board temperature", "board.temperature_c"),
        {**_MEASURED, "device_class": "temperature", "unit_of_measurement": "°C"},
    ),
)
"""Component, name, where in ``bridge/health``, what Home Assistant is to make of it."""
