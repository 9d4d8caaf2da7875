"""Connections for whoever only listens to the broker, beside the one that delivers.

In: the broker's settings. Out: a callable that makes a ``Connection``, TLS and login included, for ``sources``, which
may not know this package. Not here: subscribing, what is heard (``sources.mqtt_topics``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.settings import MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

_KEEPALIVE_S = 10
"""A broker that hangs must be noticed soon: what is heard is measured values."""


def listener(settings: MqttSettings, *, device: str) -> Callable[[Callable[[MQTTMessage], None]], Connection]:
    """Makes connections that are not open yet.

    Each has a client id of its own: a broker ends the older of two connections with the same id, and ``edge-mm check``
    must not end what a running daemon listens to. Its session is forgotten when it ends, so nothing is kept for it.

    Args:
        settings: the broker.
        device: begins the client id.
    """
    quick = msgspec.structs.replace(settings, keepalive_s=min(settings.keepalive_s, _KEEPALIVE_S))
    begins = settings.client_id or f"edge_mm-{device}"

    def make(on_message: Callable[[MQTTMessage], None]) -> Connection:
        return Connection(
            quick, client_id=f"{begins}-in-{secrets.token_hex(3)}", clean_session=True, on_message=on_message
        )

    return make
