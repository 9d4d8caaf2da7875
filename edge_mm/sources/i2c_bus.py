"""One part on an I2C bus of Linux, as registers.

In: a bus's number and an address. Out: bytes of registers; every failure of the wire is an ``OSError``. Needs the extra
``[i2c]``. Not here: what the registers mean.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
from typing import Any, Protocol

from edge_mm.errors import SourceError
from edge_mm.sources.files import said

MOST_BYTES = 32
"""What one transfer can read: SMBus allows no more."""


class Bus(Protocol):
    """The registers of one part. Each call raises ``OSError`` when the part does not answer."""

    def read_byte(self, register: int) -> int:
        """The value of one register."""
        ...

    def read_block(self, register: int, count: int) -> bytes:
        """Up to ``MOST_BYTES`` from a register on, in one transfer."""
        ...

    def write_byte(self, register: int, value: int) -> None:
        """Set one register."""
        ...

    def close(self) -> None:
        """Let go of the bus."""
        ...


class LinuxBus:
    """A part behind ``/dev/i2c-N``.

    Args:
        number: N.
        address: 7 bits.

    Raises:
        SourceError: there is no such bus, no permission, or the extra is not installed.
    """

    def __init__(self, number: int, address: int) -> None:
        try:
            smbus = importlib.import_module("smbus2")
        except ImportError:
            raise SourceError(f"I2C bus {number}: it needs the package smbus2: pip install 'edge-mm[i2c]'.") from None
        self._address = address
        try:
            self._bus: Any = smbus.SMBus(number)
        except OSError as error:
            raise SourceError(f"I2C bus {number} (/dev/i2c-{number}) cannot be opened: {_why(error)}.") from None

    def read_byte(self, register: int) -> int:
        """As ``Bus``."""
        return int(self._bus.read_byte_data(self._address, register))

    def read_block(self, register: int, count: int) -> bytes:
        """As ``Bus``."""
        return bytes(self._bus.read_i2c_block_data(self._address, register, count))

    def write_byte(self, register: int, value: int) -> None:
        """As ``Bus``."""
        self._bus.write_byte_data(self._address, register, value)

    def close(self) -> None:
        """As ``Bus``."""
        with contextlib.suppress(OSError):
            self._bus.close()


def silence_of(error: OSError) -> str:
    """Why a part did not answer, as the end of a sentence."""
    if error.errno in (errno.EREMOTEIO, errno.ENODEV, errno.ENXIO):
        return "nothing answers there; check the wiring and the power, and what 'i2cdetect -y BUS' shows"
    if error.errno == errno.EBUSY:
        return "a driver of the kernel holds this address; unload it, or give another address"
    if error.errno == errno.ETIMEDOUT:
        return "the bus hangs; check the pull-up resistors, and switch the part off and on"
    return f"{said(error)}; check the wiring"


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return "there is no such bus; switch I2C on (raspi-config, or dtparam=i2c_arm=on), 'i2cdetect -l' lists them"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user has no permission; add the user to the group 'i2c' and log in again"
    return said(error)
