"""How the board does now: heat, power, clock rate, memory, the disk under the outbox, CPU time, threads, descriptors.

In: files of ``/proc`` and ``/sys`` under a root, so that another folder is another board; ``vcgencmd`` where the kernel
has no file for the firmware's flags and the caller allows a program to be run. Out: frozen values, None where the board
does not say. Not here: what is too hot or too little (``daemon.doctor_board``), what the board is (``models.board``).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from edge_mm.models.board import Board

ROOT = Path("/")
_FLAGS = {0: "under_voltage", 1: "frequency_capped", 2: "throttled", 3: "soft_temperature_limit"}
"""Bits of ``get_throttled``; the same, 16 higher, since the board was switched on (raspberrypi.com, computers/os)."""
_EVER = 16
_THROTTLED = "/sys/devices/platform/soc*/soc*:firmware/get_throttled"
_VCGENCMD = ("usr/bin/vcgencmd", "opt/vc/bin/vcgencmd")
_VCGENCMD_S = 2.0


class Power(msgspec.Struct, frozen=True):
    """What the board says of its supply and of being slowed down."""

    now: tuple[str, ...]
    """``under_voltage``, ``frequency_capped``, ``throttled``, ``soft_temperature_limit``."""
    since_boot: tuple[str, ...]
    """The same, at least once since it was switched on; what holds now is in it as well."""
    told_by: str
    """Which file or program said it."""


class Frequency(msgspec.Struct, frozen=True):
    """Of the fastest core, MHz."""

    now_mhz: int
    """As the kernel last set it: an idle core is slow on purpose."""
    limit_mhz: int
    """The most that is allowed now; lower than ``max_mhz`` where heat, or a person, capped it."""
    max_mhz: int
    """What the processor can do."""
    governor: str
    """Who decides: ``ondemand``, ``schedutil``, ``performance``, ``powersave``; empty where the kernel does not say."""


class Memory(msgspec.Struct, frozen=True):
    """Of the machine, MiB."""

    total_mib: int
    """All that Linux has."""
    available_mib: int
    """What a program could take without swapping."""
    swap_used_mib: int
    """What is swapped out: on an SD card that is slow, and wears it."""


class Disk(msgspec.Struct, frozen=True):
    """The file system under a folder."""

    free_mib: int
    """For this user."""
    total_mib: int
    """All of it."""
    free_files_percent: float | None
    """Inodes: a file system can be full of small files; None where it has no such limit."""
    kind: str
    """``ext4``, ``tmpfs``, ``nfs4``; empty where the kernel does not say."""
    device: str
    """``/dev/mmcblk0p2``; empty where the kernel does not say."""
    read_only: bool
    """A card that fails is often mounted so by the kernel."""
    worn_percent: int | None
    """eMMC: how much of its life is used, in steps of 10; None where the card does not say (no SD card does)."""

    @property
    def is_card(self) -> bool:
        """Whether it is an SD card or eMMC."""
        return self.device.startswith("/dev/mmcblk")


class CpuTimes(msgspec.Struct, frozen=True):
    """CPU time of the whole machine since it was switched on, in ticks."""

    busy: int = 0
    """All but idle and waiting for a disk."""
    all: int = 0
    """Busy and idle."""

    def percent_since(self, before: CpuTimes) -> float | None:
        """Share of all cores that was busy in between; None where no time has passed."""
        passed = self.all - before.all
        return round(100 * (self.busy - before.busy) / passed, 1) if passed > 0 else None


def temperature_c(root: Path = ROOT, *, zone: str = "") -> float | None:
    """Degrees Celsius of the zone of that type, else of the hottest one.

    Not every profile's zone is there: a user may have another kernel.
    """
    board = Board(root)
    return board.temperature_c(zone) if zone and board.temperature_c(zone) is not None else board.temperature_c()


def power(root: Path = ROOT, *, run_programs: bool = False) -> Power | None:
    """The supply's and the throttle's flags; None where the board has no way to say.

    Args:
        root: where ``proc`` and ``sys`` are.
        run_programs: ask ``vcgencmd`` where no file says it; takes milliseconds, so not in the monitor's thread.
    """
    flags, told_by = Board(root).throttled(_THROTTLED), "get_throttled"
    if flags is None and run_programs:
        flags, told_by = _vcgencmd(root), "vcgencmd"
    low = _low_voltage(root)
    if flags is None and low is None:
        return None
    bits = flags or 0
    now = {name for bit, name in _FLAGS.items() if bits & 1 << bit}
    ever = {name for bit, name in _FLAGS.items() if bits & 1 << bit + _EVER}
    if low:  # rpi_volt's alarm is cleared once the voltage is good again
        now.add("under_voltage")
    order = tuple(_FLAGS.values())
    said = " and ".join(
        filter(None, (told_by if flags is not None else "", "in0_lcrit_alarm" if low is not None else ""))
    )
    return Power(
        now=tuple(name for name in order if name in now),
        since_boot=tuple(name for name in order if name in now | ever),
        told_by=said,
    )


def frequency(root: Path = ROOT) -> Frequency | None:
    """Clock rate of the fastest core; None where the kernel does not manage it (a virtual machine)."""
    best: Frequency | None = None
    for policy in sorted(root.glob("sys/devices/system/cpu/cpufreq/policy*")):
        now, limit, top = (
            _number(policy / name) for name in ("scaling_cur_freq", "scaling_max_freq", "cpuinfo_max_freq")
        )
        if now is None or top is None or top <= 0:
            continue
        one = Frequency(now // 1000, (limit or top) // 1000, top // 1000, _read(policy / "scaling_governor").strip())
        if best is None or (one.max_mhz, one.now_mhz) > (best.max_mhz, best.now_mhz):
            best = one
    return best


def memory(root: Path = ROOT) -> Memory | None:
    """Memory of the machine; None without ``/proc/meminfo``."""
    rows = {}
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if value.split()[:1] and value.split()[0].isdecimal():
            rows[name] = int(value.split()[0]) // 1024
    if not rows.get("MemTotal"):
        return None
    swapped = rows.get("SwapTotal", 0) - rows.get("SwapFree", 0)
    return Memory(rows["MemTotal"], rows.get("MemAvailable", 0), max(0, swapped))


def disk(folder: Path, root: Path = ROOT) -> Disk | None:
    """The file system under a folder, or under the nearest of its parents that exists; None where it cannot be asked.

    Args:
        folder: absolute; asked for its free space.
        root: where ``proc`` and ``sys`` are; what they say of the mounted file system counts.
    """
    try:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        state = os.statvfs(there)
        where = there.resolve()
    except (OSError, StopIteration, ValueError):
        return None
    device, kind, read_only = _mount(where, _read(root / "proc/self/mountinfo"))
    return Disk(
        free_mib=state.f_bavail * state.f_frsize // 2**20,
        total_mib=state.f_blocks * state.f_frsize // 2**20,
        free_files_percent=round(100 * state.f_favail / state.f_files, 1) if state.f_files else None,
        kind=kind,
        device=device,
        read_only=read_only or bool(state.f_flag & os.ST_RDONLY),
        worn_percent=_worn(device, root),
    )


def cpu_times(root: Path = ROOT) -> CpuTimes:
    """CPU time of the whole machine; zeros where the kernel does not say."""
    first, *_ = [*_read(root / "proc/stat").splitlines(), ""]
    words = first.split()
    if words[:1] != ["cpu"] or not all(word.isdecimal() for word in words[1:]) or len(words) < 5:
        return CpuTimes()
    # user nice system idle iowait irq softirq steal; guest is a part of user. proc(5)
    ticks = [int(word) for word in words[1:9]]
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
    return CpuTimes(busy=sum(ticks) - idle, all=sum(ticks))


def threads(root: Path = ROOT) -> int:
    """Threads of this process; 0 where the kernel does not say."""
    for line in _read(root / "proc/self/status").splitlines():
        if line.startswith("Threads:") and line.split()[1:2] and line.split()[1].isdecimal():
            return int(line.split()[1])
    return 0


def descriptors(root: Path = ROOT) -> int:
    """Open file descriptors of this process; 0 where the kernel does not say."""
    try:
        return sum(1 for _ in (root / "proc/self/fd").iterdir()) - (root == ROOT)  # the listing itself holds one
    except OSError:
        return 0


def _vcgencmd(root: Path) -> int | None:
    """``throttled=0x50005``."""
    for program in (root / name for name in _VCGENCMD):
        if not os.access(program, os.X_OK):
            continue
        try:
            done = subprocess.run(
                [program, "get_throttled"], check=False, capture_output=True, text=True, timeout=_VCGENCMD_S
            )
            return int(done.stdout.strip().removeprefix("throttled="), 16)
        except (OSError, ValueError, subprocess.SubprocessError):  # may not open /dev/vcio, or another program
            return None
    return None


def _low_voltage(root: Path) -> bool | None:
    """The alarm of ``rpi_volt`` (and of any sensor with a lowest critical voltage); None where there is none."""
    alarms = [_number(path) for path in root.glob("sys/class/hwmon/hwmon*/in0_lcrit_alarm")]
    known = [alarm for alarm in alarms if alarm is not None]
    return any(known) if known else None


def _mount(where: Path, mountinfo: str) -> tuple[str, str, bool]:
    """Device, kind and whether it is read only, of the deepest mount point above; proc_pid_mountinfo(5)."""
    best, found = -1, ("", "", False)
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words, kinds = left.split(), right.split()
        if len(words) < 6 or len(kinds) < 2:
            continue
        point = Path(words[4].replace("\\040", " "))
        if (where == point or point in where.parents) and len(point.parts) >= best:
            best, found = len(point.parts), (kinds[1], kinds[0], "ro" in words[5].split(","))
    return found


def _worn(device: str, root: Path) -> int | None:
    """``life_time`` of an eMMC: ``0x02 0x01``, the worse of two kinds of cells in tenths (JEDEC JESD84-B50)."""
    name = device.removeprefix("/dev/").partition("p")[0]
    if not name.startswith("mmcblk"):
        return None
    tenths = []
    for word in _read(root / "sys/block" / name / "device/life_time").split():
        try:
            tenths.append(int(word, 16))
        except ValueError:
            return None
    worst = max(tenths, default=0)
    return 10 * worst if worst else None


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.removeprefix("-").isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # not there, or a sensor that is asleep
        return ""
