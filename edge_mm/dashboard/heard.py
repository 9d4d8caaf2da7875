"""What a message says, as typed data, or that it says nothing.

In: topic and payload as anybody may have published them. Out: a ``Message`` about one device. Sizes are limited and
texts made harmless here. Not here: what the fleet looks like after it (``fleet``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from edge_mm.dashboard.bounds import (
    LONGEST_TEXT,
    LONGEST_WORD,
    MAX_PAYLOAD_BYTES,
    MAX_READINGS,
    MAX_SHARES,
    MAX_WAVE_RATE_HZ,
    clean,
)
from edge_mm.delivery.bridge_payloads import Availability, BridgeInfo, BridgeState
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.delivery.requests import Response
from edge_mm.delivery.topics import DEVICE_NAME

_LEVEL = re.compile(r"[a-zA-Z0-9_-]{1,200}")
"""What ``topics.level`` makes."""
_DEVICE = re.compile(DEVICE_NAME)
Shares = dict[str, float | None]
T = TypeVar("T")


class Reading(msgspec.Struct, frozen=True):
    """One value of a sensor."""

    value: float | None = None
    unit: str = ""
    quality: float | None = None
    label: str = ""


class SensorState(msgspec.Struct, frozen=True):
    """``sensor/<name>/state``."""

    readings: dict[str, Reading]
    """Name with ``_`` for dots -> value."""


class FusionState(msgspec.Struct, frozen=True):
    """``fusion/state``."""

    scores: Shares
    """Head -> score 0..1."""
    weights: Shares = {}
    """Sense -> attention 0..1."""
    quality: Shares = {}
    """Sense -> quality 0..1."""
    person: str = ""


class Waveform(msgspec.Struct, frozen=True):
    """``sensor/<name>/waveform``."""

    rate_hz: Annotated[float, Meta(gt=0, le=MAX_WAVE_RATE_HZ)]
    unit: str
    values: Annotated[list[float | None], Meta(max_length=2000)]


class Gone(msgspec.Struct, frozen=True):
    """A retained message was removed."""


Said = (
    BridgeState | BridgeInfo | Availability | SensorState | FusionState | Waveform
    | AlertState | AlertEvent | Response | Gone
)  # fmt: skip


class Message(msgspec.Struct, frozen=True):
    """One message about a device."""

    device: str
    part: str
    """``bridge``, ``sensor``, ``fusion`` or ``alert``."""
    name: str
    """The sensor's, the alarm's or the verb's level in the topic; else empty."""
    said: Said


_FIXED: Mapping[str, type[Any]] = {
    "bridge/state": BridgeState,
    "bridge/info": BridgeInfo,
    "fusion/state": FusionState,
    "alert/event": AlertEvent,
}
_NAMED: Mapping[tuple[str, str], type[Any]] = {
    ("sensor", "state"): SensorState,
    ("sensor", "availability"): Availability,
    ("sensor", "waveform"): Waveform,
    ("alert", "state"): AlertState,
}
FILTERS = (
    *_FIXED,
    *(f"{part}/+/{end}" for part, end in _NAMED),
    "bridge/response/+",
)
"""What is to be subscribed to, below ``<base>/+/``."""


def understood(base: str, topic: str, payload: bytes) -> Message | None:
    """What it says; None where that is nothing that our devices say.

    Args:
        base: prefix of all topics.
        topic: full topic.
        payload: as it came.
    """
    if len(payload) > MAX_PAYLOAD_BYTES or not topic.startswith(f"{base}/"):
        return None
    device, _, path = topic[len(base) + 1 :].partition("/")
    if not _DEVICE.fullmatch(device):
        return None
    part, _, rest = path.partition("/")
    if path in _FIXED:
        said = _decoded(payload, _FIXED[path])
        return None if said is None else Message(device, part, "", said)
    name, _, end = rest.partition("/")
    if path.startswith("bridge/response/"):
        name, kind = end, Response
    elif (part, end) in _NAMED:
        kind = _NAMED[part, end]
    else:
        return None
    if not _LEVEL.fullmatch(name):
        return None
    said = Gone() if not payload and (part, end) == ("alert", "state") else _decoded(payload, kind)
    return None if said is None else Message(device, part, name, said)


def _decoded(payload: bytes, kind: type[T]) -> T | None:
    try:
        # As text: msgspec does not look at the encoding of fields that it does not know.
        said = msgspec.json.decode(payload.decode(), type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return _tidied(said)


def _tidied(said: T) -> T:
    """The same with short, harmless texts and tables of a bounded number of rows."""
    changed: dict[str, Any] = {}
    if isinstance(said, SensorState):
        few = list(said.readings.items())[:MAX_READINGS]
        changed["readings"] = {clean(name, LONGEST_WORD): _tidied(one) for name, one in few}
    elif isinstance(said, msgspec.Struct):
        for field in said.__struct_fields__:
            value = getattr(said, field)
            if isinstance(value, str):
                changed[field] = clean(value, LONGEST_TEXT)
            elif isinstance(value, dict):
                few = list(value.items())[:MAX_SHARES]
                changed[field] = {clean(str(key), LONGEST_WORD): _short(one) for key, one in few}
            elif isinstance(value, msgspec.Struct):
                changed[field] = _tidied(value)
            elif isinstance(value, tuple):
                changed[field] = tuple(_short(one) for one in value[:MAX_READINGS])
    return msgspec.structs.replace(said, **changed) if changed else said  # type: ignore[type-var]


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, LONGEST_TEXT)
    return _tidied(value) if isinstance(value, msgspec.Struct) else value
