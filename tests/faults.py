"""Faults of real parts, one after the other, and how long it takes until they are seen from outside and over.

In: a daemon that watches. Out: ``Seen`` rows. ``tests/devices/test_faults.py`` asserts that each comes about;
``tests/faults_report.py`` (``make faults``) compares the seconds with what was promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from installation import check_whole, configured
from network_camera import NetworkCamera
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
