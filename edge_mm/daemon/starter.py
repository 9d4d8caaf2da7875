"""Write the configuration to start from: what was found is switched on, what was not is a commented example.

In: found devices and the board's profile. Out: the text of an ``edge-mm.toml`` that ``load_config`` accepts. Not here:
finding (``sources.discovery``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_mm.daemon.sentences import printable
from edge_mm.models.profile import Profile
from edge_mm.sources import FoundDevice


@dataclass(frozen=True, slots=True)
class Found:
    """What is plugged in."""

    cameras: Sequence[FoundDevice]
    """V4L2 devices that capture."""
    microphones: Sequence[FoundDevice]
    """Input devices of PortAudio."""
    serial_ports: Sequence[FoundDevice]
    """Ports with something behind them."""

    @property
    def nothing(self) -> bool:
        """Whether there is no device at all."""
        return not (self.cameras or self.microphones or self.serial_ports)


def look() -> Found:
    """Look for cameras, microphones and serial ports on this machine."""
    from edge_mm.sources import cameras, microphones, serial_ports

    return Found(cameras(), microphones(), serial_ports())


def device_id_of(hostname: str) -> str:
    """A host name as a device id: other characters become ``-``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", hostname).strip("-")[:64] or "edge-mm"


def starting_config(found: Found, *, device_id: str, profile: Profile) -> str:
    """The text of the file. The first of each kind of device is switched on; the others stand there as comments."""
    parts = [
        _HEAD.format(device_id=_toml(device_id), title=profile.title),
        _table("video", "cabin", found.cameras, _camera_options(profile), _NO_CAMERA),
        *([f"# A camera on the ribbon cable: {_comment(profile.camera.ribbon)}\n"] if profile.camera.ribbon else []),
        _table("audio", "microphone", found.microphones, "", _NO_MICROPHONE),
        _table("ecg", "ecg", found.serial_ports, "baud = 115200", _NO_SERIAL),
        _TAIL,
    ]
    return "\n".join(parts)


def _camera_options(profile: Profile) -> str:
    camera = profile.camera
    return f"width = {camera.width}\nheight = {camera.height}\nrate_hz = {camera.rate_hz:g}"


def _table(kind: str, name: str, devices: Sequence[FoundDevice], options: str, example: str) -> str:
    if not devices:
        return example
    first, *others = devices
    lines = [
        "[[source]]",
        f'name = "{name}"',
        f'kind = "{kind}"',
        f"device = {_toml(first.id)}  # {_comment(first.label)}",
        *options.splitlines(),
        *(f"# also found: device = {_toml(other.id)}  # {_comment(other.label)}" for other in others),
    ]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text)


def _comment(label: str) -> str:
    return " ".join(printable(label).split())


_HEAD = """\
# edge-mm: what is installed here. 'edge-mm check' says what is wrong with it, 'edge-mm run' watches with it.
version = 1
device_id = {device_id}  # name in topics: edge_mm/<device_id>/alert/event
bundle = "driver"        # or a .edgemm file
profile = "auto"         # board found: {title}
baseline = "edge-mm-baseline.json"  # what 'edge-mm calibrate' learns about the person; without it, anybody's limits

# One [[source]] per sensor. device is a camera's index, path or URL, a part of a microphone's name, a serial port,
# or a recording (realtime = false reads it as fast as possible). Text may hold ${{NAME}}: an environment variable.
"""

_NO_CAMERA = """\
# No camera was found. When one is plugged in:
# [[source]]
# name = "cabin"
# kind = "video"
# device = 0                      # or "/dev/v4l/by-id/...", "rtsp://host/stream", "drive.mp4"
# width = 640
# height = 480
"""

_NO_MICROPHONE = """\
# No microphone was found (it also needs PyAudio: pip install 'edge-mm[mic]'). When there is one:
# [[source]]
# name = "microphone"
# kind = "audio"
# device = "default"              # or a part of its name, such as "USB"
"""

_NO_SERIAL = """\
# No serial sensor was found. When one is plugged in:
# [[source]]
# name = "ecg"
# kind = "ecg"                    # or "ppg"
# device = "/dev/ttyACM0"         # or a recording: "drive.csv", "mitdb/208", "night.edf"
# rate_hz = 250                   # where the sensor or file does not say
"""

_TAIL = """\
# Also: device = "ble:Polar" (kind "heart_rate", "rr"), "i2c:1" (MAX30102: "ppg", "spo2"), "mqtt:car/speed" (kind
# "speed", path = "kmh"), "lsl:BioAmp"; two sources may name the same device. edge_mm/sources/pages has a page for each.

[mqtt]
host = "127.0.0.1"
port = 1883                       # 8883 is usual with TLS
# username = "car-7"
# password = "${EDGE_MM_MQTT_PASSWORD}"
# tls_ca = "ca.pem"

[outbox]
path = "edge-mm-outbox.sqlite"    # alerts wait here until the broker has confirmed them

[rules]
# eyes_closed_s = 1.5             # every number of edge_mm/alerts/limits.py can be set here
# heart_rate_high_bpm = 120

[log]
level = "info"

# [record]                        # people are then recorded: tell them; needs edge-mm[record]
# what = "signals"                # no picture and no sound; "everything" has these too
# folder = "edge-mm-recordings"
# keep = "alerts"                 # only what is around alerts; "always" has all

# [metrics]                       # health for Prometheus; needs edge-mm[prometheus]
# port = 9464
"""
