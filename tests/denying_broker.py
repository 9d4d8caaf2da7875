"""Real brokers whose access list denies a user to publish, to subscribe, or both."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_mm.delivery.local_broker import BrokerKind, find_broker
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mosquitto(folder: Path, port: int, *, publish: bool, subscribe: bool) -> str:
    may = {(True, True): "readwrite", (True, False): "write", (False, True): "read"}.get((publish, subscribe))
    acl = folder / "acl"
    acl.write_text(f"topic {may} edge_mm/#\n" if may else "topic readwrite elsewhere/#\n")
    acl.chmod(0o600)
    user = "user root\n" if os.geteuid() == 0 else ""
    return f"listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\n{user}"


def _nats(folder: Path, port: int, *, publish: bool, subscribe: bool) -> str:
    def deny(allowed: bool) -> str:
        return "{ deny: [] }" if allowed else '{ deny: ["edge_mm.>"] }'

    return f"""
server_name: denying
listen: 127.0.0.1:-1
jetstream {{ store_dir: "{folder / "nats"}", max_mem: 64M, max_file: 1G }}
mqtt {{ listen: "127.0.0.1:{port}" }}
authorization {{ users: [ {{ user: "car", password: "pass",
  permissions: {{ publish: {deny(publish)}, subscribe: {deny(subscribe)} }} }} ] }}
"""


@contextmanager
def denying_broker(kind: BrokerKind, folder: Path, *, publish: bool, subscribe: bool) -> Iterator[MqttSettings]:
    """A broker that lets the user log in; ``publish`` and ``subscribe`` say what else he may below ``edge_mm/``."""
    try:
        _, program = find_broker(kind)
    except DeliveryError as error:
        pytest.skip(str(error))
    port = _free_port()
    login = {} if kind == "mosquitto" else {"username": "car", "password": "pass"}
    settings = MqttSettings(port=port, **login)
    write = _mosquitto if kind == "mosquitto" else _nats
    config = folder / "denying.conf"
    config.write_text(write(folder, port, publish=publish, subscribe=subscribe))
    log = folder / "denying.log"
    with log.open("wb") as sink, subprocess.Popen([program, "-c", config], stdout=sink, stderr=sink) as process:
        try:
            for _ in range(200):
                try:
                    check_broker(settings, timeout_s=2.0)
                    break
                except DeliveryError:
                    try:
                        process.wait(0.05)
                    except subprocess.TimeoutExpired:
                        continue
                    raise AssertionError(log.read_text()) from None
            yield settings
        finally:
            process.terminate()
