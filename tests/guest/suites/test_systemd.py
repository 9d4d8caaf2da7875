"""The daemon as systemd runs it: ready when it watches, killed and up again, stuck and restarted, stopped cleanly."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from installed import HOME, LIBRARIES, install
from kernel import command, until

START_S = 120.0  # the emulated processor needs a quarter of a minute, more when the machine is shared
CONFIG = Path("/etc/edge-mm.toml")
STATE = Path("/var/lib/edge-mm")


def unit():
    """The unit under test. To be replaced by the one that ships as soon as there is one."""
    return f"""\
[Unit]
Description=edge-mm
[Service]
Type=notify
ExecStart={HOME}/bin/edge-mm run -c {CONFIG}
DynamicUser=yes
StateDirectory=edge-mm
ProtectSystem=strict
ProtectHome=yes
NoNewPrivileges=yes
WatchdogSec=10
Restart=on-failure
RestartSec=1
"""


# What it needs beside that in the guest, whichever unit it is: time, and a Python that may have been moved.
BESIDE = f"""\
[Unit]
StartLimitIntervalSec=0
[Service]
TimeoutStartSec={START_S:.0f}
Environment=LD_LIBRARY_PATH={LIBRARIES}
"""


def shown(name):
    return command(["systemctl", "show", "edge-mm.service", "--value", "--property", name]).strip()


def journal():
    return command(["journalctl", "--boot", "--unit", "edge-mm.service", "--output", "cat", "--no-pager"])


def main_pid():
    return int(shown("MainPID"))


@pytest.fixture(scope="module")
def service():
    install()
    recording = HOME / "quiet.flac"  # an hour, in real time: nothing to say, and no end
    soundfile.write(recording, np.zeros(16_000 * 3600, np.int16), 16_000)
    CONFIG.write_text(
        'version = 1\ndevice_id = "guest"\nbundle = "driver"\n'
        f'[[source]]\nname = "mic"\nkind = "audio"\ndevice = "{recording}"\nrealtime = true\n'
        f'[outbox]\npath = "{STATE}/outbox.sqlite"\n'
    )
    Path("/run/systemd/system/edge-mm.service").write_text(unit())
    drop_in = Path("/run/systemd/system/edge-mm.service.d/guest.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(BESIDE)
    command(["systemctl", "daemon-reload"])


@pytest.fixture
def running(service):
    """The main process's number, once the daemon has said that it is ready."""
    command(["systemctl", "start", "edge-mm.service"], limit_s=START_S)
    assert shown("ActiveState") == "active", journal()
    return main_pid()


def restarted(before):
    """Wait for a new process that is ready; give its number."""
    until(lambda: shown("SubState") == "running" and main_pid() not in (0, before), "the restart", limit_s=START_S)
    return main_pid()


def test_it_is_active_when_it_watches_and_runs_as_a_user_who_can_write_its_state_alone(running):
    assert shown("Type") == "notify"
    status = Path(f"/proc/{running}/status").read_text()
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    assert "0" not in uids
    mounts = [line.split() for line in Path(f"/proc/{running}/mountinfo").read_text().splitlines()]
    options = {mount[4]: mount[5].split(",") for mount in mounts}
    assert "ro" in options["/"]
    assert (STATE / "outbox.sqlite").exists()


def test_a_daemon_that_is_killed_is_up_again(running):
    count = int(shown("NRestarts"))
    os.kill(running, signal.SIGKILL)
    restarted(running)
    assert int(shown("NRestarts")) == count + 1


def test_a_daemon_that_is_stuck_is_ended_by_the_watchdog_and_up_again(running):
    began = time.time()
    os.kill(running, signal.SIGSTOP)
    until(lambda: "Watchdog timeout" in journal(), "the watchdog", limit_s=60.0)
    assert time.time() > began + 1.0
    restarted(running)


def test_a_daemon_that_feeds_the_watchdog_is_left_alone(running):
    fed = int(shown("WatchdogTimestampMonotonic"))
    until(lambda: int(shown("WatchdogTimestampMonotonic")) > fed, "the next feeding", limit_s=20.0)
    assert main_pid() == running


def test_it_stops_cleanly_when_asked(running):
    command(["systemctl", "stop", "edge-mm.service"], limit_s=60.0)
    assert (shown("ActiveState"), shown("Result"), shown("ExecMainStatus")) == ("inactive", "success", "0")
    assert "stopped after" in journal()
    assert "Traceback" not in journal()
