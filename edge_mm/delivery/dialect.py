"""MQTT 5 and MQTT 3.1.1: all that differs between them on the wire.

In: the version, and what is wanted. Out: a client of paho that speaks it, its CONNECT, the properties of a publication,
and what the broker's CONNACK allows. Not here: the conversation (``connection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from paho.mqtt.client import Client

Version = Literal["5", "3.1.1"]
SESSION_S = 30 * 24 * 3600
"""How long a broker keeps what arrives for a subscriber that is away (MQTT 5; in 3.1.1 the broker decides)."""
UNSUPPORTED = 132
"""Reason code: the broker does not speak this version."""
MAX_UNDER_WAY = 65_535
"""What MQTT can number."""
_UNSIZED = 268_435_455
"""Bytes; the largest packet that MQTT can describe."""
_MARGIN_BYTES = 64
"""Of a PUBLISH beside topic, payload and correlation data: header, lengths, number, content type."""


class Allowed(msgspec.Struct, frozen=True):
    """What the broker takes."""

    under_way: int = MAX_UNDER_WAY
    """Unconfirmed publications at a time."""
    packet_bytes: int = _UNSIZED
    """Size of a packet; a larger one would end the connection."""

    def fits(self, topic: str, payload: bytes, correlation: bytes | None = None) -> bool:
        """Whether a publication of this size may be sent."""
        return packet_bytes(topic, payload, correlation) <= self.packet_bytes


def packet_bytes(topic: str, payload: bytes, correlation: bytes | None) -> int:
    """Size of a publication on the wire, at most."""
    return len(topic.encode()) + len(payload) + len(correlation or b"") + _MARGIN_BYTES


def make_client(version: Version, client_id: str, *, clean: bool) -> Client:
    """A client that only does what it is told: no thread, no reconnecting, confirmations by hand."""
    import paho.mqtt.client as paho

    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=clean if version == "3.1.1" else None,  # in MQTT 5 it is a word of connect()
        protocol=paho.MQTTv311 if version == "3.1.1" else paho.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(MAX_UNDER_WAY)  # who waits is ours to say: paho would hold back more than 20
    return client


def connect_words(version: Version, *, clean: bool, largest: int | None) -> dict[str, Any]:
    """What ``connect`` of paho is given beside host, port and keep-alive.

    Args:
        version: of MQTT.
        clean: forget the session, before and after. Where not, an expiry is named: without one MQTT 5 forgets it at
            the end of the connection, and mosquitto 2.0 does not save a session that began clean.
        largest: of packets that we take; the broker throws larger ones away (MQTT 5 only).
    """
    if version == "3.1.1":
        return {}
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)
    if not clean:
        properties.SessionExpiryInterval = SESSION_S
    if largest is not None:
        properties.MaximumPacketSize = largest
    return {"clean_start": clean, "properties": properties}


def publish_words(version: Version, correlation: bytes | None) -> dict[str, Any]:
    """What ``publish`` of paho is given beside the message itself."""
    if version == "3.1.1":
        return {}
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    if correlation is not None:
        properties.CorrelationData = correlation
    return {"properties": properties}


def allowed_by(properties: Any) -> Allowed:
    """What a CONNACK allows; all that MQTT can where it has no properties."""
    return Allowed(
        under_way=int(getattr(properties, "ReceiveMaximum", MAX_UNDER_WAY)) or MAX_UNDER_WAY,
        packet_bytes=int(getattr(properties, "MaximumPacketSize", _UNSIZED)),
    )


def correlation_of(message: Any) -> bytes | None:
    """Correlation data that came with a message; only MQTT 5 has it."""
    data = getattr(getattr(message, "properties", None), "CorrelationData", None)
    return bytes(data) if isinstance(data, bytes | bytearray) else None
