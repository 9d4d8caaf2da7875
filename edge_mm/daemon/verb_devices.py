"""``edge-mm devices``: what is plugged in, with the lines to paste into ``edge-mm.toml``.

In: the parsed command line. Out: per device a ``[[source]]``, or one JSON object; per kind whether edge-mm ever ran on
a real part. Not here: the looking (``sources.discovery``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from edge_mm.daemon.sentences import printable
from edge_mm.daemon.starter import look
from edge_mm.errors import SourceError
from edge_mm.sources.ble_find import discover_ble
from edge_mm.sources.discovery import FoundDevice, i2c_parts
from edge_mm.sources.lsl import discover_lsl


@dataclass(frozen=True, slots=True)
class _Group:
    key: str
    kind: str
    """What the device most likely measures."""
    others: str
    """What it may measure instead."""
    ran: str
    """Where edge-mm ran with this kind of device."""
    devices: Sequence[FoundDevice]
    missing: str = ""
    """Why nothing was looked for."""


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    groups = _groups(scan_s=args.seconds if args.scan else 0.0)
    if args.json:
        body: dict[str, object] = {group.key: [asdict(device) for device in group.devices] for group in groups}
        body["ran_on"] = {group.key: group.ran for group in groups}
        body["not_looked_for"] = {group.key: group.missing for group in groups if group.missing}
        print(json.dumps(body))
        return 0
    for group in groups:
        title = group.key.replace("_", " ")
        if group.missing:
            print(f"{title}: not looked for: {group.missing}")
            continue
        print(f"{title}: none found" if not group.devices else f"{title} (edge-mm ran with {group.ran}):")
        for number, device in enumerate(group.devices, 1):
            print(f"  {printable(device.id)}  ({printable(device.label)})")
            for line in source_lines(group.kind, device.id, number=number, others=group.others):
                print(f"      {line}")
    return 0


def source_lines(kind: str, device: str, *, number: int, others: str = "") -> list[str]:
    """A ``[[source]]`` to paste.

    Args:
        kind: what is measured.
        device: the word for the device.
        number: from 1 on; names must differ.
        others: kinds that it may be instead.
    """
    name = {"video": "cabin", "audio": "microphone"}.get(kind, kind)
    return [
        "[[source]]",
        f'name = "{name}{"" if number == 1 else f"-{number}"}"',
        f'kind = "{kind}"{f"  # or {others}" if others else ""}',
        f"device = {json.dumps(device)}",  # JSON's escapes are a part of TOML's
    ]


def _groups(*, scan_s: float) -> list[_Group]:
    found = look()
    has_i2c = importlib.util.find_spec("smbus2") is not None
    groups = [
        _Group(
            *("cameras", "video", "", "emulated cameras only: the kernel's test camera, RTSP and HTTP servers"),
            found.cameras,
        ),
        _Group(
            *("microphones", "audio", "", "emulated sound cards and sound servers only"),
            found.microphones,
            "" if importlib.util.find_spec("pyaudio") else "needs PyAudio: pip install 'edge-mm[mic]'",
        ),
        _Group(
            *("serial_ports", "ecg", "ppg, eda, temp, acc", "pseudo terminals and emulated USB ports only"),
            found.serial_ports,
        ),
        _Group(
            *("i2c_parts", "ppg", "spo2", "an emulated bus only, never with the part itself"),
            i2c_parts(),
            "" if has_i2c else "needs smbus2: pip install 'edge-mm[i2c]'",
        ),
    ]
    belts = ("bluetooth", "heart_rate", "rr, spo2", "an emulated belt only, never with a real one")
    streams = ("lsl_streams", "ecg", "any signal or reading", "streams of our own only, never with an amplifier")
    if not scan_s:
        missing = "takes seconds: edge-mm devices --scan"
        return [*groups, _Group(*belts, (), missing), _Group(*streams, (), missing)]
    for words, discover in ((belts, discover_ble), (streams, discover_lsl)):
        try:
            groups.append(_Group(*words, discover(scan_s)))
        except SourceError as error:
            groups.append(_Group(*words, (), str(error)))
    return groups
