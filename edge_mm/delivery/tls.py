"""Encryption as the settings ask for it.

In: settings. Out: a TLS context that checks the broker's certificate and name, and shows our certificate. Not here: the
connection.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError


class _Named(ssl.SSLContext):
    """Asks for a server of this name, whatever address it has been reached by."""

    server_name: str | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """As ``SSLContext.wrap_socket``, with the name of the settings."""
        if self.server_name:
            more["server_hostname"] = self.server_name
        return super().wrap_socket(sock, *args, **more)


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """A context that checks the broker's certificate and shows ours.

    Raises:
        DeliveryError: a file is missing or not what it should be; the text names it.
    """
    for key in ("tls_ca", "tls_cert", "tls_key"):
        name = getattr(settings, key)
        if name is not None and not Path(name).is_file():
            raise DeliveryError(f"mqtt.{key}: {name}: no such file")
    try:
        context = _Named(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.tls_ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=settings.tls_ca)
    except (OSError, ValueError) as error:
        raise DeliveryError(f"mqtt.tls_ca: {settings.tls_ca}: not a PEM file of certificates ({error})") from error
    context.server_name = settings.tls_server_name
    if settings.tls_cert is not None:
        try:  # the empty password keeps OpenSSL from asking for one at a terminal
            context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise DeliveryError(
                f"mqtt.tls_cert: {settings.tls_cert} and {settings.tls_key} are not a PEM certificate and its "
                f"unencrypted key ({error})"
            ) from error
    return context
