"""Is the board well: supply, heat, clock rate, clock, memory, the disk under the outbox.

In: a profile, a root folder, the outbox's path. Out: remarks. Not here: reading the files (``daemon.board_state``).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge_mm.daemon import board_state
from edge_mm.daemon.board_state import Disk
from edge_mm.daemon.outbox_probe import LEAST_FREE_MIB
from edge_mm.daemon.remark import Remark, error, ok, warning
from edge_mm.delivery import clock
from edge_mm.models.fit import NEAR_C
from edge_mm.models.profile import Profile

BUSY_S = 0.3
"""How long one core is kept busy before its clock rate is read; a governor needs about a tenth of a second."""
SLOW_SHARE = 0.6
"""Below this share of the maximum a busy core is called slow: a laptop's turbo is not reached on all machines."""
SLOW_WRITE_MS = 500.0
"""A transition is one write like that; a good card takes 5 to 50 ms."""
_SUPPLY = (
    "use the board maker's power supply (5.1 V 3 A on a Pi 4, 5 V 5 A on a Pi 5) and a short thick cable; move USB "
    "devices to a hub with a supply of its own"
)
_COOL = "give it a heat sink or a fan, and air"
_WORDS = {
    "under_voltage": ("the supply is under voltage", _SUPPLY),
    "frequency_capped": ("the clock rate is capped", f"{_SUPPLY}; {_COOL}"),
    "throttled": ("the processor is throttled", f"{_SUPPLY}; {_COOL}"),
    "soft_temperature_limit": ("the soft temperature limit is reached", _COOL),
}
_WEAR = (
    "an SD card wears out by writing: use one of high endurance, keep the journal in memory (Storage=volatile in "
    "/etc/systemd/journald.conf), leave [log] level at info"
)
_VOLATILE = {"tmpfs": "is in memory", "ramfs": "is in memory", "overlay": "is a container's own layer"}
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p")


def power(root: Path = board_state.ROOT) -> Iterator[Remark]:
    """Under-voltage and throttling, now and since the board was switched on."""
    state = board_state.power(root, run_programs=True)
    if state is None:
        yield ok("power", "this board does not say how its supply is")
        return
    for name in state.now:
        text, cure = _WORDS[name]
        if name == "under_voltage":  # writes to a card may go wrong, cameras fall off the bus
            yield error("power", f"{text} now ({state.told_by})", cure)
        else:
            yield warning("power", f"{text} now ({state.told_by})", cure)
    for name in state.since_boot:
        if name not in state.now:
            text, cure = _WORDS[name]
            yield warning("power", f"at least once since the board was switched on: {text} ({state.told_by})", cure)
    if not state.since_boot:
        yield ok("power", f"no under-voltage and no throttling since the board was switched on ({state.told_by})")


def temperature(profile: Profile, root: Path = board_state.ROOT) -> Iterator[Remark]:
    """Against what the profile says of the board."""
    now_c, limit_c = board_state.temperature_c(root, zone=profile.thermal.zone), profile.thermal.throttle_c
    if now_c is None:
        yield ok("temperature", "this machine does not say how hot it is")
    elif limit_c is None:
        yield ok("temperature", f"{now_c:.1f} °C; at which the board slows down is not published")
    elif now_c >= limit_c - NEAR_C:
        state = "it slows down" if now_c >= limit_c else "it will soon slow down"
        yield warning("temperature", f"{now_c:.1f} °C: {state} (from {limit_c:g} °C)", _COOL)
    else:
        yield ok("temperature", f"{now_c:.1f} °C; it slows down from {limit_c:g} °C")


def frequency(root: Path = board_state.ROOT) -> Iterator[Remark]:
    """The clock rate of a busy core: an idle one is slow on purpose."""
    if board_state.frequency(root) is None:
        yield ok("frequency", "this machine does not say how fast its processor runs")
        return
    _keep_busy(BUSY_S)
    state = board_state.frequency(root)
    if state is None:
        return
    text = f"{state.now_mhz} of {state.max_mhz} MHz when busy" + (f" ({state.governor})" if state.governor else "")
    if state.limit_mhz < state.max_mhz:
        yield warning(
            "frequency",
            f"{text}: not more than {state.limit_mhz} MHz are allowed",
            f"it is too hot, or somebody set scaling_max_freq: {_COOL}, or see /etc/default/cpufrequtils",
        )
    elif state.now_mhz < SLOW_SHARE * state.max_mhz:
        cure = (
            _SUPPLY
            if state.governor != "powersave"
            else "choose another governor: sudo cpupower frequency-set -g ondemand"
        )
        yield warning("frequency", f"{text}: it is slower than it could be", cure)
    else:
        yield ok("frequency", text)


def time_of_day(wall_ns: int | None = None, *, synced: bool | None = None) -> Iterator[Remark]:
    """Whether the clock can be believed. Alerts and windows do not need it, their dates and TLS do.

    Args:
        wall_ns: nanoseconds since 1970; the present when None.
        synced: whether a time service set it; asked of the kernel when None.
    """
    wall_ns = time.time_ns() if wall_ns is None else wall_ns
    now = clock.iso(wall_ns)
    if clock.absurd(wall_ns):
        yield error(
            "clock",
            f"it is {now} here: certificates of brokers will be refused, alerts carry clock_synced = false",
            "connect it to a time server (timedatectl set-ntp true), or give the board a clock chip and a battery",
        )
    elif not (clock.synchronized(wall_ns) if synced is None else synced):
        yield warning(
            "clock",
            f"no time service sets it ({now}): alerts carry clock_synced = false",
            "sudo timedatectl set-ntp true; where there is no network: a clock chip (RTC)",
        )
    else:
        yield ok("clock", f"{now}, set by a time service")


def memory(profile: Profile, root: Path = board_state.ROOT) -> Iterator[Remark]:
    """Against what the profile gives the daemon."""
    state, wanted = board_state.memory(root), profile.budget.rss_mib
    if state is None:
        yield ok("memory", "this machine does not say how much memory it has")
        return
    text = f"{state.available_mib} of {state.total_mib} MiB are free"
    if state.available_mib < wanted:
        yield warning(
            "memory",
            f"{text}; the daemon may take {wanted} MiB (profile {profile.name})",
            "end what else runs here (a desktop: sudo systemctl set-default multi-user.target)",
        )
    elif state.swap_used_mib > state.total_mib // 4:
        yield warning(
            "memory",
            f"{text}, but {state.swap_used_mib} MiB are swapped out",
            "end what else runs here; swapping is slow",
        )
    else:
        yield ok("memory", text)


def disk(outbox: Path, root: Path = board_state.ROOT) -> Iterator[Remark]:
    """Where the outbox lies: room, whether this user may write there, how long a write takes, what it is made of."""
    state = board_state.disk(outbox.parent, root)
    folder = next((place for place in outbox.parents if place.exists()), None)
    if state is None or folder is None:
        yield error("disk", f"{outbox.parent}: cannot be looked at", "set [outbox] path to a folder that exists")
        return
    where = f"{outbox.parent} on {state.device or 'its disk'}" + (f" ({state.kind})" if state.kind else "")
    yield from _room(state, where)
    yield from _writable(state, outbox, folder, where)
    if state.kind in _VOLATILE:
        yield warning(
            "disk",
            f"{where}: it {_VOLATILE[state.kind]}; alerts that wait in the outbox are lost with it",
            "set [outbox] path to a disk, in a container to a volume",
        )
    elif state.kind in _REMOTE:
        yield warning("disk", f"{where}: SQLite's locks do not hold there", "set [outbox] path to a disk of this board")
    if state.worn_percent is not None and state.worn_percent >= 80:
        yield warning("disk", f"{where}: {state.worn_percent} % of its life is used", "replace it soon, copy it first")


def _room(state: Disk, where: str) -> Iterator[Remark]:
    text = f"{where}: {state.free_mib} of {state.total_mib} MiB free"
    few_files = state.free_files_percent is not None and state.free_files_percent < 5
    if state.free_mib < LEAST_FREE_MIB:
        yield error("disk", text, f"free at least {LEAST_FREE_MIB} MiB: alerts cannot be stored")
    elif few_files:
        yield warning(
            "disk", f"{text}, but hardly any file more fits (inodes)", "remove what has very many small files"
        )
    elif state.free_mib < 10 * LEAST_FREE_MIB:
        yield warning("disk", text, "free some: journalctl --vacuum-size=50M, apt clean")
    else:
        yield ok("disk", text, _WEAR if state.is_card else "")


def _writable(state: Disk, outbox: Path, folder: Path, where: str) -> Iterator[Remark]:
    """A synced write of a nameless file, as a commit does; the outbox itself is left alone, a daemon may have it."""
    if state.read_only:
        cure = "a card that fails is mounted so: dmesg | grep -i mmc; replace it, or sudo mount -o remount,rw"
        yield error("disk", f"{where}: it is read-only", cure)
        return
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took_ms = 1000 * (time.perf_counter() - began)
    except OSError as problem:
        yield error(
            "disk",
            f"{where}: this user cannot write there: {problem.strerror or problem}",
            f"sudo chown $USER {folder}, or set [outbox] path; a service has /var/lib/edge-mm",
        )
        return
    if outbox.exists() and not os.access(outbox, os.R_OK | os.W_OK):
        yield error("disk", f"{outbox}: belongs to another user", f"sudo chown $USER {outbox}*")
    elif took_ms > SLOW_WRITE_MS:
        yield warning(
            "disk", f"{where}: a synced write took {took_ms:.0f} ms", "the card is slow or failing: try another"
        )
    else:
        yield ok("disk", f"{where}: a synced write took {took_ms:.0f} ms")


def _keep_busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))
