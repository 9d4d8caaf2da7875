"""The daemon as ``edge-mm install-service`` sets it up: installed, asked about, watched from outside.

``install_service`` is what an owner does once; as a program this file does it before the guest's systemd starts, so
that systemd finds the service at boot. ``WatchedService`` is ``tests/watched_daemon.WatchedDaemon`` with systemd in
place of the process. Not here: what happens to it (``suites/test_systemd.py``, ``suites/test_clock.py``).
"""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

from installation import configured, sound_source
from installed import HOME, LIBRARIES, install
from kernel import command, until
from recordings import bursts
from watched_daemon import WatchedDaemon

UNIT = "edge-mm.service"
FOLDER = Path("/etc/edge-mm")
CONFIG = FOLDER / "edge-mm.toml"
OUTBOX = Path("/var/lib/edge-mm/outbox.sqlite")
SOUND = HOME / "bursts.wav"
EVERY_S = 5.0
"""What the recording says comes every so often: ``recordings.bursts``."""
ALARM = "sound.siren"
PORT = 1883
START_S = 120.0
"""The emulated processor needs a quarter of a minute, more when the machine is shared."""

# What it needs beside the unit in the guest: a Python that may have been moved.
_BESIDE = f"[Service]\nEnvironment=LD_LIBRARY_PATH={LIBRARIES}\n"


def configure(*, sources: str = "", rules: str | None = None) -> None:
    """Write its configuration: noise every ``EVERY_S`` for ten minutes, and what else is given."""
    words = {} if rules is None else {"rules": rules}
    heard = sound_source(SOUND, realtime=True)
    configured(FOLDER, port=PORT, sources=heard + sources, outbox=str(OUTBOX), **words)


def install_service() -> None:
    """Install this checkout, and the service with the command that ships for it."""
    install()
    FOLDER.mkdir()
    bursts(SOUND, count=120)
    configure()
    beside = Path(f"/etc/systemd/system/{UNIT}.d/guest.conf")
    beside.parent.mkdir(parents=True)
    beside.write_text(_BESIDE)
    command([str(HOME / "bin" / "edge-mm"), "install-service", "-c", str(CONFIG)], limit_s=START_S)


def shown(name: str) -> str:
    """A property of the unit."""
    return command(["systemctl", "show", UNIT, "--value", "--property", name]).strip()


def journal() -> str:
    return command(["journalctl", "--boot", "--unit", UNIT, "--output", "cat", "--no-pager"])


def main_pid() -> int:
    return int(shown("MainPID"))


def running(before: int = 0) -> int:
    """Wait until it is ready, as another process than ``before``; its number."""
    until(lambda: shown("SubState") == "running" and main_pid() not in (0, before), "ready", limit_s=START_S)
    return main_pid()


def waiting() -> int:
    """How many transitions wait in the outbox; the daemon has to be stopped."""
    with sqlite3.connect(f"file:{OUTBOX}?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM record").fetchone()[0])


class _Unit:
    """systemd's process in the place of one of our own."""

    def poll(self) -> int | None:
        return None if shown("ActiveState") in ("active", "activating", "reloading") else int(shown("ExecMainStatus"))

    def send_signal(self, number: int) -> None:
        assert number == signal.SIGTERM, "systemd knows another way"
        command(["systemctl", "stop", UNIT], limit_s=START_S)

    def wait(self, timeout: float) -> int:
        until(lambda: self.poll() is not None, "its end", limit_s=timeout)
        return int(shown("ExecMainStatus"))


class WatchedService(WatchedDaemon):
    """The service, seen by a subscriber and in the journal."""

    def _started(self, *_: object) -> _Unit:
        return _Unit()

    @property
    def log(self) -> str:
        return journal()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)


if __name__ == "__main__":
    install_service()
