"""What board this is: which runtime it has, how much memory we may take, what camera rate is sensible.

In: a TOML file of ``firmware_profiles`` (or a path), or nothing (the board says what it is in its device tree). Out: a
frozen ``Profile``. Not here: what is installed on this device (sensors, broker): that is ``edge-mm.toml``.
"""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Literal

import msgspec

from edge_mm.errors import ConfigError
from edge_mm.models.tables import decode, read_toml

GENERIC = "generic-x86-64"
_DEVICE_TREE = Path("/proc/device-tree/model")


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``edge-mm init`` suggests for a camera on this board."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    rate_hz: float
    """Frames per second."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One board."""

    name: str
    """File name without ``.toml``."""
    title: str
    """Name for people."""
    machine: str
    """What ``platform.machine()`` says there: ``aarch64``, ``armv7l``, ``x86_64``."""
    cores: int
    """CPU cores."""
    memory_mib: int
    """Physical memory of the smallest variant."""
    max_rss_mib: int
    """Resident memory that the daemon may take; ``edge-mm check`` and ``bridge/health`` compare with it."""
    backend: Literal["ai_edge_litert", "tflite_runtime"]
    """The TFLite runtime that has wheels for this board's usual Python."""
    delegate: Literal["cpu", "edgetpu", "gpu"]
    """What the board could run graphs on. Informative: this version runs every graph on the CPU."""
    camera: Camera
    """Suggested camera mode."""
    model: tuple[str, ...] = ()
    """Starts of ``/proc/device-tree/model`` by which the board is recognised."""
    note: str = ""
    """One sentence that ``edge-mm check`` repeats."""

    def problems(self) -> list[str]:
        """What on this machine does not fit the profile, as sentences; empty when all fits."""
        found = []
        if platform.machine() != self.machine:
            found.append(
                f"profile {self.name} is for {self.machine}, this machine is {platform.machine()}: name another one, "
                "or a .toml file of your own for this board"
            )
        memory = _memory_mib()
        if memory and memory < self.max_rss_mib:
            found.append(f"{memory} MiB of memory is less than the {self.max_rss_mib} MiB of profile {self.name}")
        if importlib.util.find_spec(self.backend) is None:
            found.append(f"profile {self.name} expects the runtime {self.backend}, which this Python does not have")
        return found


def known_profiles() -> tuple[str, ...]:
    """Names of the profiles that ship."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_profile(name: str = "auto") -> Profile:
    """Load a profile by name or path; ``auto`` recognises the board.

    Raises:
        ConfigError: there is no such profile, or the file is wrong.
    """
    if name == "auto":
        name = detect()
    path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(f"no profile {name!r}: give a .toml file, 'auto', or one of {', '.join(known_profiles())}")
    return decode(read_toml(path), Profile, file=str(path))


def detect(model: str | None = None) -> str:
    """Name of the profile for this board.

    Args:
        model: what the device tree says; read from this machine when None.
    """
    text = _board() if model is None else model
    best, length = GENERIC, 0
    for name in known_profiles() if text else ():
        for start in load_profile(name).model:
            if text.startswith(start) and len(start) > length:
                best, length = name, len(start)
    return best


def _board() -> str:
    try:
        return _DEVICE_TREE.read_text(errors="replace").rstrip("\0\n")
    except OSError:
        return ""


def _memory_mib() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) // 1024
    except (OSError, ValueError, IndexError):
        return 0
    return 0


def _folder() -> Path:
    """``firmware_profiles`` is installed beside ``edge_mm`` in the wheel and lies beside it in a checkout."""
    return Path(__file__).resolve().parent.parent.parent / "firmware_profiles"
