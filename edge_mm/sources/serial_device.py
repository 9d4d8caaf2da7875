"""A serial port as bytes.

In: a device file and its speed. Out: what came in about 0.1 s, or why not. Not here: what the bytes mean
(``serial_lines``, ``serial_binary``).
"""

from __future__ import annotations

import contextlib
import errno
from typing import Any

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.files import said

BLOCK_S = 0.1
"""How long a read waits."""
_MOST_PER_READ = 4096


class SerialDevice:
    """An open port; exclusive, because two readers would share the bytes.

    Args:
        port: ``/dev/ttyUSB0``, better ``/dev/serial/by-id/...``.
        baud: Bits per second.

    Raises:
        SourceError: there is no such port, or it is in use.
    """

    def __init__(self, port: str, baud: int) -> None:
        import serial

        self._port = port
        try:
            self._serial: Any = serial.Serial(port, baud, timeout=BLOCK_S, exclusive=True)
            self._serial.reset_input_buffer()
        except (serial.SerialException, OSError, ValueError) as error:
            raise SourceError(f"serial port {port} cannot be opened: {_why(error)}.") from None

    def read(self) -> bytes:
        """What came within ``BLOCK_S``; empty when nothing did.

        Raises:
            SourceLost: the port is gone.
        """
        try:
            came: bytes = self._serial.read(_MOST_PER_READ)
        except (OSError, TypeError) as error:  # SerialException is an OSError; pyserial raises TypeError when closed
            why = "" if "readiness to read" in str(error) else f" ({said(error)})"  # pyserial's words for: it is gone
            raise SourceLost(f"serial port {self._port} is gone{why}; was it unplugged?") from None
        return came

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):  # it was unplugged
            self._serial.close()


def _why(error: Exception) -> str:
    """The reason, once (pyserial writes the system's sentence into its own), and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if "configure port" in str(error) or number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return "it is not a serial port; name one that 'edge-mm devices' lists"
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return "it is not there; check the cable, and what 'edge-mm devices' lists"
    if number in (errno.EACCES, errno.EPERM):
        return "this user has no permission; add the user to the group 'dialout' and log in again"
    if number in (errno.EBUSY, errno.EAGAIN):
        return "another program uses it; end that one first"
    return f"{said(error)}; check the cable, and that this user is in the group 'dialout'"
