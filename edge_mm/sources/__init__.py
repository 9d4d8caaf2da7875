"""Devices and files that give Samples; the public names, loaded when they are used.

In: a device, a file, or the word for one in a config or on a command line. Out: objects that satisfy
``edge_mm.protocols.Source``, and ``merge`` which makes one ordered stream of several. Not here: threads, queues,
restarts (``edge_mm.daemon``), alignment and de-jittering (``edge_mm.perception.align``).

Importing this package imports neither OpenCV nor PortAudio nor any reader of files.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_mm.sources.audio_file import AudioFile
    from edge_mm.sources.ble import BleDevice
    from edge_mm.sources.ble_find import discover_ble
    from edge_mm.sources.camera import Camera
    from edge_mm.sources.choose import audio_source, board_source, signal_source, video_source
    from edge_mm.sources.csv_signal import CsvSignal
    from edge_mm.sources.discovery import FoundDevice, cameras, microphones, serial_ports
    from edge_mm.sources.files import existing_file
    from edge_mm.sources.lsl import LslStream
    from edge_mm.sources.max30102 import Max30102
    from edge_mm.sources.merge import merge
    from edge_mm.sources.microphone import Microphone
    from edge_mm.sources.mqtt_topics import MqttTopics
    from edge_mm.sources.note import Note
    from edge_mm.sources.pacing import Paced
    from edge_mm.sources.serial_port import SerialBoard, SerialPort
    from edge_mm.sources.signal_file import SignalFile
    from edge_mm.sources.video_file import VideoFile

_HOME = {
    "edge_mm.sources.audio_file": ("AudioFile",),
    "edge_mm.sources.ble": ("BleDevice",),
    "edge_mm.sources.ble_find": ("discover_ble",),
    "edge_mm.sources.camera": ("Camera",),
    "edge_mm.sources.choose": ("audio_source", "board_source", "signal_source", "video_source"),
    "edge_mm.sources.csv_signal": ("CsvSignal",),
    "edge_mm.sources.discovery": ("FoundDevice", "cameras", "microphones", "serial_ports"),
    "edge_mm.sources.files": ("existing_file",),
    "edge_mm.sources.max30102": ("Max30102",),
    "edge_mm.sources.lsl": ("LslStream",),
    "edge_mm.sources.merge": ("merge",),
    "edge_mm.sources.microphone": ("Microphone",),
    "edge_mm.sources.mqtt_topics": ("MqttTopics",),
    "edge_mm.sources.note": ("Note",),
    "edge_mm.sources.pacing": ("Paced",),
    "edge_mm.sources.serial_port": ("SerialBoard", "SerialPort"),
    "edge_mm.sources.signal_file": ("SignalFile",),
    "edge_mm.sources.video_file": ("VideoFile",),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AudioFile",
    "BleDevice",
    "Camera",
    "CsvSignal",
    "FoundDevice",
    "Max30102",
    "LslStream",
    "Microphone",
    "MqttTopics",
    "Note",
    "Paced",
    "SerialBoard",
    "SerialPort",
    "SignalFile",
    "VideoFile",
    "audio_source",
    "board_source",
    "cameras",
    "discover_ble",
    "existing_file",
    "merge",
    "microphones",
    "serial_ports",
    "signal_source",
    "video_source",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'edge_mm.sources' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
