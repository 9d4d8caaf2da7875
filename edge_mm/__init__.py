"""edge-mm: watch over a person on a small board.

The public names, flat and lazy: importing this package loads nothing until a name is used.

::

    import edge_mm

    bundle = edge_mm.load_bundle("driver")
    for output in edge_mm.replay(bundle, video="drive.mp4", ecg="ecg.csv"):
        if isinstance(output, edge_mm.Alert):
            print(output.state, output.kind, output.reason.text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_mm.alerts.defaults import default_policies
    from edge_mm.alerts.handling import Handling, Handlings
    from edge_mm.alerts.limits import Limits
    from edge_mm.daemon.replay import replay
    from edge_mm.delivery.payloads import AlertEvent
    from edge_mm.delivery.present import AlertState
    from edge_mm.delivery.subscribe import subscribe
    from edge_mm.errors import (
        BundleError,
        ConfigError,
        DeliveryError,
        EdgeMmError,
        OutboxError,
        SourceError,
        SourceLost,
        UsageError,
    )
    from edge_mm.models.bundle import Bundle, load_bundle
    from edge_mm.monitor import Monitor
    from edge_mm.protocols import Policy, Sink, Source
    from edge_mm.types import (
        Alert,
        Command,
        Condition,
        Embedding,
        Estimate,
        Observation,
        Reason,
        Reply,
        Sample,
        Status,
        StreamSpec,
        Tick,
        Window,
    )
    from edge_mm.vitals import (
        Hrv,
        Rate,
        heart_rate,
        hrv,
        pulse_peaks,
        pulse_rate,
        r_peaks,
        respiration_rate,
        rr_intervals,
    )

_HOME = {
    "edge_mm.types": (
        "Alert", "Command", "Condition", "Embedding", "Estimate", "Observation", "Reason", "Reply", "Sample", "Status",
        "StreamSpec", "Tick", "Window",
    ),
    "edge_mm.protocols": ("Policy", "Sink", "Source"),
    "edge_mm.errors": (
        "BundleError", "ConfigError", "DeliveryError", "EdgeMmError", "OutboxError", "SourceError", "SourceLost",
        "UsageError",
    ),
    "edge_mm.models.bundle": ("Bundle", "load_bundle"),
    "edge_mm.monitor": ("Monitor",),
    "edge_mm.alerts.defaults": ("default_policies",),
    "edge_mm.alerts.limits": ("Limits",),
    "edge_mm.alerts.handling": ("Handling", "Handlings"),
    "edge_mm.daemon.replay": ("replay",),
    "edge_mm.delivery.payloads": ("AlertEvent",),
    "edge_mm.delivery.present": ("AlertState",),
    "edge_mm.delivery.subscribe": ("subscribe",),
    "edge_mm.vitals": (
        "Hrv", "Rate", "heart_rate", "hrv", "pulse_peaks", "pulse_rate", "r_peaks", "respiration_rate", "rr_intervals",
    ),
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Alert",
    "AlertEvent",
    "AlertState",
    "Bundle",
    "BundleError",
    "Command",
    "Condition",
    "ConfigError",
    "DeliveryError",
    "EdgeMmError",
    "Embedding",
    "Estimate",
    "Handling",
    "Handlings",
    "Hrv",
    "Limits",
    "Monitor",
    "Observation",
    "OutboxError",
    "Policy",
    "Rate",
    "Reason",
    "Reply",
    "Sample",
    "Sink",
    "Source",
    "SourceError",
    "SourceLost",
    "Status",
    "StreamSpec",
    "Tick",
    "UsageError",
    "Window",
    "default_policies",
    "heart_rate",
    "hrv",
    "load_bundle",
    "pulse_peaks",
    "pulse_rate",
    "r_peaks",
    "replay",
    "respiration_rate",
    "rr_intervals",
    "subscribe",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'edge_mm' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
