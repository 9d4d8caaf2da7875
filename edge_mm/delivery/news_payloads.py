"""What the device says of its sensors, of itself and of what happens to it, beside alerts.

In: plain values. Out: frozen Structs. Not here: states (``bridge_payloads``), when they are said (``announcing``).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

EventType = Literal[
    "started", "bundle_loaded", "backend_degraded", "backend_restored", "config_reloaded", "config_refused",
    "calibration_started", "calibrated", "calibration_failed", "log_level_changed", "restarting", "stopping",
]  # fmt: skip


class DeviceInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sensor, in ``bridge/devices``."""

    name: str
    """Of its topics."""
    kind: str
    """What is measured."""
    unit: str
    """Of its samples."""
    rate_hz: float
    """Nominal."""
    readings: tuple[str, ...]
    """Names of what has been read from it so far, as in ``sensor/<name>/state``."""
    person: str = ""
    """Whom it watches, where there are several."""


class BridgeEvent(msgspec.Struct, frozen=True):
    """Something has happened to the device: ``bridge/event``."""

    type: EventType
    """What."""
    time: str
    """When, RFC 3339 UTC."""
    clock_synced: bool
    """Whether the time can be believed."""
    data: dict[str, Any]
    """More about it, by type."""


class LogLine(msgspec.Struct, frozen=True):
    """A line of the log: ``bridge/logging``."""

    level: Literal["warning", "error", "critical"]
    """How bad."""
    message: str
    """The sentence."""
    time: str
    """When, RFC 3339 UTC."""
    source: str = ""
    """Which part of edge-mm wrote it."""


class Waveform(msgspec.Struct, frozen=True):
    """A piece of a signal as it was measured: ``sensor/<name>/waveform``."""

    time: str
    """Of the first value, RFC 3339 UTC."""
    clock_synced: bool
    """Whether the time can be believed."""
    rate_hz: float
    """Values per second."""
    unit: str
    """Of the values."""
    values: tuple[float | None, ...]
    """In order; null where there is none. Of an accelerometer the length of the vector."""
