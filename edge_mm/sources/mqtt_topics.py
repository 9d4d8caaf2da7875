"""Readings that others publish: topics of an MQTT broker -> Samples.

In: topics, where in their payloads the number stands, and what makes a connection to the broker. Out: one Sample per
message and stream, stamped when it came. One connection for all topics. What the broker had kept from before (retained)
is of an unknown time and not taken. Not here: payloads (``mqtt_values``), login and TLS (``delivery``, which this
package does not know), connecting again (the daemon).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from edge_mm.errors import ConfigError, DeliveryError, SourceError, SourceLost
from edge_mm.protocols import Halt
from edge_mm.sources.mqtt_values import BadPayload, Payloads
from edge_mm.sources.recent import Recent
from edge_mm.sources.unproven import Unproven
from edge_mm.sources.wanted import Wanted
from edge_mm.types import Sample, StreamSpec

STALE_S = 60.0
"""Phones and gateways publish once in some seconds to a minute."""
_KEPT = 1024
_SUBSCRIBE_S = 10.0
_LOOK_S = 0.5
_LONGEST_TOPIC = 65_535
_log = logging.getLogger("edge_mm.source")


class Link(Protocol):
    """One connection to a broker, driven by whoever reads; its failures are ``DeliveryError``."""

    def open(self, timeout_s: float | None = None) -> None:
        """Connect and log in."""

    def subscribe(self, filters: list[str], *, timeout_s: float) -> None:
        """Subscribe with QoS 1, which takes what is published with QoS 0 as well."""

    def step(self, timeout_s: float, *, wake_fd: int | None = None) -> list[int]:
        """Wait for the network and hand out what has come."""

    def confirm(self, message: Any) -> None:
        """Tell the broker that a message has been dealt with."""

    def close(self, *, goodbye: bool = True) -> None:
        """Hang up."""


Broker = Callable[[Callable[[Any], None]], Link]
"""Makes a connection, not open yet, that calls back with each message."""


class MqttTopics:
    """All topics of a configuration.

    Args:
        broker: makes the connection.
        wanted: the streams; ``address`` is the topic, several may share one.

    Raises:
        ConfigError: a topic is empty or has wildcards; a kind, unit or path cannot be.
    """

    live = True
    retry_s = 2.0

    def __init__(self, broker: Broker, wanted: Sequence[Wanted]) -> None:
        self._broker = broker
        self._readers: dict[str, list[tuple[Wanted, Payloads]]] = {}
        for one in wanted:
            _check_topic(one.address)
            self._readers.setdefault(one.address, []).append((one, Payloads(one)))
        self.name = wanted[0].name
        self._unproven = Unproven("MQTT topics have been tried with real brokers, never with a real phone or gateway")
        self.streams = tuple(one.name for one in wanted)
        spec_of = {
            one.name: StreamSpec(one.name, one.kind, 1.0, payloads.unit, stale_s=one.stale_s or STALE_S)
            for readers in self._readers.values()
            for one, payloads in readers
        }
        self.specs = tuple(spec_of[name] for name in self.streams)
        self._link: Link | None = None
        self._halt: Halt = threading.Event()
        self._ready: deque[Sample] = deque(maxlen=_KEPT)
        self._counts = Counter({"bad_payloads": 0, "retained": 0, "dropped": 0})
        self._recent = {name: Recent() for name in self.streams}
        self._why: dict[str, str] = {}

    @property
    def counters(self) -> Mapping[str, int]:
        """``bad_payloads``; ``retained``: messages from before we listened; ``dropped``: more than could be taken."""
        return dict(self._counts)

    @property
    def trouble(self) -> str:
        """Which streams' last payloads could not be read."""
        return "; ".join(f"{name}: {why}" for name, why in self.troubles.items())

    @property
    def troubles(self) -> Mapping[str, str]:
        """Stream -> why a third of its last payloads could not be read; whoever may publish may publish rubbish."""
        return {
            name: f"a third of the payloads cannot be read ({self._why[name]}); check path and kind"
            for name, recent in self._recent.items()
            if recent.poor
        }

    def heed(self, halt: Halt) -> None:
        """``read`` returns None once this is set; see ``protocols.Heedful``."""
        self._halt = halt

    def open(self) -> StreamSpec:
        """Connect and subscribe.

        Raises:
            SourceError: the broker is not there, does not let us in, or not to a topic.
        """
        self.close()
        self._unproven.say(self.name)
        self._ready.clear()
        self._recent = {name: Recent() for name in self.streams}
        link = self._broker(lambda message: self._take(link, message))
        try:
            link.open()
            link.subscribe(list(self._readers), timeout_s=_SUBSCRIBE_S)
        except DeliveryError as error:
            link.close()
            raise SourceError(f"MQTT topics: {error}") from None
        except BaseException:
            link.close()
            raise
        self._link = link
        return self.specs[0]

    def read(self) -> Sample | None:
        """Block until a message comes; topics may be silent as long as they want (the stream is then stale).

        Raises:
            SourceLost: the connection to the broker has ended.
        """
        if self._link is None:
            raise SourceLost("MQTT topics are not open; call open() first.")
        while not self._ready:
            if self._halt.is_set():
                return None
            try:
                self._link.step(_LOOK_S)
            except DeliveryError as error:
                if not self._ready:
                    raise SourceLost(f"MQTT topics: {error}") from None
        return self._ready.popleft()

    def close(self) -> None:
        """Disconnect."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _take(self, link: Link, message: Any) -> None:
        """A message has come; called by ``step``, and by ``subscribe`` before that has ended."""
        t_ns = time.monotonic_ns()
        if message.qos:
            link.confirm(message)
        try:
            topic = str(message.topic)
        except UnicodeDecodeError:  # MQTT forbids it, and not every broker looks
            return
        if message.retain:
            self._counts["retained"] += 1
            return
        for one, payloads in self._readers.get(topic, ()):
            try:
                data = payloads.rows(bytes(message.payload))
            except BadPayload as error:
                self._refuse(one, str(error))
                continue
            self._recent[one.name].note(bad=False)
            self._counts["dropped"] += len(self._ready) == _KEPT
            self._ready.append(Sample(one.name, t_ns, data, rate_hz=1.0))

    def _refuse(self, one: Wanted, why: str) -> None:
        self._counts["bad_payloads"] += 1
        self._recent[one.name].note(bad=True)
        if self._why.get(one.name) != why:  # a stream of rubbish is told once
            _log.warning("%s: a payload of %r cannot be read: %s", one.name, one.address, why)
        self._why[one.name] = why


def _check_topic(topic: str) -> None:
    if not topic:
        raise ConfigError('mqtt: names no topic; write device = "mqtt:home/phone/heart".')
    if {"+", "#"} & set(topic):
        raise ConfigError(
            f"MQTT topic {topic!r} has a wildcard, so several devices would speak in one stream; name one topic, "
            "and give each device a [[source]] of its own."
        )
    if "\0" in topic or len(topic.encode("utf-8", "replace")) > _LONGEST_TOPIC:
        raise ConfigError(f"MQTT topic {topic[:60]!r} has a zero byte or more than {_LONGEST_TOPIC} bytes.")
