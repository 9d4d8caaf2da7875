"""What the device says about itself, its sensors and the fusion.

In: what the daemon knows. Out: frozen Structs, or bytes of JSON without not-a-number. Not here: alerts (``payloads``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from edge_mm.delivery.clock import Anchor, iso
from edge_mm.delivery.payloads import estimate_parts, tidy
from edge_mm.delivery.record import BundleRef
from edge_mm.delivery.topics import level
from edge_mm.kinds import SourceState
from edge_mm.types import Estimate, Observation, Status

INFO_SCHEMA = 1
_AVAILABILITY: Mapping[SourceState, Literal["online", "stale", "offline"]] = {
    "live": "online",
    "degraded": "online",
    "stale": "stale",
    "starting": "offline",
    "lost": "offline",
    "off": "offline",
}


class BridgeState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Birth, last will, farewell."""

    state: Literal["online", "offline", "stopping"]
    """Whether the device is there."""
    reason: str = ""
    """Why it is offline: ``stopped`` on purpose, or ``connection lost``."""


class StreamInfo(msgspec.Struct, frozen=True):
    """One sensor."""

    name: str
    """Stream name."""
    kind: str
    """What is measured."""
    rate_hz: float
    """Nominal rate."""
    unit: str
    """Unit of its samples."""


class BridgeInfo(msgspec.Struct, frozen=True):
    """What runs here."""

    version: str
    """Of edge-mm."""
    device: str
    """Name of this installation."""
    backend: str
    """What executes the graphs, for example ``ai-edge-litert 2.3.0``."""
    bundle: BundleRef | None = None
    """Which models."""
    streams: tuple[StreamInfo, ...] = ()
    """The sensors."""
    schema_version: int = INFO_SCHEMA
    """Of these payloads."""
    mqtt_version: str = ""
    """Of the connection that says it: ``5``, or ``3.1.1`` where the broker refuses 5."""


class Availability(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a sensor gives data."""

    state: Literal["online", "stale", "offline"]
    """For templates."""
    source_state: SourceState = "live"
    """More exactly."""
    detail: str = ""
    """One sentence."""


def availability(status: Status) -> Availability:
    """What a Status means to a subscriber."""
    return Availability(_AVAILABILITY[status.state], status.state, status.detail)


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest reading of one name."""

    value: float | None
    """In ``unit``; null: not a number."""
    unit: str
    """Of the value."""
    quality: float | None
    """0..1."""
    label: str = ""
    """A word for it, or why its quality is low."""


class SensorState(msgspec.Struct, frozen=True):
    """The latest readings of one stream."""

    time: str
    """Of the newest, RFC 3339 UTC."""
    clock_synced: bool
    """Whether the time can be believed."""
    readings: dict[str, Reading]
    """By name, with ``_`` for dots (templates cannot reach through dots)."""


class FusionState(msgspec.Struct, frozen=True):
    """One fused estimate."""

    time: str
    """When, RFC 3339 UTC."""
    clock_synced: bool
    """Whether the time can be believed."""
    scores: dict[str, float | None]
    """Head -> score 0..1."""
    weights: dict[str, float | None]
    """Modality -> attention weight."""
    coverage: dict[str, float | None]
    """Modality -> share of the window that was seen."""
    contributions: dict[str, dict[str, float | None]]
    """Head -> modality -> how much the score falls without it."""
    quality: dict[str, float | None]
    """Modality -> quality 0..1."""
    person: str | msgspec.UnsetType = msgspec.UNSET
    """Whom it is about; absent where one person is watched."""


def sensor_state(readings: Iterable[Observation], *, anchor: Anchor) -> SensorState:
    """The latest readings of one stream.

    Args:
        readings: the latest Observation of each name; at least one.
        anchor: the present moment.
    """
    latest = sorted(readings, key=lambda reading: reading.name)
    return SensorState(
        time=iso(anchor.wall(max(reading.t_ns for reading in latest))),
        clock_synced=anchor.synced,
        readings={
            level(one.name): Reading(tidy(one.value), one.unit, tidy(one.quality), one.label or "") for one in latest
        },
    )


def fusion_state(estimate: Estimate, *, anchor: Anchor) -> FusionState:
    """One fused estimate."""
    return FusionState(time=iso(anchor.wall(estimate.t_ns)), clock_synced=anchor.synced, **estimate_parts(estimate))


def encode(payload: msgspec.Struct | Mapping[str, Any]) -> bytes:
    """JSON in the order of the fields. What is no UTF-8 (in a path, say) is sent as an escape."""
    try:
        return msgspec.json.encode(payload)
    except UnicodeEncodeError:
        return msgspec.json.encode(finite(msgspec.to_builtins(payload)))


def finite(value: Any) -> Any:
    """The same nest of mappings and sequences with numbers as they are sent (``tidy``; 6 digits), null for NaN."""
    if isinstance(value, Mapping):
        return {_sendable(str(key)): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "item"):
        return finite(value.item())
    if isinstance(value, str):
        return _sendable(value)
    if isinstance(value, float):
        return tidy(value, digits=6) if math.isfinite(value) else None
    return value


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
