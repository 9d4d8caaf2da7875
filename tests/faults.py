"""Faults of real parts, one after the other, and how long it takes until they are seen from outside and over.

In: a daemon that watches. Out: ``Seen`` rows. ``tests/devices/test_faults.py`` asserts that each comes about;
``tests/faults_report.py`` (``make faults``) compares the seconds with what was promised.
"""

from __future__ import annotations

import functools
import json
import operator
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from installation import check_whole, configured
from network_camera import NetworkCamera
from paho.mqtt.client import CallbackAPIVersion, Client
from serial_sensor import Sensor
from sound_server import SoundServer, need_sound
from watched_daemon import WatchedDaemon

from edge_mm.delivery.local_broker import LocalBroker


@dataclass(frozen=True)
class Seen:
    """One thing that was seen from outside."""

    fault: str
    what: str
    seconds: float
    limit_s: float


def gone(stream: str) -> tuple[str, str]:
    """The alarms that say that a stream gives nothing."""
    return f"sensor.lost/{stream}", f"sensor.stale/{stream}"


def camera_source(camera: NetworkCamera) -> str:
    return f'[[source]]\nname = "cam"\nkind = "video"\ndevice = "{camera.url}"\nrate_hz = {camera.fps}\n'


@contextmanager
def camera_daemon(folder: Path, broker: LocalBroker) -> Iterator[tuple[NetworkCamera, WatchedDaemon]]:
    camera = NetworkCamera()
    config = configured(folder, port=broker.settings.port, sources=camera_source(camera), rules="")
    try:
        with WatchedDaemon(config, broker) as daemon:
            daemon.until_live("cam")
            yield camera, daemon
    finally:
        camera.stop()


def camera_faults(folder: Path, broker: LocalBroker) -> list[Seen]:
    """It stalls; freezes on one picture; vanishes; each time it comes back."""
    rows: list[Seen] = []
    with camera_daemon(folder, broker) as (camera, daemon):
        for mood in ("stalls", "freezes"):
            camera.mood = mood
            rows.append(Seen(f"camera {mood}", "alert", daemon.until_active(*gone("cam")), 5.0))
            camera.mood = "runs"
            rows.append(Seen(f"camera {mood}", "live again", daemon.until_quiet(*gone("cam")), 5.0))
        camera.unplug()
        rows.append(Seen("camera vanishes", "alert", daemon.until_active(*gone("cam")), 5.0))
        camera.plug_in()
        rows.append(Seen("camera vanishes", "live again", daemon.until_quiet(*gone("cam")), 5.0))
        assert daemon.end() == 0, daemon.log
    return rows


def sound_faults(folder: Path, broker: LocalBroker) -> list[Seen]:
    """Its server is killed and started again; then its device has another name."""
    need_sound()
    rows: list[Seen] = []
    home = folder / "home"
    home.mkdir()
    server = SoundServer(home)
    sources = '[[source]]\nname = "mic"\nkind = "audio"\ndevice = "default"\n'
    config = configured(folder, port=broker.settings.port, sources=sources, rules="unusable_s = 600.0\n")
    try:
        with WatchedDaemon(config, broker, more=server.environment) as daemon:
            daemon.until_live("mic")
            for fault, source in (("sound server killed", "mic"), ("sound device renamed", "another")):
                server.stop()
                rows.append(Seen(fault, "alert", daemon.until_active(*gone("mic")), 10.0))
                server.start(source=source)
                rows.append(Seen(fault, "live again", daemon.until_quiet(*gone("mic")), 10.0))
            assert daemon.end() == 0, daemon.log
    finally:
        server.stop()
    return rows


class Wire:
    """A serial sensor behind a stable path that can be pulled out and plugged in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sensor: Sensor | None = None

    def plug_in(self) -> Sensor:
        self._sensor = Sensor()
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self._sensor.path)
        return self._sensor

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._sensor is not None:
            self._sensor.unplug()
        self._sensor = None


def serial_faults(folder: Path, broker: LocalBroker) -> list[Seen]:
    """Pulled out in the middle of a line; garbage; plugged in again: no value that was not sent is ever published."""
    rows: list[Seen] = []
    wire = Wire(Path(f"/dev/shm/edge-mm-{folder.name}"))
    sources = f'[[source]]\nname = "hr"\nkind = "heart_rate"\ndevice = "{wire.path}"\n'
    config = configured(folder, port=broker.settings.port, sources=sources, rules="")
    line = summed("#edge-mm kind=heart_rate rate_hz=1 unit=bpm") + "".join(summed(f"{rate}.5") for rate in RATES)
    try:
        with Published(broker, "sensor/hr/state") as published, WatchedDaemon(config, broker) as daemon:
            sensor = wire.plug_in()
            with sensor.repeating(line):
                daemon.until_live("hr")
                published.more(1)
            for fault, words in (("torn line", b"17"), ("garbage", bytes(range(128, 256)) * 8 + b"\n9\x00\n\xff8.5")):
                sensor.says(words)
                wire.unplug()
                rows.append(Seen(f"serial unplugged, {fault}", "alert", daemon.until_active(*gone("hr")), 5.0))
                sensor = wire.plug_in()
                with sensor.repeating(line):
                    rows.append(Seen(f"serial unplugged, {fault}", "live again", daemon.until_quiet(*gone("hr")), 5.0))
                    published.more(1)
            assert daemon.end() == 0, daemon.log
        values = {reading["value"] for body in published.bodies for reading in _rates(body)}
        assert values <= {rate + 0.5 for rate in RATES}, values
        assert values
    finally:
        wire.unplug()
    return rows


RATES = (61, 72, 83)
"""Heart rates that are sent; anything else that is published was not."""


def summed(text: str) -> str:
    """A line with its check sum."""
    return f"{text}*{functools.reduce(operator.xor, text.encode()):02X}\n"


def _rates(body: dict) -> list[dict]:
    return [reading for name, reading in body["readings"].items() if name == "vitals_heart_rate_bpm"]


class Published:
    """Everything that is published below one topic of the device."""

    def __init__(self, broker: LocalBroker, topic: str) -> None:
        self.bodies: list[dict] = []
        self._came = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        self._client.on_connect = lambda *_: self._client.subscribe(f"edge_mm/d/{topic}", 1)
        self._client.connect("127.0.0.1", broker.settings.port)

    def __enter__(self) -> Published:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.loop_stop()
        self._client.disconnect()

    def _keep(self, _client, _data, message) -> None:
        with self._came:
            self.bodies.append(json.loads(message.payload))
            self._came.notify_all()

    def more(self, count: int) -> None:
        """Wait for so many more."""
        with self._came:
            wanted = len(self.bodies) + count
            assert self._came.wait_for(lambda: len(self.bodies) >= wanted, 60), self.bodies[-3:]


def everything_at_once(folder: Path, broker: LocalBroker) -> list[Seen]:
    """Camera, sound server and wire go while the broker is down; then all of them come back, the broker last."""
    need_sound()
    home = folder / "home"
    home.mkdir()
    camera, server, wire = NetworkCamera(), SoundServer(home), Wire(Path(f"/dev/shm/edge-mm-{folder.name}"))
    sources = camera_source(camera) + '[[source]]\nname = "mic"\nkind = "audio"\ndevice = "default"\n'
    sources += f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{wire.path}"\nrate_hz = 250\n'
    config = configured(folder, port=broker.settings.port, sources=sources, rules="unusable_s = 600.0\n")
    with ExitStack() as ending:
        ending.callback(camera.stop)
        ending.callback(lambda: server.process.poll() is None and server.stop())
        ending.callback(wire.unplug)
        ending.enter_context(wire.plug_in().repeating("0.1\n" * 5))
        daemon = ending.enter_context(WatchedDaemon(config, broker, more=server.environment))
        daemon.until_live("cam", "mic", "ecg")
        broker.kill()
        camera.unplug()
        server.stop()
        wire.unplug()
        lost = daemon.until_logged(*(f"sensor.lost/{stream} raised" for stream in ("cam", "mic", "ecg")))
        daemon.until_logged("device.lost/broker raised")
        assert "Traceback" not in daemon.log  # what is logged as raised is in the outbox
        camera.plug_in()
        server.start()
        ending.enter_context(wire.plug_in().repeating("0.1\n" * 5))
        back = daemon.until_logged(*(f"sensor.lost/{stream} cleared" for stream in ("cam", "mic", "ecg")))
        broker.start()
        delivered = daemon.until(lambda now: now.get("device.lost/broker") == "inactive")
        assert daemon.process.poll() is None
        assert daemon.end() == 0, daemon.log
        check_whole([event for _, event in daemon.events])
    return [
        Seen("everything at once, broker down", "all told to the outbox", lost, 10.0),
        Seen("everything at once, broker down", "all live again", back, 10.0),
        Seen("everything at once, broker down", "all delivered", delivered, 40.0),
    ]
