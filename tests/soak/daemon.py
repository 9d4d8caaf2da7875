"""The daemon under test, in a process of its own, with the harness's devices in the place of real ones.

In: broker's port, speed and folder on the command line; a line of JSON on stdin for each fault; SIGTERM. Out: what a
daemon gives; on stdout a line of JSON when it is ready and whenever a stream is read again after a fault; log lines on
stderr. Not here: what decides and measures (``rack``), which must not count in this process's memory.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from soak.clock import FastClock
from soak.device import Device
from soak.played import recordings

from edge_mm.daemon.config import Config, GraphsConfig, MqttConfig, OutboxConfig
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.logs import set_up
from edge_mm.daemon.plan import Planned
from edge_mm.daemon.runtime import Runtime
from edge_mm.types import NS_PER_S, Alert, Observation, Output

AHEAD_NS = 2 * NS_PER_S
"""A reading that claims to be of a later time than this is none."""
RULES = {"sound_enter": 0.003, "sound_exit": 0.001, "sound_keep_s": 0.5, "sound_min_quality": 0.0}


STORED = "@outbox"
"""Stands where a stream does: a transition is told to a sink once it is on disk."""


class Watcher:
    """A sink that says when a stream is read again, or the outbox written."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self._waiting: dict[tuple[int, str], int] = {}
        self._ended_s: dict[int, float] = {}
        self._lock = threading.Lock()

    def expect(self, number: int, streams: Sequence[str], *, after_s: float) -> None:
        """Say when these have been read again, of a time that begins so many seconds from now."""
        with self._lock:
            self._ended_s[number] = time.monotonic() + after_s
            since_ns = self._clock() + round(after_s * self._clock.speed * NS_PER_S)
            self._waiting |= {(number, stream): since_ns for stream in streams}

    def send(self, output: Output) -> None:
        if not self._waiting:
            return
        with self._lock:
            for (number, stream), since_ns in list(self._waiting.items()):
                if self._shows(output, stream, since_ns):
                    del self._waiting[number, stream]
                    say(live=number, stream=stream, after_s=time.monotonic() - self._ended_s[number])

    def _shows(self, output: Output, stream: str, since_ns: int) -> bool:
        if isinstance(output, Observation):
            fine = output.stream == stream and output.quality > 0
            return fine and since_ns <= output.t_ns <= self._clock() + AHEAD_NS
        return isinstance(output, Alert) and stream == STORED


def say(**words: object) -> None:
    """One line for the harness."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def listen(devices: Mapping[str, Device], watcher: Watcher) -> None:
    """Body of the thread that is told of the faults."""
    for line in sys.stdin:
        told = json.loads(line)
        if told["kind"]:
            devices[told["streams"][0]].suffer(told["kind"], told["seconds"])
        watcher.expect(told["number"], told["streams"], after_s=told["seconds"])


def configuration(folder: Path, port: int, devices: Mapping[str, Device]) -> Config:
    """As a file would say it; nothing of it names a device of this machine."""
    rows = {name: recording.spec.kind for name, recording in recordings().items() if name in devices}
    return Config(
        version=1,
        device_id="soak",
        source=tuple(SourceConfig(name=name, kind=kind, device=f"tests/soak/{name}") for name, kind in rows.items()),
        outbox=OutboxConfig(path=str(folder / "outbox.sqlite")),
        baseline=str(folder / "baseline.json"),
        mqtt=MqttConfig(port=port),
        graphs=GraphsConfig(place="child"),
        rules=dict(RULES),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    options = parser.parse_args()
    set_up("info")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    clock = FastClock(options.speed)
    devices = {name: Device(played, clock) for name, played in recordings().items()}
    config = configuration(options.folder, options.port, devices)
    kinds = {one.name: one.kind for one in config.source}

    def plan(_config: Config, *, stop: threading.Event, start_ns: int) -> tuple[Planned, ...]:
        for device in devices.values():
            device.stop = stop
        return tuple(Planned(device, {name: kinds[name]}, False, False) for name, device in devices.items())

    watcher = Watcher(clock)
    runtime = Runtime(config, sinks=[watcher], clock_ns=clock, plan=plan)
    threading.Thread(target=listen, args=(devices, watcher), name="soak", daemon=True).start()
    say(ready=True)
    summary = runtime.run(stop)
    logging.getLogger("edge_mm.soak").info("windows %d, transitions %d", summary.windows, summary.transitions)
    say(summary={"windows": summary.windows, "transitions": summary.transitions, "cpu_s": summary.cpu_s,
                 "samples": dict(summary.samples), "drops": dict(summary.drops)})  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
