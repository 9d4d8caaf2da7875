"""``edge-mm init``: look for sensors and write a configuration to start from.

In: the parsed command line. Out: the file, and on stdout what was found. Not here: its text (``daemon.starter``).
"""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

from edge_mm.daemon.starter import Found, device_id_of, look, starting_config
from edge_mm.errors import EdgeMmError, UsageError
from edge_mm.models.profile import load_profile


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: the file is there already, or cannot be written.
    """
    path = Path(args.output)
    if path.exists() and not args.force:
        raise UsageError(f"{path}: exists already; --force replaces it, --output FILE writes another one")
    found = look()
    text = starting_config(found, device_id=device_id_of(socket.gethostname()), profile=load_profile())
    _write(path, text)
    if not args.quiet:
        _tell(found, path)
    return 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all; for this user only, since a password may be put into it."""
    partial = path.with_name(path.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kind = UsageError if isinstance(error, FileNotFoundError | NotADirectoryError) else EdgeMmError
        raise kind(f"{path}: cannot be written: {error.strerror}") from error


def _tell(found: Found, path: Path) -> None:
    for what, devices in (
        ("camera", found.cameras),
        ("microphone", found.microphones),
        ("serial port", found.serial_ports),
    ):
        for device in devices:
            print(f"{what}: {device.label} ({device.id})")
    if found.nothing:
        print("no camera, microphone or serial sensor was found: the file holds commented examples to fill in")
    print(f"wrote {path}; next: edge-mm check -c {path}")
