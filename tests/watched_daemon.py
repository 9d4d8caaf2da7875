"""`edge-mm run` with devices that live, seen from outside: alerts and when each of them reached a subscriber."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from installation import ROOT, environment
from paho.mqtt.client import CallbackAPIVersion, Client

from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError


class WatchedDaemon:
    """A daemon and a subscriber; both run from the beginning.

    Args:
        config: its ``edge-mm.toml``.
        broker: runs, or will.
        more: environment variables of the daemon.
        prefix: words before the command (``prlimit ...``).
        words: after ``edge-mm run -c FILE``.
    """

    def __init__(
        self, config: Path, broker: LocalBroker, *, more: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (), words: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.config, self._broker = config, broker
        self.events: list[tuple[float, AlertEvent]] = []
        self._heard = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.process = self._started(prefix, words, more or {})

    def _started(
        self, prefix: tuple[str, ...], words: tuple[str, ...], more: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with (self.config.parent / "run.log").open("a") as log:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "edge_mm.cli", "run", "-c", str(self.config), *words],
                stdout=log, stderr=log, cwd=ROOT, env={**environment(), **more},
            )  # fmt: skip

    def __enter__(self) -> WatchedDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._stop.set()
        self._thread.join(20)

    def _listen(self) -> None:
        while not self._stop.is_set():  # the broker may be away for a time
            with (
                contextlib.suppress(DeliveryError),
                Subscriber(self._broker.settings, client_id="watched") as subscriber,
            ):
                while not self._stop.is_set():
                    for event in subscriber.alerts(idle_s=1.0):
                        with self._heard:
                            self.events.append((time.monotonic(), event))
                            self._heard.notify_all()
            self._stop.wait(0.2)

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.config.parent / "run.log").read_text()

    def states(self) -> dict[str, str]:
        """Alarm -> its newest state."""
        return {event.data.alert_id: event.data.state for _, event in list(self.events)}

    def until(self, wanted: Callable[[dict[str, str]], bool], *, timeout_s: float = 60.0) -> float:
        """Wait until the alarms stand so; how many seconds that took."""
        began = time.monotonic()
        with self._heard:
            while not wanted(self.states()):
                left_s = began + timeout_s - time.monotonic()
                if left_s <= 0 or (self.process.poll() is not None and left_s < timeout_s - 5):
                    raise AssertionError(f"waited {timeout_s:g} s; alarms: {self.states()}\n{self.log[-6000:]}")
                self._heard.wait(min(left_s, 0.5))
        return time.monotonic() - began

    def until_logged(self, *words: str, times: int = 1, timeout_s: float = 60.0) -> float:
        """Wait until it has written all of these so often; seconds."""
        began = time.monotonic()
        while any(self.log.count(word) < times for word in words):
            if time.monotonic() - began > timeout_s or self.process.poll() is not None:
                missing = [word for word in words if self.log.count(word) < times]
                raise AssertionError(f"not written within {timeout_s:g} s: {missing}\n{self.log[-6000:]}")
            self._stop.wait(0.1)
        return time.monotonic() - began

    def until_active(self, *alarms: str, timeout_s: float = 60.0) -> float:
        """Wait until one of these alarms is active; seconds."""
        return self.until(lambda now: any(now.get(one) == "active" for one in alarms), timeout_s=timeout_s)

    def until_quiet(self, *alarms: str, timeout_s: float = 60.0) -> float:
        """Wait until none of these alarms is active; seconds."""
        return self.until(lambda now: not any(now.get(one) == "active" for one in alarms), timeout_s=timeout_s)

    def until_live(self, *streams: str, timeout_s: float = 60.0) -> float:
        """Wait until these streams have given something, by the retained availability; seconds."""
        began = time.monotonic()
        while any(self.retained(f"sensor/{stream}/availability").get("state") != "online" for stream in streams):
            if time.monotonic() - began > timeout_s:
                raise AssertionError(f"not live after {timeout_s:g} s: {streams}\n{self.log[-6000:]}")
        return time.monotonic() - began

    def retained(self, topic: str, *, timeout_s: float = 5.0) -> dict[str, object]:
        """The newest retained message below the device's topic; empty where there is none."""
        found: list[bytes] = []
        heard = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2)

        def kept(_client, _data, message):
            found.append(message.payload)
            heard.set()

        client.on_message = kept
        client.on_connect = lambda *_: client.subscribe(f"edge_mm/d/{topic}", 1)
        client.connect("127.0.0.1", self._broker.settings.port)
        client.loop_start()
        heard.wait(timeout_s if not found else 0.0)
        client.loop_stop()
        client.disconnect()
        return json.loads(found[0]) if found else {}

    def until_health(self, wanted: Callable[[dict], bool], *, timeout_s: float = 90.0) -> dict:
        """Wait for a health report that is as wanted."""
        began = time.monotonic()
        while True:
            body = self.retained("bridge/health")
            if body and wanted(body):
                return body
            if time.monotonic() - began > timeout_s:
                raise AssertionError(f"health after {timeout_s:g} s: {body}\n{self.log[-3000:]}")
            self._stop.wait(1.0)

    def end(self) -> int:
        """SIGTERM, and the exit status; what was still under way arrives."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        count = -1
        while count != len(self.events):
            count = len(self.events)
            self._stop.wait(1.5)
        return status
