"""What is plugged in or in range: cameras, microphones, serial sensors, I2C parts, Bluetooth devices.

In: nothing. Out: lists of ``FoundDevice``, empty where there is nothing or where the package that would know is not
installed. Not here: opening any of them; never an exception for missing hardware.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from edge_mm.errors import SourceError

_VIDIOC_QUERYCAP = 0x80685600  # linux/videodev2.h, the same on x86-64, armv7 and aarch64
_CAPABILITY_SIZE = 104
_VIDEO_CAPTURE, _VIDEO_CAPTURE_MPLANE, _DEVICE_CAPS = 0x1, 0x1000, 0x80000000

_I2C_PARTS = {0x57: ("MAX30102", 0xFF, 0x15)}
"""Address -> name, the register that says what it is, and what it says there (MAX30102 data sheet, PART_ID)."""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """One device."""

    id: str
    """What to write into the configuration; stays the same when devices are plugged in another order, if possible."""
    label: str
    """Name for a person."""


def cameras(dev: Path = Path("/dev")) -> list[FoundDevice]:
    """V4L2 devices that can capture video, by ``/dev/v4l/by-id`` where udev made one, else ``/dev/video*``."""
    stable: dict[Path, Path] = {}
    for link in sorted(dev.glob("v4l/by-id/*")):
        stable.setdefault(link.resolve(), link)
    found = []
    for node in sorted(dev.glob("video[0-9]*"), key=lambda path: (len(path.name), path.name)):
        card = _capture_card(node)
        if card is not None:
            found.append(FoundDevice(id=str(stable.get(node.resolve(), node)), label=card))
    return found


def microphones() -> list[FoundDevice]:
    """Input devices of PortAudio without monitors and ALSA's plug-in names; ``default`` first where there is one."""
    from edge_mm.quiet import quiet_stderr
    from edge_mm.sources.portaudio import input_devices, is_microphone, load_pyaudio

    try:
        pyaudio = load_pyaudio()
    except SourceError:
        return []
    with quiet_stderr():
        try:
            audio = pyaudio.PyAudio()
        except OSError:
            return []
        try:
            names = [str(device["name"]) for device in input_devices(audio) if is_microphone(device["name"])]
        except OSError:
            names = []
        finally:
            audio.terminate()
    names = sorted(dict.fromkeys(names), key=lambda name: name != "default")
    return [FoundDevice(id=name, label="the system's microphone" if name == "default" else name) for name in names]


def serial_ports() -> list[FoundDevice]:
    """Serial ports with something behind them, by ``/dev/serial/by-id`` where udev made one."""
    from serial.tools import list_ports

    stable: dict[Path, Path] = {}
    for link in sorted(Path("/dev/serial/by-id").glob("*")):
        stable.setdefault(link.resolve(), link)
    found = []
    for port in sorted(list_ports.comports()):
        if port.vid is None and not Path(port.device).name.startswith(("ttyACM", "ttyUSB", "ttyAMA", "rfcomm")):
            continue  # a PC's ttyS0..3 are there whether or not anything is
        device = Path(port.device)
        label = port.description if port.description not in (None, "n/a") else port.device
        found.append(FoundDevice(id=str(stable.get(device.resolve(), device)), label=str(label)))
    return found


def i2c_parts(dev: Path = Path("/dev")) -> list[FoundDevice]:
    """Parts that are known, on every I2C bus; nothing else is asked: some parts change when they are read."""
    try:
        import smbus2
    except ImportError:
        return []
    found = []
    for node in sorted(dev.glob("i2c-[0-9]*"), key=lambda path: (len(path.name), path.name)):
        for address, (name, register, expected) in _I2C_PARTS.items():
            try:
                with smbus2.SMBus(str(node)) as bus:
                    answer = bus.read_byte_data(address, register)
            except OSError:  # nobody answers there, another program has it, or this user may not
                continue
            if answer == expected:
                label = f"{name} at 0x{address:02x} on {node}"
                found.append(FoundDevice(id=f"i2c:{node.name.removeprefix('i2c-')}", label=label))
    return found


def _capture_card(node: Path) -> str | None:
    """The driver's name of a V4L2 node that captures video; None for others (metadata, output, codecs) and no V4L2."""
    try:
        handle = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        answer = fcntl.ioctl(handle, _VIDIOC_QUERYCAP, bytes(_CAPABILITY_SIZE))
    except OSError:
        return None
    finally:
        os.close(handle)
    capabilities = int.from_bytes(answer[84:88], "little")
    if capabilities & _DEVICE_CAPS:  # of this node, not of the whole card
        capabilities = int.from_bytes(answer[88:92], "little")
    if not capabilities & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_MPLANE):
        return None
    return answer[16:48].split(b"\0")[0].decode("utf-8", "replace") or node.name
