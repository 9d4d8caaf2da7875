"""What went wrong between us and a broker, in one sentence that says what to look at. The password is in none.

In: settings and an error, or the broker's answer. Out: an exception. Not here: the connection.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

from edge_mm.delivery.dialect import UNSUPPORTED
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError

_LOGIN = {134: "bad user name or password", 135: "bad user name or password"}
"""Reason codes of a CONNACK; mosquitto answers 'not authorized' (135) to a wrong password."""
_CERTIFICATE = {
    "CERTIFICATE_REQUIRED": "it wants a certificate of ours; give mqtt.tls_cert and mqtt.tls_key",
    "CERTIFICATE REQUIRED": "it wants a certificate of ours; give mqtt.tls_cert and mqtt.tls_key",
    "ALERT_UNKNOWN_CA": "it does not know who signed our certificate; check mqtt.tls_cert",
    "CERTIFICATE_EXPIRED": "our certificate has expired, or a clock is wrong; check mqtt.tls_cert",
    "CERTIFICATE_REVOKED": "our certificate has been revoked; check mqtt.tls_cert",
    "BAD_CERTIFICATE": "it does not take our certificate; check mqtt.tls_cert",
}
"""What an alert of TLS in an error's text means."""


class LoginRefusedError(DeliveryError):
    """The broker is there and does not let us in: waiting will not help, a person must."""


class UnspokenError(DeliveryError):
    """The broker does not speak this version of MQTT, or so it seems; another may do."""


def refused(settings: MqttSettings, answer: Any) -> DeliveryError:
    """The CONNACK said no."""
    where, code = settings.where, answer.value
    if code in _LOGIN:
        given = "" if settings.username else " (none was given)"
        return LoginRefusedError(
            f"broker {where} refused: {_LOGIN[code]}{given}; check mqtt.username and mqtt.password"
        )
    kind = UnspokenError if code == UNSUPPORTED else DeliveryError
    return kind(f"broker {where} refused: {str(answer).lower()}")


def lost(settings: MqttSettings, words: str = "", *, answered: bool) -> DeliveryError:
    """The connection ended, before or after the broker had answered our CONNECT.

    Args:
        settings: which broker.
        words: the last that was heard of it: MQTT 5's reason, or an error of the socket.
        answered: whether it had.
    """
    where = settings.where
    for sign, cure in _CERTIFICATE.items():  # with TLS 1.3 they come after the handshake
        if sign in words.upper():
            return LoginRefusedError(f"broker {where} refused our side of TLS: {cure}")
    if answered:
        if "session taken over" in words:
            words += ": another client uses the same name at the broker; give each device a device_id of its own"
        return DeliveryError(f"broker {where}: the connection was lost" + (f" ({words})" if words else ""))
    doubt = "is it an MQTT broker, does it want TLS?"
    if settings.uses_tls:
        doubt = "is it an MQTT broker" + ("?" if settings.tls_cert else ", does it want mqtt.tls_cert and tls_key?")
    return UnspokenError(f"broker {where}: it closed the connection before it answered; {doubt}")


def unsubscribed(settings: MqttSettings, filters: Iterable[str]) -> str:
    """The broker does not let us subscribe."""
    names = ", ".join(filters)
    return f"broker {settings.where} does not let us subscribe to {names}; check what this user may read there"


def untaken(settings: MqttSettings, topic: str, reason: str) -> str:
    """The broker throws away what we publish there."""
    who = f"user {settings.username!r}" if settings.username else "a client without a user name"
    return (
        f"broker {settings.where} does not take what is published to {topic} ({reason}); allow {who} to write there in "
        "the broker's access list"
    )


def oversized(settings: MqttSettings, topic: str, size: int, limit: int) -> str:
    """The broker takes no packet of this size."""
    return (
        f"broker {settings.where} takes packets of {limit} bytes at most, a message to {topic[:120]} has {size}; raise "
        "the limit there (mosquitto: max_packet_size)"
    )


def unreachable(settings: MqttSettings, error: Exception, patience_s: float) -> DeliveryError:
    """There was no connection, or no answer within ``patience_s``."""
    host, where = settings.host, settings.where
    match error:
        case socket.gaierror() | UnicodeError():
            text = f"the name {host!r} cannot be resolved; check mqtt.host and the network"
        case ConnectionRefusedError():
            text = "nothing listens there (connection refused); is the broker running, are host and port right?"
        case ssl.SSLCertVerificationError():
            text = f"its certificate is not trusted: {error.verify_message}; check mqtt.tls_ca and the host name"
        case ssl.SSLError():
            text = f"TLS failed: {_ssl_reason(error)}; is this the broker's TLS port?"
        case TimeoutError():
            text = f"no answer within {patience_s:g} s; is it reachable from here, is it an MQTT broker?"
        case OSError():
            text = f"{error.strerror or error}; check the network, mqtt.host and mqtt.port"
        case _:
            text = str(error)
    return DeliveryError(f"broker {where}: {text}")


def _ssl_reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
