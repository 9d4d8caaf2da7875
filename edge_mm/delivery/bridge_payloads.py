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


def sensor_state(readings: Iterable[Observation], *, anchor: Anchor) -> dict[str, Any]:
    """The latest readings of one stream, keyed by name with ``_`` for dots (templates cannot reach through dots).

    Args:
        readings: the latest Observation of each name; at least one.
        anchor: the present moment.
    """
    latest = sorted(readings, key=lambda reading: reading.name)
    return {
        "time": iso(anchor.wall(max(reading.t_ns for reading in latest))),
        "clock_synced": anchor.synced,
        "readings": {level(reading.name): _reading(reading) for reading in latest},
    }


def fusion_state(estimate: Estimate, *, anchor: Anchor) -> dict[str, Any]:
    """One fused estimate."""
    return {
        "time": iso(anchor.wall(estimate.t_ns)),
        "clock_synced": anchor.synced,
        **estimate_parts(estimate),
    }


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


def _reading(reading: Observation) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "value": tidy(reading.value),
        "unit": reading.unit,
        "quality": tidy(reading.quality),
    }
    return parts | {"label": reading.label} if reading.label else parts
