"""What may be said over MQTT beside alerts; ``MqttSink`` is one of these.

In: states, readings, estimates, events, log lines, pieces of signals, answers; from any thread. Out: news for the
delivery thread, which is woken. Nothing here waits. Not here: when it is said (``news``), to whom.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from edge_mm.delivery.bridge_payloads import BridgeInfo, availability, encode, finite
from edge_mm.delivery.clock import Anchor, iso
from edge_mm.delivery.news import News
from edge_mm.delivery.news_payloads import BridgeEvent, DeviceInfo, EventType, LogLine, Waveform
from edge_mm.delivery.payloads import tidy
from edge_mm.delivery.requests import Response
from edge_mm.delivery.topics import (
    BRIDGE_DEVICES,
    BRIDGE_EVENT,
    BRIDGE_HEALTH,
    BRIDGE_INFO,
    BRIDGE_LOGGING,
    BRIDGE_RESPONSE,
    SENSOR_AVAILABILITY,
    SENSOR_WAVEFORM,
)
from edge_mm.types import Estimate, Observation, Status


class Announcer:
    """Takes what is to be said; safe to use from several threads.

    Args:
        news: keeps it.
        wake: wakes who says it.
    """

    def __init__(self, news: News, wake: Callable[[], None]) -> None:
        self._news, self._wake = news, wake
        self._info: BridgeInfo | None = None
        self._version = ""

    def publish_info(self, info: BridgeInfo) -> None:
        """Say what runs here; kept and said again at every connect, with the version of MQTT that is spoken."""
        self._info = info
        self._news.retain(BRIDGE_INFO, "", encode(msgspec.structs.replace(info, mqtt_version=self._version)))
        self._wake()

    def publish_devices(self, devices: Iterable[DeviceInfo]) -> None:
        """Say which sensors there are; kept and said again at every connect."""
        self._news.retain(BRIDGE_DEVICES, "", msgspec.json.encode(finite(msgspec.to_builtins(tuple(devices)))))
        self._wake()

    def publish_health(self, health: Mapping[str, Any]) -> None:
        """Say how the device does; kept and said again at every connect."""
        self._news.retain(BRIDGE_HEALTH, "", encode(finite(health)))
        self._wake()

    def publish_availability(self, status: Status) -> None:
        """Say whether a sensor gives data; kept and said again at every connect."""
        self._news.retain(SENSOR_AVAILABILITY, status.stream, encode(availability(status)))
        self._wake()

    def publish_observation(self, observation: Observation) -> None:
        """Note a reading; the latest of each name goes out once a second, none while the broker is away."""
        self._news.reading(observation)

    def publish_estimate(self, estimate: Estimate) -> None:
        """Publish an estimate; dropped while the broker is away."""
        self._news.estimate(estimate)
        self._wake()

    def publish_event(self, kind: EventType, data: Mapping[str, Any] | None = None) -> None:
        """Say that something has happened; while the broker is away the newest of them wait."""
        t_ns, more = time.monotonic_ns(), dict(data or {})

        def build(anchor: Anchor) -> bytes:
            return encode(BridgeEvent(kind, iso(anchor.wall(t_ns)), anchor.synced, finite(more)))

        self._news.event(BRIDGE_EVENT, build)
        self._wake()

    def publish_log(self, line: LogLine) -> None:
        """Publish a line of the log; dropped while the broker is away. Wakes nobody: a line is in no hurry."""
        self._news.moment(BRIDGE_LOGGING, "", lambda _anchor: encode(line))

    def publish_waveform(
        self, stream: str, *, t_ns: int, rate_hz: float, unit: str, values: Sequence[float | None]
    ) -> None:
        """Publish a piece of a signal; dropped while the broker is away."""

        def build(anchor: Anchor) -> bytes:
            numbers = tuple(tidy(one) for one in values)
            return encode(Waveform(iso(anchor.wall(t_ns)), anchor.synced, rate_hz, unit, numbers))

        self._news.moment(SENSOR_WAVEFORM, stream, build)
        self._wake()

    def respond(self, level: str, response: Response, correlation: bytes | None = None) -> None:
        """Answer a request; dropped while the broker is away.

        Args:
            level: the verb, or ``unknown``.
            response: the answer.
            correlation: the caller's correlation data.
        """
        self._news.moment(BRIDGE_RESPONSE, level, lambda _anchor: encode(response), correlation)
        self._wake()

    def _speaks(self, version: str) -> None:
        """The connection that begins speaks this version of MQTT."""
        self._version = version
        if self._info is not None:
            self.publish_info(self._info)
