"""``edge-mm init``: look for sensors and write a configuration to start from.

In: the parsed command line. Out: the file, and on stdout what was found. Not here: its text (``daemon.starter``).
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
from contextlib import suppress
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
    if _is_there(path) and not args.force:
        raise UsageError(f"{path}: exists already; --force replaces it, --output FILE writes another one")
    found = look()
    text = starting_config(found, device_id=device_id_of(socket.gethostname()), profile=load_profile())
    _write(path, text)
    if not args.quiet:
        _tell(found, path)
    return 0


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a folder that may not be entered, a name too long
        raise UsageError(f"{str(path)[:200]}: {error.strerror}; name another file") from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all; for this user only, since a password may be put into it."""
    partial: str | None = None
    try:
        number, partial = tempfile.mkstemp(prefix=".edge-mm-", dir=path.parent)  # a new file, mode 600
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).replace(path)
        partial = None
    except OSError as error:
        kind = UsageError if isinstance(error, FileNotFoundError | NotADirectoryError) else EdgeMmError
        raise kind(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if partial is not None:
            with suppress(OSError):
                Path(partial).unlink()


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
