"""A broker of our own on 127.0.0.1, for the demo and for tests: mosquitto, or the nats-server of a PyPI wheel.

In: what is installed. Out: a running broker on a free port that keeps sessions and retained messages on disk, and ends
with us. Not here: a broker for production.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError

BrokerKind = Literal["mosquitto", "nats-server"]
KINDS: tuple[BrokerKind, ...] = ("mosquitto", "nats-server")
_READY_S = 15.0
_PORTS_TRIED = 3
_PR_SET_PDEATHSIG = 1


def find_broker(kind: BrokerKind | None = None) -> tuple[BrokerKind, Path]:
    """The broker program to use: mosquitto, else nats-server.

    Args:
        kind: take only this one.

    Raises:
        DeliveryError: there is none; the text says how to get one.
    """
    # Debian keeps mosquitto in sbin, which users do not have in PATH; the wheel puts nats-server beside Python.
    places = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    )
    for each in (kind,) if kind else KINDS:
        found = shutil.which(each, path=places)
        if found:
            return each, Path(found)
    raise DeliveryError(
        f"no MQTT broker program here ({kind or ' or '.join(KINDS)}): apt install mosquitto, "
        "or pip install 'edge-mm[broker]'"
    )


class LocalBroker:
    """A broker process; a context manager. Start it from a thread that lives as long as it should.

    Args:
        kind: which program; whichever is there when absent.
        directory: where it keeps its data; a temporary one when absent.
        port: where to listen; a free one when 0.
        login: user name and password that it asks for; everyone may in when absent.

    Raises:
        DeliveryError: there is no broker program, or it does not start.
    """

    def __init__(
        self,
        kind: BrokerKind | None = None,
        *,
        directory: Path | None = None,
        port: int = 0,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.kind, self._program = find_broker(kind)
        self._login = login
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="edge-mm-broker-")
        self._directory = directory or Path(self._temporary.name if self._temporary else "")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port

    @property
    def settings(self) -> MqttSettings:
        """How to reach it."""
        user, password = self._login or (None, None)
        # It lives as long as who asks; who kills it on purpose says how long a confirmation takes to settle.
        return MqttSettings(host="127.0.0.1", port=self._port, username=user, password=password, settle_s=0.0)

    @property
    def pid(self) -> int | None:
        """Process id, None when it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> LocalBroker:
        """Start it and wait until it accepts a connection; after ``kill`` or ``stop``, on the same port and data.

        One that runs already is left as it is.

        Raises:
            DeliveryError: it does not start; the text has its last words.
        """
        if self._process is not None and self._process.poll() is None:
            return self
        tries = 1 if self._port else _PORTS_TRIED
        for attempt in range(1, tries + 1):
            port = self._port or _free_port()
            self._launch(port)
            try:
                self._await_ready(port)
            except DeliveryError:
                self.kill()
                if attempt == tries:
                    raise
            else:
                self._port = port
                break
        return self

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order; safe to call twice."""
        self._end(signal.SIGTERM)

    def __enter__(self) -> LocalBroker:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _launch(self, port: int) -> None:
        config = self._directory / "broker.conf"
        write = _write_mosquitto if self.kind == "mosquitto" else _write_nats
        write(config, port, self._login)
        with (self._directory / "broker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop it when the last alert is through
                preexec_fn=_dying_with_parent(),  # noqa: PLW1509 - one system call, no lock, nothing imported
            )

    def _await_ready(self, port: int) -> None:
        process = self._process
        if process is None:
            return
        user, password = self._login or (None, None)
        settings = MqttSettings(host="127.0.0.1", port=port, username=user, password=password)
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                check_broker(settings, timeout_s=2.0)
                return
            except DeliveryError as error:
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    if time.monotonic() < deadline:
                        continue
                raise DeliveryError(
                    f"the broker {self._program} does not start: {self._last_words() or error}"
                ) from error

    def _last_words(self) -> str:
        lines = (self._directory / "broker.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write_mosquitto(config: Path, port: int, login: tuple[str, str] | None) -> None:
    data = config.parent / "mosquitto"
    data.mkdir(exist_ok=True)
    lines = [
        f"listener {port} 127.0.0.1",
        "persistence true",
        f"persistence_location {data}/",
        "autosave_interval 1",  # the default of 1800 s loses sessions when it is killed
        "set_tcp_nodelay true",  # else a subscriber may wait 40 ms for the second of two small messages
        "max_queued_messages 0",  # the default of 1000 drops silently for a subscriber that is away
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # it would become the user mosquitto, who cannot write here
    if login is None:
        lines.append("allow_anonymous true")
    else:
        passwords = config.parent / "passwords"
        passwords.touch(mode=0o600)
        passwords.write_text(f"{login[0]}:{_mosquitto_hash(login[1])}\n")
        lines += ["allow_anonymous false", f"password_file {passwords}"]
    config.write_text("\n".join(lines) + "\n")


def _mosquitto_hash(password: str) -> str:
    """``$7$``: PBKDF2 with SHA-512, as mosquitto_passwd writes it."""
    salt, rounds = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _write_nats(config: Path, port: int, login: tuple[str, str] | None) -> None:
    # Its own protocol needs a listener as well (-1 is any free port); sessions live in JetStream.
    parts = [
        "server_name: edge_mm_local",
        "listen: 127.0.0.1:-1",
        f'jetstream {{ store_dir: "{config.parent / "nats"}", max_mem: 64M, max_file: 1G }}',
        f'mqtt {{ listen: "127.0.0.1:{port}", ack_wait: "10s" }}',
    ]
    if login is not None:
        parts.append(f'authorization {{ user: "{login[0]}", password: "{login[1]}" }}')
    config.touch(mode=0o600)
    config.write_text("\n".join(parts) + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _dying_with_parent() -> Callable[[], None]:
    """Runs in the child before it becomes the broker: the kernel ends it when the thread that started it is gone."""
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return prepare
