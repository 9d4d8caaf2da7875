"""``edge-mm bench latency``: from the last sample that decides to the message at a subscriber.

In: how many alerts. Out: percentiles, as text or JSON. The daemon's own ``Runtime``, its outbox on this disk, a broker
of its own on loopback, an ordinary subscriber; what is simulated is the sensor alone: a heart rate that jumps beyond
its limit and back, whose rule has no dwell, so that one sample decides. Its reading costs next to nothing, so this is
what comes on top of the processing of a frame or a window. Not here: how fast a camera is read (``edge-mm run``'s
``bridge/health``).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge_mm.daemon.board_state import disk
from edge_mm.daemon.config import Config, MqttConfig, OutboxConfig
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.logs import set_up
from edge_mm.daemon.plan import Planned
from edge_mm.daemon.runtime import Runtime
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import EdgeMmError, UsageError
from edge_mm.protocols import Halt
from edge_mm.types import NS_PER_S, Sample, StreamSpec

LIMITS_MS = {"p50_ms": 20.0, "p99_ms": 60.0}
"""What we aim at, beyond the processing of the frame or window."""
WARM_UP = 10
"""Alerts that are not counted: first statements, first pages, first packets."""
_RULES = {"heart_rate_s": 0.0, "heart_rate_keep_s": 0.0}
_ALARMS = {"*": {"keep_s": 0.0, "cooldown_s": 0.0, "escalate_s": 0.0}}


class SimulatedHeart:
    """A Source: 70 and 150 bpm in turn, at moments that keep no step with anything else."""

    name, live = "simulated_heart", True

    def __init__(self, halt: Halt, *, seed: int = 1) -> None:
        self._halt, self._chance = halt, random.Random(seed)  # noqa: S311 - moments, no secret
        self._high = False
        self._pause = threading.Event()

    def open(self) -> StreamSpec:
        """What it promises."""
        return StreamSpec(self.name, "heart_rate", 10.0, "bpm")

    def read(self) -> Sample | None:
        """The next reading."""
        self._pause.wait(self._chance.uniform(0.05, 0.15))
        if self._halt.is_set():
            return None
        self._high = not self._high
        value = np.array([150.0 if self._high else 70.0], np.float32)
        return Sample(self.name, time.monotonic_ns(), value, 10.0)

    def close(self) -> None:
        """Nothing to release."""


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: the folder cannot be used.
        EdgeMmError: no broker program, or the daemon ended with an error.
    """
    set_up("info" if args.verbose else "error")
    folder = Path(args.folder)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--folder {args.folder}: not a folder that this user can write")
    quiet = args.quiet or args.json or not sys.stderr.isatty()
    with tempfile.TemporaryDirectory(prefix=".edge-mm-bench-", dir=folder) as place, LocalBroker() as broker:
        taken_ms, stages = _measured(broker, Path(place), count=args.count, quiet=quiet)
        report = {
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
            "broker": broker.kind,
            "file_system": _file_system(folder),
            **_summary(taken_ms),
            "stages": stages,
        }
    print(json.dumps(report) if args.json else _text(report))
    return 0


def _measured(
    broker: LocalBroker, place: Path, *, count: int, quiet: bool
) -> tuple[list[float], dict[str, dict[str, float]]]:
    config = Config(
        version=1,
        device_id="bench",
        source=(SourceConfig(name=SimulatedHeart.name, kind="heart_rate", device="simulated"),),
        mqtt=msgspec.convert({"port": broker.settings.port}, type=MqttConfig),
        outbox=OutboxConfig(path=str(place / "outbox.sqlite")),
        baseline=str(place / "none.json"),
        rules=dict(_RULES),
        alarms=dict(_ALARMS),
    )
    runtime = Runtime(config, plan=_plan)
    stop, failures = threading.Event(), list[EdgeMmError]()

    def watch() -> None:
        try:
            runtime.run(stop)
        except EdgeMmError as error:
            failures.append(error)

    thread = threading.Thread(target=watch, name="bench", daemon=True)
    taken_ms: list[float] = []
    with Subscriber(broker.settings, client_id="bench", persistent=False) as subscriber:
        thread.start()
        while len(taken_ms) < count + WARM_UP and thread.is_alive():
            received = subscriber.receive(timeout_s=1.0)
            now_ns = time.monotonic_ns()
            event = None if received is None else received.event
            if event is None or event.data.kind != "health.heart_rate_high" or event.data.transition != "raised":
                continue
            if event.data.onset_mono is not None:
                taken_ms.append((now_ns - event.data.onset_mono * NS_PER_S) / 1e6)
            if not quiet:
                _progress(f"{len(taken_ms)}/{count + WARM_UP} alerts")
        if not quiet:
            _progress("")
    stop.set()
    thread.join(30.0)
    if failures:
        raise failures[0]
    return taken_ms[WARM_UP:], runtime.meters.stages()


def _progress(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _file_system(folder: Path) -> str:
    found = disk(folder)
    return "" if found is None else found.kind


def _plan(_config: Config, *, stop: Halt, start_ns: int) -> Sequence[Planned]:
    heart = SimulatedHeart(stop, seed=start_ns & 0xFFFF)
    return [Planned(heart, {heart.name: "heart_rate"}, file=False, waits=False)]


def _summary(taken_ms: Sequence[float]) -> dict[str, Any]:
    if not taken_ms:
        raise EdgeMmError("no alert reached the subscriber; run with -v to see why")
    order = sorted(taken_ms)
    found = {
        name: round(order[min(int(len(order) * share), len(order) - 1)], 2)
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1.0))
    }
    return {"alerts": len(order), **found, "within": all(found[name] <= most for name, most in LIMITS_MS.items())}


def _text(report: dict[str, Any]) -> str:
    numbers = ", ".join(f"{name[:-3]} {report[name]:.1f} ms" for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
    aims = ", ".join(f"{name[:-3]} {most:g} ms" for name, most in LIMITS_MS.items())
    lines = [
        f"edge-mm bench latency, {report['date']}: {report['alerts']} alerts, {report['broker']} on loopback, "
        f"outbox on {report['file_system'] or 'an unknown file system'}",
        f"  deciding sample to subscriber: {numbers} (aim: {aims}: {'kept' if report['within'] else 'NOT KEPT'})",
        "  of it:",
    ]
    lines += [
        f"    {stage:24} p50 {row['p50_ms']:.2f} ms, p95 {row['p95_ms']:.2f} ms, longest {row['max_ms']:.2f} ms"
        for stage, row in report["stages"].items()
    ]
    return "\n".join(lines)
