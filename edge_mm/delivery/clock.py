"""Where monotonic time meets wall time: the only place that asks what day it is.

In: the kernel's clocks. Out: an ``Anchor`` (one moment on both clocks, of one boot, and whether the wall clock was
synchronised), and wall time rendered from it. A board without a clock chip boots with a wrong date and corrects it
minutes later, so an event keeps its ``t_ns`` and boot id, and its date is worked out when it is published. Not here:
waiting, timing (the monotonic clock does that everywhere else).
"""

from __future__ import annotations

import ctypes
import functools
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5
"""What adjtimex(2) returns while no time service disciplines the clock."""
_EARLIEST_YEAR = 2025
"""A wall clock before this product existed is wrong, whatever the kernel says."""
_EPOCH = datetime(1970, 1, 1)


class Anchor(msgspec.Struct, frozen=True):
    """The same moment on the wall clock and on the monotonic clock."""

    wall_ns: int
    """Nanoseconds since 1970-01-01T00:00:00Z."""
    mono_ns: int
    """CLOCK_MONOTONIC, nanoseconds."""
    boot_id: str
    """Which boot the monotonic clock counts from."""
    synced: bool
    """Whether a time service had set the wall clock."""

    def wall(self, t_ns: int) -> int:
        """Wall time in nanoseconds of a monotonic ``t_ns`` of the same boot."""
        return self.wall_ns + (t_ns - self.mono_ns)


def now() -> Anchor:
    """The present moment on both clocks."""
    before = time.monotonic_ns()
    wall_ns = time.time_ns()
    after = time.monotonic_ns()
    return Anchor(wall_ns, (before + after) // 2, boot_id(), synchronized(wall_ns))


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot; one of this process where there is no Linux ``/proc``."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


def absurd(wall_ns: int) -> bool:
    """Whether it is before this product existed: a board without a clock chip, minutes after it was switched on."""
    return wall_ns < _ns_of_year(_EARLIEST_YEAR)


def synchronized(wall_ns: int) -> bool:
    """Whether the wall clock can be believed: the kernel says that a time service disciplines it, and it is not absurd.

    Args:
        wall_ns: the wall clock, nanoseconds since 1970.
    """
    if absurd(wall_ns):
        return False
    if _TIMESYNCD.exists():
        return True
    verdict = _adjtimex()
    return verdict is None or verdict != _TIME_ERROR


def iso(wall_ns: int) -> str:
    """Wall time as RFC 3339 in UTC with milliseconds, cut off, for example ``2026-11-23T18:20:31.412Z``."""
    moment = _EPOCH + timedelta(milliseconds=wall_ns // 1_000_000)
    return moment.isoformat(timespec="milliseconds") + "Z"


def _ns_of_year(year: int) -> int:
    return int((datetime(year, 1, 1) - _EPOCH).total_seconds()) * 1_000_000_000


def _adjtimex() -> int | None:
    """State of the kernel's clock discipline (adjtimex(2), read only); None where it cannot be asked."""
    try:
        # struct timex is 208 bytes on 64-bit Linux; all zero asks without changing anything.
        state = int(_libc().adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return None
    return state if state >= 0 else None


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
