"""What runs here: the body of ``bridge/info``.

In: the bundle and the streams. Out: a ``BridgeInfo``. Not here: publishing.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from edge_mm.delivery.bridge_payloads import BridgeInfo, StreamInfo
from edge_mm.delivery.record import BundleRef
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import backend_name
from edge_mm.types import StreamSpec


def bridge_info(device: str, bundle: Bundle, streams: Iterable[StreamSpec]) -> BridgeInfo:
    """Version, models, sensors and what executes the graphs."""
    distribution = backend_name().replace("_", "-")
    return BridgeInfo(
        version=version_of("edge-mm"),
        device=device,
        backend=f"{distribution} {version_of(distribution)}",
        bundle=BundleRef.of(bundle),
        streams=tuple(StreamInfo(one.name, one.kind, one.rate_hz, one.unit) for one in streams),
    )


def version_of(distribution: str) -> str:
    """Version of an installed distribution; ``unknown`` in a checkout that is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
