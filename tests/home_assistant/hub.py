"""A real Home Assistant on 127.0.0.1: started, set up and asked over REST, as a person would in a browser."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

_START_S = 180.0
_CONFIGURATION = """\
homeassistant:
  name: Proof
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
logger:
  default: warning
automation: !include automations.yaml
"""


class Hub:
    """Home Assistant; a context manager.

    Args:
        python: of the environment that it is installed in.
        folder: of its configuration.
        automations: YAML that it begins with.
    """

    def __init__(self, python: Path, folder: Path, *, automations: str = "[]\n") -> None:
        self._python, self.folder = python, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self._port))
        (folder / "automations.yaml").write_text(automations)
        self._token = ""
        self._pause = threading.Event()

    def __enter__(self) -> Hub:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers that it runs."""
        with (self.folder / "stdout.log").open("a") as log:
            self._process = subprocess.Popen(
                [str(self._python), "-m", "homeassistant", "-c", str(self.folder)],
                stdout=log, stderr=log, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )  # fmt: skip
        if not self._token:
            self.until(lambda: self._call("/api/onboarding") is not None, "it answers", timeout_s=_START_S)
            self._set_up()
        self.until(lambda: self._call("/api/config")["state"] == "RUNNING", "it runs", timeout_s=_START_S)

    def stop(self) -> None:
        """End it in good order."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def join_broker(self, port: int) -> None:
        """Add the MQTT integration, as its dialogue does."""
        flow = self._call("/api/config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": False})
        done = self._call(f"/api/config/config_entries/flow/{flow['flow_id']}", {"broker": "127.0.0.1", "port": port})
        assert done["type"] == "create_entry", done

    def states(self) -> dict[str, dict[str, Any]]:
        """Entity -> its state and attributes."""
        return {one["entity_id"]: one for one in self._call("/api/states")}

    def state(self, entity: str) -> str:
        """Of one entity; empty where there is none."""
        return str(self.states().get(entity, {}).get("state", ""))

    def do(self, service: str, **data: Any) -> None:
        """Call a service, for example ``button.press``."""
        self._call(f"/api/services/{service.replace('.', '/')}", data)

    def rendered(self, template: str) -> str:
        """What a template gives."""
        return self._raw("/api/template", json.dumps({"template": template}).encode()).decode()

    def check_config(self) -> dict[str, Any]:
        """Its own check of ``configuration.yaml`` and what it includes."""
        return dict(self._call("/api/config/core/check_config", {}))

    def until(self, holds: Callable[[], object], what: str, *, timeout_s: float = 30.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if holds():
                    return
            except (OSError, KeyError, TypeError):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s:g} s: {what}\n{self.log[-3000:]}")
            if self._process.poll() is not None:
                raise AssertionError(f"Home Assistant has ended\n{self.log[-3000:]}")
            self._pause.wait(0.2)

    @property
    def log(self) -> str:
        """What it has written: warnings and errors."""
        return (self.folder / "stdout.log").read_text(errors="replace")

    def _set_up(self) -> None:
        client = f"http://127.0.0.1:{self._port}/"
        user = {
            "client_id": client,
            "name": "Proof",
            "username": "proof",
            "password": "of the pudding",
            "language": "en",
        }
        code = self._call("/api/onboarding/users", user)["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        token = json.loads(self._raw("/auth/token", urllib.parse.urlencode(form).encode(), json_body=False))
        self._refresh, self._token = token["refresh_token"], token["access_token"]

    def _call(self, path: str, data: object = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        return json.loads(self._raw(path, body) or b"null")

    def _raw(self, path: str, body: bytes | None, *, json_body: bool = True) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None and json_body else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise OSError(f"{path}: {error.code} {error.read()[:300]!r}") from error
