"""How to reach the broker.

In: what the configuration says. Out: checked settings. Not here: the TLS context that they ask for (``tls``),
connecting (``connection``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_mm.delivery.topics import BASE, checked_base
from edge_mm.errors import ConfigError

_LONGEST_TEXT = 65_535
"""Bytes; what MQTT has room for."""
_LONGEST_S = 3600.0


class _SettingError(ConfigError, ValueError):
    """A ValueError too, so that msgspec adds the path of the key when it decodes a configuration."""


class MqttSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach the broker."""

    host: str = "127.0.0.1"
    """Name or address."""
    port: int = 1883
    """8883 is usual with TLS."""
    version: Literal["auto", "5", "3.1.1"] = "auto"
    """Of MQTT; ``auto`` speaks 5, and 3.1.1 to a broker that refuses 5."""
    base_topic: str = BASE
    """Everything is published under ``<base_topic>/<device>/``."""
    username: str | None = None
    """Login name, if the broker wants one."""
    password: str | None = None
    """Never logged, never in a message."""
    tls: bool = False
    """Encrypt and check the broker's certificate; ``tls_ca`` or ``tls_cert`` imply it."""
    tls_ca: str | None = None
    """PEM file of the authority that signed the broker's certificate; the system's when absent."""
    tls_cert: str | None = None
    """PEM file of our own certificate, if the broker wants one."""
    tls_key: str | None = None
    """PEM file of its key."""
    tls_server_name: str | None = None
    """Name that the broker's certificate must have, where that is not ``host`` (an address, say)."""
    client_id: str = ""
    """Stable and unique at the broker; ``edge_mm-<device>`` when empty. 23 letters or digits pass at every broker."""
    keepalive_s: int = 60
    """Seconds of silence after which the two sides ask each other whether they are there."""
    connect_timeout_s: float = 10.0
    """Longest wait for the broker's answer."""
    settle_s: float = 2.0
    """An alert is deleted when the broker has lived for so long after confirming it: what it confirms is on its own
    disk a moment later (mosquitto: ``autosave_interval 1``), and one that is killed in between would take it along.
    What was confirmed and is not settled is sent again after a break, under the same id."""
    ack_timeout_s: float = 20.0
    """A broker that confirms nothing for so long is given up and connected anew."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: what is wrong.
        """
        try:
            checked_base(self.base_topic)
        except ConfigError as error:
            raise _SettingError(str(error)) from error
        if not self.host.strip():
            raise _SettingError("mqtt: host is empty; give the broker's name or address")
        if not {"/", "@"}.isdisjoint(self.host):  # a password in it would be told with every failure
            raise _SettingError(
                "mqtt: host is more than the broker's name or address; port, username, password and tls "
                "are given on their own"
            )
        for key in ("host", "username", "password", "client_id", "tls_ca", "tls_cert", "tls_key", "tls_server_name"):
            _check_text(key, getattr(self, key))
        if not 1 <= self.port <= 65535:
            raise _SettingError(f"mqtt: port {self.port} is not between 1 and 65535")
        if not 1 <= self.keepalive_s <= 65535:
            raise _SettingError(f"mqtt: keepalive_s {self.keepalive_s} is not between 1 and 65535")
        for key in ("connect_timeout_s", "ack_timeout_s"):
            if not 0 < (seconds := getattr(self, key)) <= _LONGEST_S:  # also not a number
                raise _SettingError(f"mqtt: {key} {seconds} is not between 0 and {_LONGEST_S:g} seconds")
        if not 0 <= self.settle_s <= _LONGEST_S:
            raise _SettingError(f"mqtt: settle_s {self.settle_s} is not between 0 and {_LONGEST_S:g} seconds")
        if self.password is not None and self.username is None:
            raise _SettingError("mqtt: a password without a user name is never sent; give username")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise _SettingError("mqtt: tls_cert and tls_key go together")
        if self.tls_server_name is not None and not (self.tls_server_name.strip() and self.uses_tls):
            raise _SettingError(
                "mqtt: tls_server_name is the name in the broker's certificate, and needs tls or tls_ca"
            )

    @property
    def where(self) -> str:
        """``host:port``, for messages."""
        return f"{self.host}:{self.port}"

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls or self.tls_ca is not None or self.tls_cert is not None

    def __repr__(self) -> str:
        """Without the password: settings end in logs and error reports."""
        return f"MqttSettings({self.where}, base_topic={self.base_topic!r}, username={self.username!r}, password=***)"


def _check_text(key: str, text: str | None) -> None:
    """Refuse what MQTT, a socket or a file name cannot hold; the password is not quoted."""
    if text is None:
        return
    if any(ord(letter) < 0x20 or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise _SettingError(f"mqtt: {key} has a control character or is no UTF-8")
    if (size := len(text.encode())) > _LONGEST_TEXT:
        raise _SettingError(f"mqtt: {key} has {size} bytes; at most {_LONGEST_TEXT} can be sent")
