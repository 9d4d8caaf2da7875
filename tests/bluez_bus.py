"""A D-Bus of our own, and on it a stand-in for BlueZ that obeys."""

import contextlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={0}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


@contextlib.contextmanager
def bus_in(folder):
    """The address of a bus on which nobody is; skips where there can be none."""
    if importlib.util.find_spec("bleak") is None:
        pytest.skip("bleak is not installed (extra 'ble')")
    if shutil.which("dbus-daemon") is None:
        pytest.skip("not here: no dbus-daemon (apt install dbus)")
    (folder / "bus.conf").write_text(BUS.format(folder))
    words = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--print-address=1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        yield daemon.stdout.readline().strip()
        daemon.terminate()


class World:
    """What the stand-in's adapter and belt do."""

    def __init__(self, process):
        self.process = process
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the stand-in has ended"
        return json.loads(line)

    def __getattr__(self, what):
        def ask(*words):
            self.process.stdin.write(json.dumps([what, *words]) + "\n")
            self.process.stdin.flush()
            return self._answer()

        return ask


@contextlib.contextmanager
def stand_in(bus):
    """BlueZ without an adapter."""
    words = [sys.executable, str(Path(__file__).with_name("bluez_stand_in.py")), bus]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield World(process)
        process.stdin.close()
