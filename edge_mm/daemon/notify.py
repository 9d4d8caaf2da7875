"""Tell systemd how we are: ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``.

In: a state. Out: one datagram to ``$NOTIFY_SOCKET``; nothing where there is none. Not here: the unit file.
Protocol: sd_notify(3).
"""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send one state; whether there was somebody to tell."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False
    return True


def watchdog_period_s() -> float | None:
    """How often ``WATCHDOG=1`` is wanted: half of ``$WATCHDOG_USEC``, None without a watchdog."""
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 2e6
    except (KeyError, ValueError):
        return None
