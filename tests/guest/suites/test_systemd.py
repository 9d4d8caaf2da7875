"""The service that ships, as systemd runs it: ready, killed, stuck, given another configuration, stopped.

One service for all tests, in their order; what reached a subscriber in all that time is looked at in the last one.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from installation import check_whole
from kernel import command, load, until
from service import (
    ALARM,
    CONFIG,
    OUTBOX,
    PORT,
    UNIT,
    WatchedService,
    configure,
    install_service,
    journal,
    main_pid,
    running,
    shown,
    waiting,
)

from edge_mm.delivery.local_broker import LocalBroker

CAMERA = '[[source]]\nname = "cam"\nkind = "video"\ndevice = "/dev/video0"\nwidth = 320\nheight = 180\nrate_hz = 5\n'


@pytest.fixture(scope="module")
def watched():
    with LocalBroker(port=PORT) as broker:
        install_service()
        with WatchedService(CONFIG, broker) as daemon:
            yield daemon


def status_of(pid):
    """A process's status as the kernel tells it."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def is_confined(pid):
    """Whether it runs as the service's user, with the filter of system calls, and cannot get more."""
    status = status_of(pid)
    assert set(status["Uid"].split()) == {command(["id", "-u", "edge-mm"]).strip()}
    assert (status["Seccomp"].strip(), status["NoNewPrivs"].strip(), int(status["CapBnd"], 16)) == ("2", "1", 0)
    return True


def test_it_is_active_when_it_watches_as_a_user_who_can_write_its_state_alone(watched):
    pid = running()
    assert (shown("Type"), shown("UnitFileState"), shown("NRestarts")) == ("notify", "enabled", "0")
    assert is_confined(pid)
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    options = {mount[4]: mount[5].split(",") for mount in mounts}
    assert "ro" in options["/"]
    assert OUTBOX.stat().st_mode & 0o777 == 0o600
    watched.until_active(ALARM)


def test_a_daemon_that_feeds_the_watchdog_is_left_alone(watched):
    pid, fed = main_pid(), int(shown("WatchdogTimestampMonotonic"))
    until(lambda: int(shown("WatchdogTimestampMonotonic")) > fed, "the next feeding", limit_s=20.0)
    assert main_pid() == pid


def test_a_daemon_that_is_killed_while_an_alarm_is_active_is_up_again_and_goes_on_with_it(watched, seen):
    pid = main_pid()
    watched.until_quiet(ALARM)
    watched.until_active(ALARM)
    os.kill(pid, signal.SIGKILL)
    raised, began = len(watched.events), time.monotonic()
    running(pid)
    seen("SIGKILL", "ready again", time.monotonic() - began, 20.0)
    assert shown("NRestarts") == "1"
    watched.until(lambda _: len(watched.events) >= raised + 2)


def test_a_daemon_that_is_stuck_is_ended_by_the_watchdog_and_up_again(watched, seen):
    pid, began = main_pid(), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: "Watchdog timeout" in journal(), "the watchdog", limit_s=90.0)
    assert time.monotonic() > began + 10.0  # it had been fed a moment ago
    running(pid)
    seen("SIGSTOP", "ready again", time.monotonic() - began, 50.0)
    watched.until_quiet(ALARM)
    watched.until_active(ALARM)


def test_a_wrong_configuration_is_refused_at_reload_the_old_one_stays_and_the_journal_says_why(watched):
    pid = main_pid()
    configure(rules="sound_enter = 7\n")
    command(["systemctl", "reload", UNIT])
    watched.until_logged("the configuration stays as it was", "sound_enter")
    watched.until_active("device.degraded/config")
    watched.until_quiet(ALARM)
    watched.until_active(ALARM)  # by the old rules
    assert main_pid() == pid


def test_a_right_one_takes_its_place_and_the_camera_in_it_works_inside_the_sandbox(watched):
    pid = main_pid()
    load("vivid", n_devs=1, node_types="0x1", no_error_inj=1)
    until(Path("/dev/video0").exists, "the camera's node")
    shutil.chown("/dev/video0", group="video")  # as udev does, which the guest has not
    Path("/dev/video0").chmod(0o660)
    configure(sources=CAMERA)
    command(["systemctl", "reload", UNIT])
    watched.until_logged("going on with the new configuration")
    watched.until_quiet("device.degraded/config")
    watched.until_live("cam", timeout_s=90.0)
    assert main_pid() == pid
    (child,) = command(["pgrep", "-P", str(pid), "-f", "camera_child"]).split()
    assert is_confined(child)


def test_it_stops_cleanly_when_asked_with_nothing_left_in_the_outbox(watched):
    watched.until_active(ALARM)
    assert watched.end() == 0
    assert (shown("ActiveState"), shown("Result")) == ("inactive", "success")
    assert waiting() == 0
    assert watched.retained("bridge/state") == {"state": "offline", "reason": "stopped"}
    assert "stopped after" in watched.log
    assert "Traceback" not in watched.log
    assert command(["systemctl", "show", UNIT, "--value", "--property", "ControlGroup"]).strip() == ""


def test_of_all_that_was_raised_and_cleared_no_number_is_missing_and_nothing_was_said_twice(watched):
    events = [event for _, event in watched.events]
    check_whole(events)
    assert len(events) > 8
