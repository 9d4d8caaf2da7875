"""The dashboard as a process with a real broker, and headless Chromium to look at it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys

import pytest
from installation import ROOT, broker, environment


@contextlib.contextmanager
def served(*words, running=None, stderr=None):
    """Broker, address of the page, process; ``words`` go after ``edge-mm dashboard``."""
    pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running or broker() as mosquitto:
        command = [sys.executable, "-m", "edge_mm.cli", "dashboard", "--broker", "127.0.0.1"]
        command += ["--port", str(mosquitto.settings.port), "--http-port", str(port), *words]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, env=environment()
        ) as process:
            try:
                yield mosquitto, process.stdout.readline().strip(), process
            finally:
                process.terminate()


@contextlib.contextmanager
def chromium():
    """A browser; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="not here: pip install playwright")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("not here: apt install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
