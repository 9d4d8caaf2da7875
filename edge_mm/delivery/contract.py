"""What is published and asked, as JSON Schemas and an AsyncAPI 3 document, made of the very types that are sent.

In: the topic tree and the payload types. Out: documents, the same for the same code; shipped in ``edge_mm/schemas`` and
printed by ``edge-mm schema``. The version rule: ``VERSION`` grows when something that a receiver may rely on goes or
changes its meaning (``breaking`` tells); new topics, fields and words of a list come without, so receivers pass over
what they do not know. Not here: the types.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from edge_mm.delivery import topics
from edge_mm.delivery.bridge_payloads import Availability, BridgeInfo, BridgeState, FusionState, SensorState
from edge_mm.delivery.health_payload import HealthReport
from edge_mm.delivery.news_payloads import BridgeEvent, DeviceInfo, LogLine, Waveform
from edge_mm.delivery.payloads import ALERT_SCHEMA, AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.delivery.requests import REQUESTS, Response
from edge_mm.delivery.topics import Channel

VERSION = ALERT_SCHEMA
"""Of the whole contract."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/components/schemas/{name}"


class Said(NamedTuple):
    """What travels on one channel."""

    channel: Channel
    """Where."""
    payload: Any
    """Its type."""
    who: Literal["device", "anyone"]
    """Who publishes there."""
    summary: str
    """In a line."""


SAID: Mapping[str, Said] = MappingProxyType(
    {
        "bridge-state": Said(topics.BRIDGE_STATE, BridgeState, "device", "Birth, last will, farewell"),
        "bridge-info": Said(topics.BRIDGE_INFO, BridgeInfo, "device", "What runs here"),
        "bridge-health": Said(topics.BRIDGE_HEALTH, HealthReport, "device", "How the device does, every 30 s"),
        "bridge-devices": Said(topics.BRIDGE_DEVICES, tuple[DeviceInfo, ...], "device", "Its sensors"),
        "bridge-event": Said(topics.BRIDGE_EVENT, BridgeEvent, "device", "Something has happened to the device"),
        "bridge-logging": Said(topics.BRIDGE_LOGGING, LogLine, "device", "Warnings and errors of its log"),
        "bridge-response": Said(topics.BRIDGE_RESPONSE, Response, "device", "The answer to a request"),
        "alert-event": Said(topics.ALERT_EVENT, AlertEvent, "device", "Every transition of every alarm"),
        "alert-state": Said(topics.ALERT_STATE, AlertState, "device", "The present state of one alarm"),
        "sensor-availability": Said(topics.SENSOR_AVAILABILITY, Availability, "device", "Whether a sensor gives data"),
        "sensor-state": Said(topics.SENSOR_STATE, SensorState, "device", "The latest readings, once a second"),
        "sensor-waveform": Said(topics.SENSOR_WAVEFORM, Waveform, "device", "The signal, while somebody asked for it"),
        "fusion-state": Said(topics.FUSION_STATE, FusionState, "device", "Scores and attention of a window"),
        **{
            f"request-{verb}": Said(
                Channel(
                    topics.BRIDGE_REQUEST.path.format(verb), topics.BRIDGE_REQUEST.qos, topics.BRIDGE_REQUEST.retain
                ),
                asked,
                "anyone",
                (inspect.getdoc(asked) or verb).splitlines()[0].rstrip("."),
            )
            for verb, asked in REQUESTS.items()
        },
    }
)
"""Name of the document -> what it is about."""


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of one channel's payload, whole in itself.

    Raises:
        KeyError: there is no such document.
    """
    said = SAID[name]
    (schema,), parts = msgspec.json.schema_components([said.payload], ref_template="#/$defs/{name}")
    _describe(parts, said.payload)
    more = {"$defs": dict(sorted(parts.items()))} if parts else {}
    return {"$schema": DIALECT, "$id": f"urn:edge-mm:schema:{name}-{VERSION}", "title": said.summary, **schema, **more}


def asyncapi() -> dict[str, Any]:
    """The whole contract as an AsyncAPI 3.0 document, from the view of a device."""
    payloads = [said.payload for said in SAID.values()]
    schemas, parts = msgspec.json.schema_components(payloads, ref_template=_REF)
    for payload in payloads:
        _describe(parts, payload)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for (name, said), schema in zip(SAID.items(), schemas, strict=True):
        variable = "verb" if name == "bridge-response" else "name"
        address = "{base}/{device}/" + said.channel.path.replace("{}", "{" + variable + "}")
        parameters = {"base": {"description": "Prefix, edge_mm by default"}, "device": {"description": "Its id"}}
        if "{}" in said.channel.path:
            parameters[variable] = {"description": "Of the alarm, the sensor or the request"}
        messages[name] = {"name": name, "title": said.summary, "contentType": _content(name), "payload": schema}
        channels[name] = {
            "address": address,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": parameters,
        }
        operations[name] = {
            "action": "send" if said.who == "device" else "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": said.summary,
            "bindings": {"mqtt": {"qos": said.channel.qos, "retain": said.channel.retain, "bindingVersion": "0.2.0"}},
        }
        if said.who == "anyone":
            operations[name]["reply"] = {"channel": {"$ref": "#/channels/bridge-response"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-mm over MQTT",
            "version": f"{VERSION}.0.0",
            "description": "What a device publishes and what it may be asked. The first number grows when something "
            "that a receiver may rely on goes or changes its meaning; pass over what you do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(parts.items()))},
    }


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a receiver of the old AsyncAPI document could rely on and the new one no longer says, as sentences."""
    found = [f"channel {name} is gone" for name in old["channels"] if name not in new["channels"]]
    for name, channel in old["channels"].items():
        if name in new["channels"] and new["channels"][name]["address"] != channel["address"]:
            found.append(f"channel {name} has another address")
    asked = {said.payload.__name__ for said in SAID.values() if said.who == "anyone"}
    before, after = old["components"]["schemas"], new["components"]["schemas"]
    for name, schema in before.items():
        if name not in after:
            found.append(f"{name} is gone")
            continue
        found += _broken(name, schema, after[name], asked=name in asked)
    return found


def _broken(name: str, old: Mapping[str, Any], new: Mapping[str, Any], *, asked: bool) -> Iterator[str]:
    fields = new.get("properties", {})
    for field, what in old.get("properties", {}).items():
        if field not in fields:
            yield f"{name}.{field} is gone"
        elif _form(fields[field]) != _form(what):
            yield f"{name}.{field} has another form"
    if asked:  # who asks as before must still be understood
        yield from (
            f"{name}.{field} is now required"
            for field in new.get("required", ())
            if field not in old.get("required", ())
        )
    else:
        yield from (
            f"{name}.{field} may now be absent"
            for field in old.get("required", ())
            if field in fields and field not in new.get("required", ())
        )


def _form(schema: Mapping[str, Any]) -> Any:
    """What kind of value it is; words of a list and limits may grow."""
    if "anyOf" in schema:
        return sorted(str(_form(one)) for one in schema["anyOf"])
    if "$ref" in schema:
        return schema["$ref"]
    if "enum" in schema:
        return "string"
    return schema.get("type"), str(schema.get("items", "")), str(schema.get("additionalProperties", ""))


def _content(name: str) -> str:
    return "application/cloudevents+json" if name == "alert-event" else "application/json"


def _describe(parts: dict[str, Any], payload: Any) -> None:
    """Put the sentence under each field into its schema."""
    for struct in _structs(payload):
        part = parts.get(struct.__name__)
        if part is None:
            continue
        for field, text in _sentences(struct).items():
            if field in part["properties"] and "description" not in part["properties"][field]:
                part["properties"][field] = {"description": text, **part["properties"][field]}


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The Structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from _structs(field.type)
        return
    for one in getattr(kind, "__args__", ()):
        yield from _structs(one)


def _sentences(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Field -> the docstring below it, of the class and of what it is made from."""
    found: dict[str, str] = {}
    for one in reversed(struct.__mro__):
        if not issubclass(one, msgspec.Struct) or one is msgspec.Struct:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        before: ast.stmt | None = None
        for line in body.body if isinstance(body, ast.ClassDef) else ():
            if (
                isinstance(before, ast.AnnAssign)
                and isinstance(before.target, ast.Name)
                and isinstance(line, ast.Expr)
                and isinstance(line.value, ast.Constant)
            ):
                found[before.target.id] = " ".join(inspect.cleandoc(str(line.value.value)).split()).replace("``", "`")
            before = line
    return found
