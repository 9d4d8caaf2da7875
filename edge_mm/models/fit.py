"""Compare this machine with its profile: what does not fit, and what is plugged in beside.

In: a ``Profile`` and a ``Board``. Out: sentences. Not here: the bundle's budgets (``Profile.over_budget``), sensors and
broker (``daemon.checkup``).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from importlib import metadata

from edge_mm.models.board import Board
from edge_mm.models.profile import Profile, known_profiles, load_profile

NEAR_C = 5.0
"""Degrees below the throttling temperature from which a board is called hot."""
# Bits of the firmware's flags: documentation of vcgencmd get_throttled, raspberrypi.com/documentation/computers/os.html
_FLAGS = {
    0: "its supply is under voltage",
    1: "its clock is capped",
    2: "it is throttled",
    3: "it is at its soft temperature limit",
}
_EVER = 16
"""The same flags, this much higher: it has happened since the board was switched on."""
_SUPPLY = "use the maker's power supply and a short cable"
_COOL = "give it a heat sink or a fan"


def installed_runtimes() -> dict[str, str]:
    """Module -> version of the TFLite runtimes that this Python has; the version is empty where none is known."""
    found = {}
    for module in ("ai_edge_litert", "tflite_runtime"):
        if importlib.util.find_spec(module) is not None:
            try:
                found[module] = metadata.version(module.replace("_", "-"))
            except metadata.PackageNotFoundError:
                found[module] = ""
    return found


def misfits(profile: Profile, board: Board, *, runtimes: Mapping[str, str]) -> list[str]:
    """What on this machine does not fit the profile, as sentences; empty when all fits.

    Args:
        profile: of the board.
        board: this machine, as it is now.
        runtimes: module -> version, as of ``installed_runtimes``.
    """
    return [
        *_machine(profile, board),
        *_memory(profile, board),
        *_runtime(profile, runtimes),
        *_heat(profile, board),
        *_flags(profile, board),
    ]


def plugged_in(board: Board, *, profile: Profile) -> list[str]:
    """What is plugged in and has a profile of its own, as sentences."""
    found = []
    usb = board.usb
    for name in known_profiles() if usb else ():
        other = load_profile(name)
        seen = sorted(usb.intersection(other.detect.usb))
        if seen and name != profile.name:
            found.append(
                f"{other.title} is plugged in ({seen[0]}); this version runs every graph on the CPU. "
                f"profile = {name!r} in the configuration names it; it is not chosen by itself"
            )
    return found


def _machine(profile: Profile, board: Board) -> Iterator[str]:
    if board.bits == 32 or board.machine in ("armv7l", "armv6l"):
        yield (
            "this is a 32-bit system, for which ai-edge-litert has no wheel: install the 64-bit one (Raspberry Pi OS "
            "Lite, 64-bit), or stay with Python 3.11 and pip install 'edge-mm[tflite]'"
        )
    elif profile.machine not in ("any", board.machine):
        yield (
            f"profile {profile.name} is for {profile.machine}, this machine is {board.machine}: name another one, "
            "or a .toml file of your own for this board"
        )
    if profile.detect.usb and not board.usb.intersection(profile.detect.usb):
        yield f"{profile.title} is not plugged in ({' or '.join(profile.detect.usb)} on USB)"
    if 0 < board.cores < profile.cores:
        yield f"{board.cores} of the {profile.cores} CPU cores of profile {profile.name} are on line"


def _memory(profile: Profile, board: Board) -> Iterator[str]:
    limit, total, available = profile.budget.rss_mib, board.memory_mib, board.available_mib
    if 0 < total < limit:
        yield f"{total} MiB of memory is less than the {limit} MiB that profile {profile.name} gives the daemon"
    elif 0 < available < limit:
        yield f"{available} MiB of memory is free now; the daemon may take {limit} MiB: end what else runs here"


def _runtime(profile: Profile, runtimes: Mapping[str, str]) -> Iterator[str]:
    fitting = [one for one in profile.runtime if one.name in runtimes]
    if not fitting:
        wanted = " or ".join(one.package for one in profile.runtime)
        yield f"profile {profile.name} expects the runtime {wanted}, which this Python does not have"
    for one in fitting:
        version = runtimes[one.name]
        if version and not _numbers(one.at_least) <= _numbers(version) < _numbers(one.below):
            yield (
                f"{one.package} {version} is not what profile {profile.name} was made for: "
                f"pip install '{one.package}>={one.at_least},<{one.below}'"
            )


def _heat(profile: Profile, board: Board) -> Iterator[str]:
    limit_c = profile.thermal.throttle_c
    now_c = board.temperature_c(profile.thermal.zone)
    if limit_c is None or now_c is None or now_c < limit_c - NEAR_C:
        return
    state = "it lowers its clock" if now_c >= limit_c else "it will soon lower its clock"
    yield f"the board is at {now_c:.1f} °C and {state} (from {limit_c:g} °C): {_COOL}"


def _flags(profile: Profile, board: Board) -> Iterator[str]:
    flags = board.throttled(profile.thermal.throttled) or 0
    for bit, text in _FLAGS.items():
        cure = _SUPPLY if bit == 0 else _COOL
        if flags & 1 << bit:
            yield f"the board says that {text}: {cure}"
        elif flags & 1 << bit + _EVER:
            yield f"since it was switched on the board said at least once that {text}: {cure}"


def _numbers(version: str) -> tuple[int, ...]:
    """``2.14.0rc1`` -> (2, 14, 0): enough to tell a version that fits from one that does not."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])
