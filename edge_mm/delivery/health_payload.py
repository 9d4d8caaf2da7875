"""The form of a health report: ``bridge/health``.

In and out: nothing; the daemon makes it (``daemon.health``), this says what a receiver can rely on. More may be in it.
"""

from __future__ import annotations

from typing import Any

import msgspec


class StreamHealth(msgspec.Struct, frozen=True):
    """One sensor."""

    state: str
    """``starting``, ``live``, ``degraded``, ``stale``, ``lost``, ``off``."""
    samples: int
    """Frames or blocks since start."""
    per_s: float
    """Of them a second, since the report before."""
    dropped: int
    """Lost because we were too slow."""


class OutboxHealth(msgspec.Struct, frozen=True):
    """What waits to be delivered."""

    depth: int
    """Transitions that wait, for the broker or another sink."""
    unstored: int
    """Transitions that wait for the disk."""
    error: str | None
    """Why the disk takes none; null: it does."""


class HealthReport(msgspec.Struct, frozen=True):
    """How the device does."""

    time: str
    """When, RFC 3339 UTC."""
    clock_synced: bool
    """Whether the time can be believed."""
    uptime_s: float
    """Of this run."""
    streams: dict[str, StreamHealth]
    """By name."""
    windows: int
    """Fusion windows since start."""
    alerts: dict[str, int]
    """Transitions since start: ``raised``, ``cleared``."""
    stages: dict[str, Any]
    """Stage -> how often and how long it took, milliseconds."""
    process: dict[str, float | None]
    """CPU, memory, threads, descriptors."""
    os: dict[str, Any]
    """Load, time since boot, CPU of the machine."""
    board: dict[str, Any]
    """Heat, supply, clock rate, memory, disk; null where the board does not say."""
    outbox: OutboxHealth
    """What waits."""
    mqtt: dict[str, Any]
    """The connection, and what went over it."""
    parts: dict[str, str]
    """Part of ours -> state."""
    restarts: dict[str, int]
    """Thread -> how often it was replaced."""
    counters: dict[str, Any]
    """What sources count."""
    silent_s: dict[str, float]
    """Stream -> for how long nothing has come."""
    recording: dict[str, Any]
    """State, file, size, drops."""
    sinks: dict[str, Any]
    """Sink -> state and what it counts."""
