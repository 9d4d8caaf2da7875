"""The topic tree: every topic that the product publishes, with its QoS and whether the broker retains it.

In: the device's name and a prefix. Out: full topic names. Retained and QoS 1: what a late subscriber needs. QoS 1, not
retained: transitions. QoS 0: samples. QoS 2 nowhere: some brokers lack it. Not here: payloads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from edge_mm.errors import ConfigError

BASE = "edge_mm"
DEVICE_NAME = r"[A-Za-z0-9_-]{1,64}"
"""A device's name, as a regular expression for the whole of it: what passes in a topic and in Home Assistant's ids."""
_LONGEST_BASE = 200


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of topic below ``<base>/<device>/``."""

    path: str
    """``{}`` stands for the name of an alarm or of a stream."""
    qos: int
    """0 or 1."""
    retain: bool
    """Whether the broker keeps the latest one for those who come later."""


class Message(NamedTuple):
    """One publication."""

    channel: Channel
    """How: QoS, retained or not."""
    topic: str
    """Full topic."""
    payload: bytes
    """What."""
    correlation: bytes | None = None
    """Correlation data of the request that it answers (MQTT 5)."""


BRIDGE_STATE = Channel("bridge/state", qos=1, retain=True)
BRIDGE_INFO = Channel("bridge/info", qos=1, retain=True)
BRIDGE_HEALTH = Channel("bridge/health", qos=1, retain=True)
BRIDGE_DEVICES = Channel("bridge/devices", qos=1, retain=True)
BRIDGE_EVENT = Channel("bridge/event", qos=1, retain=False)
BRIDGE_LOGGING = Channel("bridge/logging", qos=0, retain=False)
BRIDGE_REQUEST = Channel("bridge/request/{}", qos=1, retain=False)
BRIDGE_RESPONSE = Channel("bridge/response/{}", qos=1, retain=False)
BRIDGE_ECHO = Channel("bridge/echo", qos=1, retain=False)
ALERT_EVENT = Channel("alert/event", qos=1, retain=False)
ALERT_STATE = Channel("alert/{}/state", qos=1, retain=True)
SENSOR_AVAILABILITY = Channel("sensor/{}/availability", qos=1, retain=True)
SENSOR_STATE = Channel("sensor/{}/state", qos=0, retain=False)
SENSOR_WAVEFORM = Channel("sensor/{}/waveform", qos=0, retain=False)
"""Published only while somebody has asked for it (``bridge/request/waveforms``)."""
FUSION_STATE = Channel("fusion/state", qos=0, retain=False)


class Topics:
    """Names of one device's topics.

    Args:
        device: matches ``DEVICE_NAME``.
        base: prefix, one or more levels.

    Raises:
        ConfigError: a name that MQTT or Home Assistant would not take.
    """

    def __init__(self, device: str, *, base: str = BASE) -> None:
        self.device = checked_device(device)
        self.source = f"{checked_base(base)}/{device}"

    def of(self, channel: Channel, name: str = "") -> str:
        """The full topic of a channel, for example ``edge_mm/car-7/alert/driver_drowsy/state``."""
        return f"{self.source}/{channel.path.format(level(name))}"


def level(name: str) -> str:
    """A key or stream name as one topic level: everything but ``[a-zA-Z0-9_-]`` becomes ``_``.

    Home Assistant takes no other characters in its discovery ids. Two keys that differ only there share a topic.
    """
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name) or "_"


def checked_device(device: str) -> str:
    """A device's name, if it is one.

    Raises:
        ConfigError: MQTT or Home Assistant would not take it.
    """
    if not re.fullmatch(DEVICE_NAME, device):
        raise ConfigError(f"device name {device!r}: only letters, digits, - and _ may be used, 1 to 64 of them")
    return device


def checked_base(base: str) -> str:
    """The prefix, if it is one.

    Raises:
        ConfigError: it has a wildcard, an empty level, begins with ``$`` or is too long.
    """
    if any(not part for part in base.split("/")):
        raise ConfigError(f"base topic {base!r}: it has an empty level; write it like edge_mm or home/edge_mm")
    if re.search(r"[+#\x00-\x1f\x7f\ud800-\udfff]", base):
        raise ConfigError(f"base topic {base!r}: wildcards (+ and #) and control characters cannot be published to")
    if base.startswith("$") or len(base.encode()) > _LONGEST_BASE:
        raise ConfigError(f"base topic {base!r}: it must not begin with $ nor be longer than {_LONGEST_BASE} bytes")
    return base
