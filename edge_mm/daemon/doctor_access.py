"""May this user open the devices: nodes below ``/dev``, their groups, the groups of this process.

In: the configured sources that are devices, and what is plugged in. Out: remarks. No device is opened: a daemon that
runs may hold it. Not here: what a source needs of Python (``daemon.doctor_parts``).
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.remark import Remark, error, ok, warning
from edge_mm.sources.wanted import scheme_of

ROOT = Path("/")
_RULE = 'SUBSYSTEM=="{subsystem}", GROUP="{group}", MODE="0660"'


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of device."""

    part: str
    """What it is called."""
    patterns: tuple[str, ...]
    """Below ``/dev``."""
    group: str
    """Whose they are on Debian; the node's own group counts where it differs."""
    subsystem: str
    """udev's word."""


CAMERA = Sort("camera", ("video[0-9]*",), "video", "video4linux")
SOUND = Sort("microphone", ("snd/pcmC*D*c",), "audio", "sound")
SERIAL = Sort("serial port", ("ttyUSB*", "ttyACM*"), "dialout", "tty")
I2C = Sort("i2c", ("i2c-[0-9]*",), "i2c", "i2c-dev")
PCIE_TPU = Sort("coral", ("apex_[0-9]*",), "apex", "apex")
USB_TPU = Sort("coral", (), "plugdev", "usb")
BLUETOOTH = Sort("bluetooth", (), "bluetooth", "bluetooth")
SORTS = (CAMERA, SOUND, SERIAL, I2C, PCIE_TPU)


def user() -> Iterator[Remark]:
    """Who asks: the answers hold for this user only."""
    name = _user_name()
    if os.geteuid() == 0:
        yield ok("user", "root, who may open everything", "for a service's own user: sudo -u edge-mm edge-mm doctor")
        return
    groups = sorted(_group_name(gid) for gid in {os.getegid(), *os.getgroups()})
    yield ok("user", f"{name}, in the groups {', '.join(groups)}")


def access(sources: Sequence[SourceConfig], root: Path = ROOT, *, coral: Sequence[Path] = ()) -> Iterator[Remark]:
    """Nodes that are configured, and nodes that are there.

    Args:
        sources: of the configuration, only those that are devices.
        root: where ``dev`` and ``sys`` are.
        coral: nodes of Coral accelerators on USB.
    """
    seen: set[Path] = set()
    for source in sources:
        sort, path = configured(source, root)
        if sort is not None and path is not None:
            seen.add(path)
            yield _node(sort, path, root, wanted=f"source {source.name}")
        if source.kind == "audio" and sort is SOUND:
            yield from _sound(source, root)
            seen.update(_nodes(SOUND, root))
        if sort is BLUETOOTH:
            yield from _bluetooth(source, root)
    for sort in SORTS:
        yield from _present(sort, [path for path in _nodes(sort, root) if path not in seen], root)
    yield from _present(USB_TPU, list(coral), root)


def configured(source: SourceConfig, root: Path = ROOT) -> tuple[Sort | None, Path | None]:
    """The sort of device that a source names, and its node; neither for an address."""
    word = str(source.device)
    if source.kind == "video":
        index = word or "0"
        if index.isdecimal():
            return CAMERA, root / f"dev/video{index}"
        return (CAMERA, root / word.lstrip("/")) if word.startswith("/dev/") else (None, None)
    if source.kind == "audio":
        return SOUND, None
    scheme, address = scheme_of(word), word.partition(":")[2]
    if scheme == "ble":
        return BLUETOOTH, None
    if scheme == "i2c" and (bus := re.match(r"\d+", address)):
        return I2C, root / f"dev/i2c-{bus[0]}"
    return (SERIAL, root / word.lstrip("/")) if word.startswith("/dev/") else (None, None)


def _nodes(sort: Sort, root: Path) -> list[Path]:
    return sorted(path for pattern in sort.patterns for path in (root / "dev").glob(pattern))


def _node(sort: Sort, path: Path, root: Path, *, wanted: str) -> Remark:
    """One that the configuration names."""
    shown = "/" + str(path.relative_to(root))
    if not path.exists():
        others = [f"/{one.relative_to(root)}" for one in _nodes(sort, root)]
        cure = f"plug it in, or name one that is there: {', '.join(others)}" if others else "plug it in"
        if sort is I2C and not others:
            cure = "switch I2C on: sudo raspi-config nonint do_i2c 0 (Raspberry Pi), or sudo modprobe i2c-dev"
        return error(wanted, f"{shown} is not there", f"{cure}; 'edge-mm devices' lists what is there")
    if _may(path):
        return ok(wanted, f"{shown}: this user may open it")
    return error(wanted, *_denied(sort, path, shown))


def _present(sort: Sort, paths: list[Path], root: Path) -> Iterator[Remark]:
    """Those that are there and not configured: worth a word only, one for all with the same cure."""
    opened = [f"/{path.relative_to(root)}" for path in paths if _may(path)]
    if opened:
        yield ok(sort.part, f"{', '.join(opened)}: this user may open {'it' if len(opened) == 1 else 'them'}")
    denied: dict[str, list[str]] = {}
    for path in paths:
        if not _may(path):
            shown = f"/{path.relative_to(root)}"
            denied.setdefault(_denied(sort, path, shown)[1], []).append(shown)
    for cure, shown_ones in denied.items():
        yield warning(sort.part, f"{', '.join(shown_ones)}: this user may not open it", cure)


def _denied(sort: Sort, path: Path, shown: str) -> tuple[str, str]:
    """What is found and what to do, by the node's own owner and mode."""
    state = path.stat()
    group = _group_name(state.st_gid)
    found = f"{shown}: this user may not open it ({stat.filemode(state.st_mode)} {_owner(state.st_uid)}:{group})"
    name = _user_name()
    if state.st_gid == 0 or state.st_mode & 0o060 != 0o060:  # nobody should be in the group root
        rule = _RULE.format(subsystem=sort.subsystem, group=sort.group)
        return found, (
            f"give it to the group {sort.group}: echo '{rule}' | sudo tee /etc/udev/rules.d/70-edge-mm.rules, then "
            f"sudo udevadm control --reload && sudo udevadm trigger, and sudo usermod -aG {sort.group} {name}"
        )
    if _is_member(state.st_gid, name):
        return found, f"{name} is in the group {group}, this login began before: log out and in, or restart the service"
    if group.isdecimal():
        return found, f"its group {group} has no name here (a container?): docker run --group-add {group}"
    return found, f"sudo usermod -aG {group} {name}, then log out and in"


def _sound(source: SourceConfig, root: Path) -> Iterator[Remark]:
    """A microphone is found by name, so any card that records may be it; a sound server opens it for us."""
    cards = _nodes(SOUND, root)
    runtime = os.environ.get("PULSE_SERVER") or os.environ.get("XDG_RUNTIME_DIR", "")
    server = bool(os.environ.get("PULSE_SERVER")) or (bool(runtime) and (Path(runtime) / "pulse/native").exists())
    part = f"source {source.name}"
    if not cards and not server:
        yield error(part, "no sound card that records is there, and no sound server", "plug in a USB microphone")
    elif server:
        yield ok(part, "a sound server (PulseAudio or PipeWire) gives the microphone")
    elif any(_may(card) for card in cards):
        yield ok(part, f"{len(cards)} sound device{'s' if len(cards) > 1 else ''} that record, this user may open them")
    else:
        yield error(part, *_denied(SOUND, cards[0], f"/{cards[0].relative_to(root)}"))


def _bluetooth(source: SourceConfig, root: Path) -> Iterator[Remark]:
    part = f"source {source.name}"
    adapters = sorted(path.name for path in (root / "sys/class/bluetooth").glob("hci*"))
    if not adapters:
        yield error(part, "no Bluetooth adapter is there", "plug one in, or sudo systemctl start bluetooth hciuart")
        return
    for switch in (root / "sys/class/rfkill").glob("rfkill*"):
        if _text(switch / "type") == "bluetooth" and "1" in (_text(switch / "soft"), _text(switch / "hard")):
            yield error(part, "Bluetooth is switched off (rfkill)", "sudo rfkill unblock bluetooth")
            return
    if not (root / "run/dbus/system_bus_socket").exists():
        yield error(part, "there is no D-Bus, over which BlueZ is asked", "sudo apt install bluez dbus")
    else:
        yield ok(part, f"Bluetooth adapter {', '.join(adapters)} (sudo usermod -aG bluetooth where BlueZ refuses)")


def _may(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _user_name() -> str:
    return _owner(os.geteuid())


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _is_member(gid: int, name: str) -> bool:
    """In the file of groups; this process may have begun before."""
    try:
        return name in grp.getgrgid(gid).gr_mem
    except KeyError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
