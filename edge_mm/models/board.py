"""What this machine says of itself: device tree, cores, memory, temperature, throttling, USB devices.

In: files of ``/proc`` and ``/sys``, read when they are asked for; nothing is run, nothing is kept. Out: plain values,
empty or zero where the machine does not say. Not here: what a board should be (``models.profile``), comparing the two
(``models.fit``).
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Board:
    """One machine."""

    root: Path = Path("/")
    """Where its ``proc`` and ``sys`` are; another folder holds another machine."""
    machine: str = field(default_factory=platform.machine)
    """What ``uname -m`` says: ``aarch64``, ``armv7l``, ``x86_64``. It is the kernel's, not Python's."""
    bits: int = 64 if sys.maxsize > 2**32 else 32
    """Of this Python: a 32-bit Raspberry Pi OS runs on a 64-bit kernel, so ``machine`` alone does not tell."""

    @property
    def model(self) -> str:
        """``/proc/device-tree/model``: ``Raspberry Pi 4 Model B Rev 1.4``."""
        return self._text("proc/device-tree/model").strip("\0\n ")

    @property
    def compatible(self) -> tuple[str, ...]:
        """``/proc/device-tree/compatible``, the board first and its chip last."""
        return tuple(filter(None, self._text("proc/device-tree/compatible").strip("\n").split("\0")))

    @property
    def cores(self) -> int:
        """CPU cores that are on line."""
        count = 0
        for part in self._text("sys/devices/system/cpu/online").strip().split(","):
            first, _, last = part.partition("-")
            if first.isdecimal() and (last or first).isdecimal():
                count += int(last or first) - int(first) + 1
        return count

    @property
    def memory_mib(self) -> int:
        """All memory that Linux has, MiB; a GPU's share is not in it."""
        return self._meminfo("MemTotal")

    @property
    def available_mib(self) -> int:
        """Memory that a program could take now without swapping, MiB."""
        return self._meminfo("MemAvailable")

    @property
    def usb(self) -> frozenset[str]:
        """``vendor:product`` of every USB device, for example ``1a6e:089a``."""
        found = set()
        for vendor in self.root.glob("sys/bus/usb/devices/*/idVendor"):
            product = vendor.with_name("idProduct")
            found.add(f"{_read(vendor).strip()}:{_read(product).strip()}")
        return frozenset(found)

    def temperature_c(self, zone: str = "") -> float | None:
        """Degrees Celsius of the thermal zone of that type (``cpu-thermal``), of the hottest one where none is named.

        Returns:
            None where the machine has no such zone, or does not tell.
        """
        found = []
        for path in self.root.glob("sys/class/thermal/thermal_zone*/temp"):
            text = _read(path).strip()
            if zone in ("", _read(path.with_name("type")).strip()) and text.removeprefix("-").isdecimal():
                found.append(int(text) / 1000)
        return max(found, default=None)

    def throttled(self, pattern: str) -> int | None:
        """The flags of the Raspberry Pi's firmware, written there in hexadecimal.

        Args:
            pattern: absolute path of the file; it may hold ``*``.
        """
        for path in sorted(self.root.glob(pattern.lstrip("/"))) if pattern.strip("/") else ():
            try:
                return int(_read(path).strip(), 16)
            except ValueError:
                return None
        return None

    def _meminfo(self, key: str) -> int:
        for line in self._text("proc/meminfo").splitlines():
            name, _, value = line.partition(":")
            if name == key and value.split()[:1] and value.split()[0].isdecimal():
                return int(value.split()[0]) // 1024
        return 0

    def _text(self, name: str) -> str:
        return _read(self.root / name)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # not there, or a sensor that is asleep
        return ""
