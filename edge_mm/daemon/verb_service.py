"""``edge-mm install-service``: have systemd start edge-mm with the board and start it again when it fails.

In: the parsed command line. Out: the unit on stdout (``--print``), or in ``/etc/systemd/system``, its user made and the
service started; every step is told. Not here: the unit's text (``daemon.service``).
"""

from __future__ import annotations

import argparse
import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.output import say
from edge_mm.daemon.service import GROUPS, NAME, STATE, Service, known_groups, unit, writable_folders
from edge_mm.errors import EdgeMmError

FOLDER = Path("etc/systemd/system")
"""Below the root folder."""


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        EdgeMmError: not root, or a step failed.
        UsageError: no configuration, or a name that systemd cannot take.
        ConfigError: the configuration is wrong.
    """
    root = Path(args.root)
    if args.uninstall:
        _need_root("to uninstall the service", root)
        for line in uninstall(root):
            print(line, flush=True)
        return 0
    path = Path(args.config).absolute()
    config = load_config(path) if not args.print or path.exists() else None
    outbox = STATE / "outbox.sqlite" if config is None else Path(config.outbox.path)
    recordings = None if config is None or config.record is None else Path(config.record.folder)
    service = Service(
        command=_command(),
        config=path,
        user=args.user,
        groups=known_groups(GROUPS),
        writable=writable_folders(outbox, recordings),
    )
    text = unit(service)
    if args.print:
        print(text, end="")
        return 0
    _need_root("to install a service; --print shows the unit without", root)
    for line in install(service, text, root):
        if not args.quiet:
            print(line, flush=True)
    for line in doubts(service, config):
        say(line)
    return 0


def install(service: Service, text: str, root: Path = Path("/")) -> Iterator[str]:
    """Make the user, write the unit, start it.

    Args:
        service: what is installed.
        text: the unit.
        root: another folder holds another system, an image that is being made: there only the unit is written.

    Yields:
        What was done.

    Raises:
        EdgeMmError: a step failed.
    """
    here = root == Path("/")
    if here:
        yield from _made_user(service.user)
        yield from _readable(service)
    target = root / FOLDER / NAME
    _write(target, text)
    yield f"written: {target}"
    if not here:
        return
    if not _systemd_runs():
        _enable(root)
        yield "systemd does not run here, so nothing was started; it will with the next start of the board"
        return
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", NAME)
    _run("systemctl", "restart", "--no-block", NAME)  # READY=1 may take a minute on a slow card
    yield "started; it starts with the board. What it says: journalctl -fu edge-mm"


def uninstall(root: Path = Path("/")) -> Iterator[str]:
    """Stop it and remove the unit; the user, the configuration and the outbox stay.

    Yields:
        What was done.

    Raises:
        EdgeMmError: there is no unit, or a step failed.
    """
    target = root / FOLDER / NAME
    if not target.exists():
        raise EdgeMmError(f"{target}: there is no such unit; nothing to uninstall")
    live = root == Path("/") and _systemd_runs()
    if live:
        _run("systemctl", "disable", "--now", NAME)
    try:
        _wish(root).unlink(missing_ok=True)
        target.unlink()
    except OSError as error:
        raise EdgeMmError(f"{target}: cannot be removed: {error.strerror}") from error
    if live:
        _run("systemctl", "daemon-reload")
    yield f"removed: {target}; the user, the configuration and {STATE} with the alerts that wait stay"


def doubts(service: Service, config: Config | None) -> Iterator[str]:
    """What may keep the service from working, as sentences."""
    for path in dict.fromkeys((Path(service.command[0]), service.config)):
        closed = _closed_folder(path, service.user)
        if closed is not None:
            yield (
                f"{path}: user {service.user!r} may not enter {closed}; install edge-mm in /opt/edge-mm and its "
                "configuration in /etc/edge-mm, or give --user the owner's name"
            )
    if service.command[1:]:
        yield (
            f"edge-mm is run from a checkout, not installed in {service.command[0]}: the service will not find it; "
            "pip install it there"
        )
    if config is not None and Path(config.outbox.path).parent in service.writable:
        yield (
            f"[outbox] path is {config.outbox.path}: the service may write there only if the folder belongs to "
            f'{service.user!r}; path = "{STATE}/outbox.sqlite" always works'
        )
    if config is not None and config.record is not None and STATE not in Path(config.record.folder).parents:
        yield (
            f"[record] folder is {config.record.folder}: the service may write there only if it belongs to "
            f'{service.user!r}; folder = "{STATE}/recordings" always works'
        )


def _command() -> tuple[str, ...]:
    """This installation's script, as it was called: a virtual environment's links stay."""
    script = Path(sys.executable).with_name("edge-mm")
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "edge_mm.cli")


def _need_root(why: str, root: Path) -> None:
    if root == Path("/") and os.geteuid() != 0:  # an image's folder may be anybody's
        raise EdgeMmError(f"only root may do that ({why}): sudo {sys.executable} -m edge_mm.cli install-service ...")


def _systemd_runs() -> bool:
    """sd_booted(3)."""
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _wish(root: Path) -> Path:
    """The link that has the board start it (systemd.unit(5), ``WantedBy=``)."""
    return root / FOLDER / "multi-user.target.wants" / NAME


def _enable(root: Path) -> None:
    """As ``systemctl enable``, where systemd does not run or is not installed yet: a chroot, a container, a rescue."""
    link = _wish(root)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path("/") / FOLDER / NAME)
    except OSError as error:
        raise EdgeMmError(f"{link}: cannot be written: {error.strerror}") from error


def _made_user(name: str) -> Iterator[str]:
    try:
        pwd.getpwnam(name)
    except KeyError:
        words = ("--system", "--user-group", "--home-dir", str(STATE), "--no-create-home")
        _run("useradd", *words, "--shell", "/usr/sbin/nologin", name)
        yield f"made the user {name}"


def _readable(service: Service) -> Iterator[str]:
    """``init`` writes the configuration for its owner alone; the service's group must read it."""
    path, entry = service.config, pwd.getpwnam(service.user)
    state = path.stat()
    if state.st_uid == entry.pw_uid or state.st_mode & stat.S_IROTH:
        return
    if state.st_gid == entry.pw_gid and state.st_mode & stat.S_IRGRP:
        return
    try:
        os.chown(path, -1, entry.pw_gid)
        path.chmod(state.st_mode & 0o700 | stat.S_IRGRP)
    except OSError as error:
        raise EdgeMmError(f"{path}: cannot be made readable for {service.user}: {error.strerror}") from error
    yield f"{path}: readable for the group {grp.getgrgid(entry.pw_gid).gr_name} now"


def _closed_folder(path: Path, user: str) -> Path | None:
    """The first folder above that the user may not enter, by mode alone."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    for folder in reversed(path.parents):
        try:
            state = folder.stat()
        except OSError:
            return None
        bit = (
            stat.S_IXUSR
            if state.st_uid == entry.pw_uid
            else stat.S_IXGRP
            if state.st_gid == entry.pw_gid
            else stat.S_IXOTH
        )
        if not state.st_mode & bit:
            return folder
    return None


def _write(target: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=".edge-mm-", delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
    except OSError as error:
        raise EdgeMmError(f"{target}: cannot be written: {error.strerror}") from error


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        raise EdgeMmError(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise EdgeMmError(f"'{' '.join(command)}' failed: {said}")
