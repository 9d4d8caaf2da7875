"""Reports of health as they leave the device: to the broker, and to whoever scrapes metrics.

In: what a run knows of itself. Out: ``bridge/health``; the newest report for ``[metrics]``. Not here: what is in one
(``daemon.health``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_mm.daemon.config import Config
from edge_mm.daemon.health import HEALTH_S
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.metrics import Metrics
from edge_mm.daemon.outfit import health_of
from edge_mm.delivery.mqtt import MqttSink


class Reports:
    """Of one run.

    Args:
        config: of the run.
        meters: of the run.

    Raises:
        ConfigError: the board's profile, or the place of the metrics is wrong.
    """

    def __init__(self, config: Config, meters: Meters) -> None:
        self._health = health_of(config, meters)
        self._latest: dict[str, Any] | None = None
        self._next_s = 0.0
        self.metrics = Metrics(config.metrics, latest=lambda: self._latest)

    def soon(self) -> None:
        """Something has changed that has no topic of its own."""
        self._next_s = 0.0

    def due(self, now_s: float) -> bool:
        """Whether it is time, once."""
        if now_s < self._next_s:
            return False
        self._next_s = now_s + HEALTH_S
        return True

    def publish(
        self, sink: MqttSink, *, streams: Mapping[str, Any], drops: Mapping[str, int], windows: int,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """A new one; it is given back, too."""
        self._latest = self._health.report(streams=streams, drops=drops, windows=windows, more=more)
        sink.publish_health(self._latest)
        return self._latest
