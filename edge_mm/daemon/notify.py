"""Tell systemd how we are: ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``; without systemd a file says that we live.

In: a state. Out: one datagram to ``$NOTIFY_SOCKET``; at each ``WATCHDOG=1`` the seconds since boot in the file that
``$EDGE_MM_HEARTBEAT`` names (the ``Containerfile`` does, its health check reads it); nothing where there is neither.
Not here: the unit file (``daemon.service``). Protocol: sd_notify(3).
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

HEARTBEAT = "EDGE_MM_HEARTBEAT"
HEARTBEAT_S = 10.0
"""How often the file is written."""


def notify(state: str) -> bool:
    """Send one state; whether there was somebody to tell."""
    if state == "WATCHDOG=1" and (file := os.environ.get(HEARTBEAT)):
        with suppress(OSError):  # a full disk must not end the watch; the health check sees an old file
            Path(file).write_text(f"{int(time.clock_gettime(time.CLOCK_BOOTTIME))}\n")
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False
    return True


def watchdog_period_s() -> float | None:
    """How often ``WATCHDOG=1`` is wanted: half of ``$WATCHDOG_USEC``, None without a watchdog or a heartbeat file."""
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 2e6
    except (KeyError, ValueError):
        return HEARTBEAT_S if os.environ.get(HEARTBEAT) else None
