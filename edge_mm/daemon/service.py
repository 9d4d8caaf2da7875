"""The systemd unit: one template, filled with this installation's paths, user and groups.

In: paths, a user, groups that exist here. Out: the text of ``edge-mm.service``. Nothing is written, no program is run.
Not here: installing it (``daemon.verb_service``).

Each line that is not obvious says why. ``systemd-analyze security`` gives it at most 3.0, ``systemd-analyze verify`` is
silent: both are tested.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_mm.errors import UsageError

NAME = "edge-mm.service"
STATE = Path("/var/lib/edge-mm")
"""What ``StateDirectory=`` makes; belongs to the service's user."""
GROUPS = ("video", "audio", "dialout", "i2c", "spi", "gpio", "plugdev", "bluetooth", "apex", "render")
"""Whose devices it may open; those that do not exist here are left out, or systemd would not start it (216/GROUP)."""
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Service:
    """One installation."""

    command: tuple[str, ...]
    """What starts ``edge-mm``: its absolute path, or Python and ``-m edge_mm.cli``."""
    config: Path
    """Absolute."""
    user: str
    """Whose process it is."""
    groups: tuple[str, ...] = ()
    """Those of ``GROUPS`` that exist here."""
    writable: tuple[Path, ...] = ()
    """Folders beside ``STATE`` that it writes to: those of the outbox and of the recordings."""


def unit(service: Service) -> str:
    """The unit's text.

    Raises:
        UsageError: a path has a line break or is not absolute, or the user's name cannot be one.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", service.user):
        raise UsageError(f"--user {service.user!r}: not a user's name; small letters, digits, - and _, at most 31")
    paths = (Path(service.command[0]), service.config, *service.writable)
    for path in paths:
        if not path.is_absolute() or _CONTROL.search(str(path)):
            raise UsageError(f"{str(path)!r:.120}: systemd needs an absolute path without control characters")
    if re.search(r"[\"'\\]", service.command[0]):  # systemd starts no program of such a name, however it is written
        raise UsageError(
            f"{service.command[0]}: systemd takes no quotes or backslashes there; install edge-mm elsewhere"
        )
    home = any(folder in path.parents for path in paths for folder in _HOMES)
    command, *words = service.command
    return _TEMPLATE.format(
        command=" ".join([quoted(command), *map(argument, words), "run", "-c", argument(str(service.config))]),
        user=service.user,
        groups=" ".join(service.groups),
        state=STATE.name,
        environment=str(service.config.with_suffix(".env")).replace("%", "%%"),
        home="read-only" if home else "yes",
        writable="".join(f"ReadWritePaths={quoted(f'-{path}')}\n" for path in service.writable),
    )


def quoted(word: str) -> str:
    """A word as systemd reads it back: in quotes, ``%`` doubled (systemd.syntax(7), systemd.unit(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if re.search(r"[^A-Za-z0-9_./:=@%+-]", word) else escaped


def argument(word: str) -> str:
    """An argument of a command: ``$`` begins a variable there, and ``;`` alone another command."""
    return quoted(word).replace("$", "$$")


def writable_folders(outbox: Path, recordings: Path | None = None) -> tuple[Path, ...]:
    """The folders of an outbox and of recordings that lie elsewhere than in ``STATE``."""
    folders = [outbox.parent]
    if recordings is not None:  # one that is not there yet is made in its own folder
        folders.append(recordings if recordings.is_dir() else recordings.parent)
    return tuple(dict.fromkeys(one for one in folders if one != STATE and STATE not in one.parents))


def known_groups(names: Sequence[str]) -> tuple[str, ...]:
    """Those that exist on this machine, in their order."""
    import grp

    there = {entry.gr_name for entry in grp.getgrall()}
    return tuple(name for name in names if name in there)


_TEMPLATE = """\
# Written by 'edge-mm install-service'; it is replaced by the next one. Changes of your own: systemctl edit edge-mm
[Unit]
Description=edge-mm: watches over a person and publishes alerts over MQTT
Documentation=man:systemd.exec(5)
# Only an order: the clock may be wrong for minutes (alerts carry clock_synced), and the watch begins without a network.
After=time-sync.target network.target sound.target bluetooth.target
# DeviceAllow= knows a kind of device once its driver is loaded, which for a USB device may be later than our start.
Wants=modprobe@videodev.service modprobe@snd.service modprobe@cdc_acm.service
Wants=modprobe@usbserial.service modprobe@i2c_dev.service
After=modprobe@videodev.service modprobe@snd.service modprobe@cdc_acm.service
After=modprobe@usbserial.service modprobe@i2c_dev.service
# A watch is tried again for ever: five quick failures must not end it.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
# No ExecStartPre= that checks: 'run' checks the configuration itself and ends with 78, after which nothing restarts it.
# RestartPreventExitStatus= does not hold for an ExecStartPre=, and one absent sensor must not keep the others from
# being watched with.
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
# The monitor's thread feeds it: see 'The watchdog' in edge_mm/daemon/README.md.
WatchdogSec=30
# Opening the bundle and its self-test take seconds on a slow card.
TimeoutStartSec=120
# 5 s for the broker, 1 s for each source, and a slow card.
TimeoutStopSec=30
Restart=on-failure
RestartSec=5
# 2: something named on the command line does not exist. 78: the configuration is wrong. A restart mends neither.
RestartPreventExitStatus=2 78
# 75: somebody asked for a restart (bridge/request/restart), which is no failure.
RestartForceExitStatus=75
SuccessExitStatus=75
# Passwords: EDGE_MM_MQTT_PASSWORD=... in this file, mode 0600.
EnvironmentFile=-{environment}

User={user}
SupplementaryGroups={groups}
StateDirectory={state}
StateDirectoryMode=0700
WorkingDirectory=%S/{state}
UMask=0077

# Devices: cameras, sound, serial ports, I2C, USB (Coral); what is plugged in later too.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
DeviceAllow=char-alsa rw
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyACM rw
DeviceAllow=char-ttyAMA rw
DeviceAllow=char-ttyS rw
DeviceAllow=char-i2c rw
DeviceAllow=char-usb_device rw
DeviceAllow=char-apex rw

# Network: MQTT, RTSP, BlueZ over D-Bus, Bluetooth itself, udev's news.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_BLUETOOTH

# It may do nothing that needs a privilege.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={home}
{writable}PrivateTmp=yes
PrivateMounts=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# Asked whether the clock is synchronised, which sets nothing; without the capability it could not.
# For the same reason no ProtectClock=: with it every clock would look synchronised.
SystemCallFilter=adjtimex clock_adjtime clock_adjtime64
# Not set: PrivateDevices= (hides cameras), ProcSubset=pid (hides the board's model and memory),
# MemoryDenyWriteExecute= (XNNPACK and libffi may write code), PrivateUsers= (loses the groups of devices).

[Install]
WantedBy=multi-user.target
"""
