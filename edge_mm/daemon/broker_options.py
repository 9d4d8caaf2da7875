"""Options by which a verb finds its broker: ``--host``, ``--port``, ``--username``, ``--base-topic``, TLS.

In: a parser; what was given on the command line. Out: options; the settings they make of those in a configuration.
Not here: connecting.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_mm.daemon import arguments
from edge_mm.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from edge_mm.delivery.settings import MqttSettings

DEFAULT = "edge-mm.toml"
"""Names the broker where nothing else does, as for the other verbs."""
PASSWORD = "EDGE_MM_MQTT_PASSWORD"  # noqa: S105
"""Environment variable with the password that belongs to ``--username``: an option would show in ``ps``."""
_KEYS = ("host", "port", "base_topic", "tls_ca", "tls_cert", "tls_key", "tls_server_name")


def add_broker_options(one: argparse.ArgumentParser) -> None:
    """Give a verb these options; ``--broker`` and ``--host`` are the same."""
    one.add_argument("-c", "--config", metavar="FILE", help="take broker and login from this configuration")
    one.add_argument(
        "--host", "--broker", dest="host", help="name or address (default: the configuration's, else 127.0.0.1)"
    )
    one.add_argument("--port", metavar="N", type=arguments.port, help="default: the configuration's, else 1883")
    one.add_argument("--username", help=f"login name; the password comes from {PASSWORD}")
    one.add_argument("--base-topic", metavar="TOPIC", help="default: the configuration's, else edge_mm")
    one.add_argument("--tls", action="store_true", help="encrypt, and check the broker's certificate")
    one.add_argument("--tls-ca", metavar="FILE", help="authority that signed it, PEM (default: the system's)")
    one.add_argument("--tls-cert", metavar="FILE", help="our own certificate, PEM, if the broker wants one")
    one.add_argument("--tls-key", metavar="FILE", help="its key, PEM")
    one.add_argument("--tls-server-name", metavar="NAME", help="name in its certificate, where that is not the host's")


def broker_settings(args: argparse.Namespace) -> MqttSettings:
    """What the options make of a configuration's settings.

    Without ``--config`` that is ``edge-mm.toml`` here, unless ``--host`` names another broker: its login is not for
    that one.

    Raises:
        UsageError: options that cannot be.
        ConfigError: what the configuration says of the broker cannot be.
    """
    import msgspec

    from edge_mm.delivery.settings import MqttSettings

    if args.host is not None:
        name, _, port = args.host.rpartition(":")
        if name and ":" not in name and port.isascii() and port.isdigit():  # an IPv6 address has more of them
            raise UsageError(f"--host {args.host}: give the port by itself, --host {name} --port {port}")
    here = args.config or (DEFAULT if Path(DEFAULT).is_file() and args.host is None else None)
    base = _configured(here) if here else MqttSettings()
    changed: dict[str, Any] = {key: getattr(args, key) for key in _KEYS if getattr(args, key) is not None}
    if args.tls:
        changed["tls"] = True
    if args.username is not None:
        changed |= {"username": args.username, "password": os.environ.get(PASSWORD)}
    for key in ("tls_ca", "tls_cert", "tls_key"):
        if key in changed and not Path(changed[key]).is_file():
            raise UsageError(f"--{key.replace('_', '-')} {changed[key]}: no such file")
    try:
        return msgspec.structs.replace(base, **changed)
    except ConfigError as error:  # said on the command line, not in a file
        text = str(error).removeprefix("mqtt: ")
        for key in _KEYS:
            text = text.replace(key, f"--{key.replace('_', '-')}") if "_" in key else text
        raise UsageError(text) from error


def _configured(path: str) -> MqttSettings:
    """``[mqtt]`` alone: whoever looks at alerts is not stopped by a mistake in the rules or at a sensor."""
    from edge_mm.daemon.config import load_parts

    parts = load_parts(path)
    if "mqtt" in parts.wrong:
        raise ConfigError(*parts.wrong["mqtt"])
    return parts.config.mqtt
