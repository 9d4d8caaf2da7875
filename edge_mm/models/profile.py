"""What a board can take: how it is recognised, its runtime, its camera and sensors, and the budgets of a bundle.

In: a TOML file of ``firmware_profiles`` (or a path), or nothing (the board says what it is). Out: a frozen ``Profile``.
Not here: what is installed on this device (sensors, broker): that is ``edge-mm.toml``; reading the board
(``models.board``); comparing the two (``models.fit``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_mm.errors import ConfigError
from edge_mm.models.board import Board
from edge_mm.models.tables import decode, read_toml

GENERIC = {"x86_64": "generic-x86_64", "aarch64": "generic-aarch64"}
"""Machine -> profile of a board that is not recognised."""

Count = Annotated[int, Meta(gt=0)]
Amount = Annotated[float, Meta(gt=0)]


class Detect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By what the board is recognised; the longest text that fits wins, a model before a compatible."""

    model: tuple[str, ...] = ()
    """Starts of ``/proc/device-tree/model``."""
    compatible: tuple[str, ...] = ()
    """Parts of an entry of ``/proc/device-tree/compatible``, where models are ambiguous or missing."""
    usb: tuple[str, ...] = ()
    """``vendor:product`` of an accelerator. A hint only: what is plugged in never makes another board of the host."""


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TFLite runtime in which the graphs of a bundle for this board must run."""

    name: Literal["ai_edge_litert", "tflite_runtime"]
    """The module that is imported."""
    at_least: str
    """Oldest version that fits."""
    below: str
    """First version that may not fit."""

    @property
    def package(self) -> str:
        """What pip calls it."""
        return self.name.replace("_", "-")


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``edge-mm init`` suggests for a camera on this board, and how each kind of camera gets in."""

    width: Count
    """Pixels."""
    height: Count
    """Pixels."""
    rate_hz: Amount
    """Frames per second."""
    usb: str
    """One sentence: what to write for a USB camera."""
    ribbon: str = ""
    """One sentence: how a camera on the CSI connector gets in; the OpenCV wheels have no libcamera and no GStreamer."""


class Sound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where sound comes from."""

    microphone: str
    """One sentence: what the board has, or what to plug in."""


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Device files of the pin header, as the maker's system names them; empty where there is no header."""

    i2c: tuple[str, ...] = ()
    """For example ``/dev/i2c-1`` (pins 3 and 5)."""
    spi: tuple[str, ...] = ()
    """For example ``/dev/spidev0.0``."""
    serial: tuple[str, ...] = ()
    """For example ``/dev/serial0``."""


class Thermal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hot it may be. What a board does not tell is not judged."""

    zone: str = ""
    """``type`` of the zone in ``/sys/class/thermal``; empty: the hottest of all."""
    throttle_c: float | None = None
    """Degrees Celsius from which the board lowers its clock; none where no figure is published."""
    throttled: str = ""
    """File with the firmware's flags (Raspberry Pi); may hold ``*``."""


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a bundle, and the daemon with it, may take on this board."""

    bundle_bytes: Count
    """Bytes of the ``.edgemm`` file."""
    arena_bytes: Count
    """Bytes of the planned activation arenas, summed over all graphs of the bundle."""
    rss_mib: Count
    """Resident memory of the daemon, MiB; ``bridge/health`` compares with it."""
    latency_ms: Amount
    """Milliseconds of one core for one invoke of each graph of the bundle, one after the other."""
    latency: Literal["estimated", "measured"]
    """``measured`` once somebody measured it on this very board."""
    macs_per_second: Amount
    """Int8 multiply-accumulates that one core does in a second."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one invoke of each graph of the bundle, summed; one core, ``latency_ms``."""
        return round(self.macs_per_second * self.latency_ms / 1000)

    def milliseconds(self, macs: int) -> float:
        """How long one core needs for that many multiply-accumulates; ``latency`` says how far to trust it."""
        return 1000 * macs / self.macs_per_second


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One board."""

    name: str
    """File name without ``.toml``."""
    title: str
    """Name for people."""
    chip: str
    """Processor, for people."""
    machine: Literal["aarch64", "x86_64", "any"]
    """What ``platform.machine()`` says there; ``any``: an accelerator that is plugged into some host."""
    cores: Count
    """CPU cores."""
    memory_mib: Count
    """Physical memory of the smallest variant, MiB."""
    support: Literal["native", "container"]
    """``container``: the maker's system has too old a Python; the ``Containerfile`` brings its own."""
    reason: str
    """One sentence: why."""
    delegate: Literal["cpu", "edgetpu", "gpu"]
    """What the board could run graphs on, and what ``edge-mm-convert lint`` judges; this version uses the CPU only."""
    threads: Count
    """Threads of one graph."""
    recipe: str
    """The recipe of ``edge-mm-convert`` to begin with."""
    ran: str
    """Where edge-mm ran on this very board (date, report), or ``never``."""
    runtime: tuple[Runtime, ...]
    """Graphs must run in each; the first one is the default."""
    detect: Detect
    """How it is recognised."""
    camera: Camera
    """Camera mode and pipelines."""
    sound: Sound
    """Microphone."""
    bus: Bus
    """Pin header."""
    thermal: Thermal
    """Temperature and throttling."""
    budget: Budget
    """What a bundle may take."""
    note: str = ""
    """One sentence that ``edge-mm check`` repeats."""

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Names of the runtimes in which graphs must run; the first one is the default."""
        return tuple(one.name for one in self.runtime)

    def over_budget(
        self, *, bundle_bytes: int | None = None, macs: int | None = None, arena_bytes: int | None = None
    ) -> list[str]:
        """By how much a bundle is too large for this board, as sentences; empty when it fits.

        Args:
            bundle_bytes: size of the ``.edgemm`` file; None of any of these: not known, not judged.
            macs: multiply-accumulates of one invoke of each graph, summed.
            arena_bytes: planned activation arenas, summed over the graphs.
        """
        return list(self._over(bundle_bytes, macs, arena_bytes))

    def _over(self, bundle_bytes: int | None, macs: int | None, arena_bytes: int | None) -> Iterator[str]:
        budget = self.budget
        if bundle_bytes is not None and bundle_bytes > budget.bundle_bytes:
            yield f"the bundle's file has {self._excess(bundle_bytes, budget.bundle_bytes, _size)}"
        if macs is not None and macs > budget.macs:
            yield (
                f"one invoke of each graph takes {self._excess(macs, budget.macs, _macs)} "
                f"({budget.milliseconds(macs):.1f} ms of one core where {budget.latency_ms:g} ms are allowed, "
                f"{budget.latency})"
            )
        if arena_bytes is not None and arena_bytes > budget.arena_bytes:
            yield f"the graphs' arenas take {self._excess(arena_bytes, budget.arena_bytes, _size)}"

    def _excess(self, value: int, limit: int, words: Callable[[int], str]) -> str:
        over = value - limit
        share = f"{100 * over / limit:.1f} %"
        return f"{words(value)}, {words(over)} ({share}) over the {words(limit)} of profile {self.name}"


def _size(count: int) -> str:
    """Bytes in words."""
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count} bytes"


def _macs(count: int) -> str:
    """Multiply-accumulates in words."""
    return f"{count / 1e6:.2f} million MACs" if count >= 10**6 else f"{count} MACs"


def known_profiles() -> tuple[str, ...]:
    """Names of the profiles that ship."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_profile(name: str = "auto", *, board: Board | None = None) -> Profile:
    """Load a profile by name or path; ``auto`` recognises the board.

    Args:
        name: of a shipped profile, a path that ends in ``.toml``, or ``auto``.
        board: the machine to recognise; this one when None.

    Raises:
        ConfigError: there is no such profile, or the file is wrong.
    """
    if name == "auto":
        name = detect(board)
    path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(f"no profile {name!r}: give a .toml file, 'auto', or one of {', '.join(known_profiles())}")
    profile = decode(read_toml(path), Profile, file=str(path))
    if not profile.runtime:
        raise ConfigError(f"{path}: runtime: at least one [[runtime]] is needed")
    return profile


def detect(board: Board | None = None) -> str:
    """Name of the profile for a board.

    Args:
        board: this machine when None.

    Returns:
        That of the longest model that fits, else of the longest compatible, else the generic one of the machine.
    """
    board = board or Board()
    model, compatible = board.model, board.compatible
    found: list[tuple[bool, int, str]] = []
    for name in known_profiles() if model or compatible else ():
        rule = load_profile(name).detect
        found += [(True, len(text), name) for text in rule.model if model.startswith(text)]
        found += [(False, len(text), name) for text in rule.compatible if any(text in one for one in compatible)]
    if found:
        return max(found)[2]
    return GENERIC["aarch64" if board.machine.startswith(("aarch", "arm")) else "x86_64"]


def _folder() -> Path:
    """``firmware_profiles`` is installed beside ``edge_mm`` in the wheel and lies beside it in a checkout."""
    return Path(__file__).resolve().parent.parent.parent / "firmware_profiles"
