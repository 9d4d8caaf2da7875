"""``edge-mm tail``: print the alerts as they reach a subscriber.

In: the parsed command line. Out: a line per transition; with ``--json`` the whole payload on it. Anyone may have
published what comes: no letter of it reaches the terminal that could move the cursor or begin a line. It leaves no
session at the broker: who must not miss an alert uses a persistent one (``delivery.subscriber``). Not here: the
subscribing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.daemon.config import load_config
from edge_mm.daemon.output import say
from edge_mm.daemon.sentences import printable
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.delivery.topics import ALERT_EVENT, DEVICE_NAME
from edge_mm.errors import ConfigError, UsageError

DEFAULT = "edge-mm.toml"
"""Names the broker where nothing else does, as for the other verbs."""
PASSWORD = "EDGE_MM_MQTT_PASSWORD"  # noqa: S105
"""Environment variable with the password that belongs to ``--username``: an option would show in ``ps``."""


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: an option that cannot be.
        DeliveryError: the broker is not there or does not let us in.
    """
    settings = _settings(args)
    if args.device is not None and not re.fullmatch(DEVICE_NAME, args.device):
        raise UsageError(f"--device {args.device!r}: a device id is 1 to 64 letters, digits, underscores and hyphens")
    topic = f"{settings.base_topic}/{args.device or '+'}/{ALERT_EVENT.path}"
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    left = args.count
    client_id = f"edge_mm-tail-{secrets.token_hex(4)}"
    with Subscriber(settings, client_id=client_id, filters=[topic], persistent=False) as subscriber:
        connected = True
        while left is None or left > 0:
            timeout_s = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if timeout_s <= 0:
                break
            received = subscriber.receive(timeout_s=timeout_s)
            if connected != subscriber.connected:
                connected = subscriber.connected
                say(f"broker {settings.where}: {'there again' if connected else 'gone; trying again'}")
            if received is None or received.event is None:
                continue
            print(_line(received.payload, received.event) if args.json else told(received.event), flush=True)
            left = None if left is None else left - 1
    return 0


def told(event: AlertEvent) -> str:
    """One line about one transition."""
    data = event.data
    when = f"{event.time or 'time unknown'}{'' if data.clock_synced else ' (clock not set)'}"
    verb = "raised " if data.state == "active" else "cleared"
    weights = " ".join(f"{sense} {weight:.2f}" for sense, weight in data.attention.items() if weight is not None)
    about = data.category == "physiological" and data.state == "active"
    tail = f"  [attention {weights}]" if weights and about else ""
    return printable(f"{when}  {event.source}  {verb}  {data.priority:6}  {data.kind}: {data.reason.text}{tail}")


def _line(payload: bytes, event: AlertEvent) -> str:
    """The payload in ASCII on one line; of one that Python cannot read what the event has."""
    try:
        whole = json.loads(payload)
    except (ValueError, RecursionError):  # a number of thousands of digits in a field that we do not know
        whole = msgspec.to_builtins(event)
    return json.dumps(whole, separators=(",", ":"))


def _settings(args: argparse.Namespace) -> MqttSettings:
    here = args.config or (DEFAULT if Path(DEFAULT).is_file() and args.host is None else None)
    base: MqttSettings = load_config(here).mqtt if here else MqttSettings()
    changed: dict[str, Any] = {
        key: value
        for key, value in (("host", args.host), ("port", args.port), ("base_topic", args.base_topic))
        if value is not None
    }
    if args.username is not None:
        changed |= {"username": args.username, "password": os.environ.get(PASSWORD)}
    try:
        return msgspec.structs.replace(base, **changed)
    except ConfigError as error:  # said on the command line, not in a file
        raise UsageError(str(error).removeprefix("mqtt: ")) from error
