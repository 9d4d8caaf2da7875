"""``edge-mm devices``: what is plugged in.

In: the parsed command line. Out: a line per device, or one JSON object. Not here: the looking (``sources.discovery``).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from edge_mm.daemon.starter import look


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    found = look()
    groups = {"cameras": found.cameras, "microphones": found.microphones, "serial_ports": found.serial_ports}
    if args.json:
        print(json.dumps({group: [asdict(device) for device in devices] for group, devices in groups.items()}))
        return 0
    for group, devices in groups.items():
        title = group.replace("_", " ")
        print(f"{title}: none found" if not devices else f"{title}:")
        for device in devices:
            print(f"  {device.id}  ({device.label})")
    return 0
