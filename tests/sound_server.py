"""A PulseAudio server of our own: what is played into it, a microphone hears. It can be killed and started again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

_SERVER = """
load-module module-null-sink sink_name=out rate={rate} channels=2 format=s16le
load-module module-remap-source source_name={source} master=out.monitor
set-default-source {source}
set-default-sink out
load-module module-native-protocol-unix socket={socket} auth-anonymous=1
"""


def need_sound() -> None:
    """Skip where a part is missing that could be installed."""
    if importlib.util.find_spec("pyaudio") is None:
        pytest.skip("PyAudio is not installed (extra [mic])")
    for program in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt install pulseaudio pulseaudio-utils libasound2-plugins)")


class SoundServer:
    """Runs from the beginning; ``environment`` is what its listeners need, which have to be processes of their own:
    ALSA reads its configuration once per process.

    Args:
        folder: for its files; stands for the home folder.
        rate: samples per second.
    """

    def __init__(self, folder: Path, rate: int = 16_000) -> None:
        self._folder, self._rate = folder, rate
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PULSE_RUNTIME_PATH": str(folder / "run"),
            "PULSE_SERVER": f"unix:{folder}/run/native",
        }
        (folder / "run").mkdir(mode=0o700)
        (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        self.start()

    def start(self, *, source: str = "mic") -> None:
        """Start it; ``source`` is the name of its microphone."""
        socket = self._folder / "run" / "native"
        (self._folder / "server.pa").write_text(_SERVER.format(rate=self._rate, socket=socket, source=source))
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", "-F", self._folder / "server.pa", "--exit-idle-time=-1", "--daemonize=no",
             "--disallow-exit"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            asked = subprocess.run(["pactl", "info"], check=False, env=self.environment, capture_output=True)
            if asked.returncode == 0:
                return
            threading.Event().wait(0.1)
        self.stop()
        pytest.skip("PulseAudio did not start here")

    def stop(self) -> None:
        """Kill it."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def play(self, sound: Path) -> subprocess.Popen[bytes]:
        """Play a file into it."""
        return subprocess.Popen(["paplay", sound], env=self.environment, stderr=subprocess.DEVNULL)
