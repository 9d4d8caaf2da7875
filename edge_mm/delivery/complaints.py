"""What went wrong between us and a broker, in one sentence that says what to look at. The password is in none.

In: settings and an error, or the broker's answer. Out: an exception. Not here: the connection.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError

_LOGIN = {134: "bad user name or password", 135: "bad user name or password"}
"""Reason codes of a CONNACK; mosquitto answers 'not authorized' (135) to a wrong password."""


class LoginRefusedError(DeliveryError):
    """The broker is there and does not let us in: waiting will not help, a person must."""


def refused(settings: MqttSettings, answer: Any) -> DeliveryError:
    """The CONNACK said no."""
    where, code = settings.where, answer.value
    if code in _LOGIN:
        given = "" if settings.username else " (none was given)"
        return LoginRefusedError(
            f"broker {where} refused: {_LOGIN[code]}{given}; check mqtt.username and mqtt.password"
        )
    return DeliveryError(f"broker {where} refused: {str(answer).lower()}")


def lost(settings: MqttSettings, error: OSError | None = None, *, answered: bool) -> DeliveryError:
    """The connection ended, before or after the broker had answered our CONNECT."""
    if answered:
        return DeliveryError(f"broker {settings.where}: the connection was lost" + (f" ({error})" if error else ""))
    doubt = "is it an MQTT broker, does it want TLS?"
    if settings.uses_tls:  # with TLS 1.3 a missing certificate shows only after the handshake
        doubt = "is it an MQTT broker" + ("?" if settings.tls_cert else ", does it want mqtt.tls_cert and tls_key?")
    return DeliveryError(f"broker {settings.where}: it closed the connection before it answered; {doubt}")


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
