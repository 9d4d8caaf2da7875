"""Runs of the monitor that are recorded, and their replays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from recorded_events import read
from recordings import ANY_SOUND, bundle_name

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.config import Config, parse_config
from edge_mm.daemon.inbox import Opened
from edge_mm.daemon.recorded import Played, limits_of, played, recordings_at, stretches
from edge_mm.daemon.recorder import recorder_of
from edge_mm.daemon.replay import file_sources, ticked
from edge_mm.daemon.supervision import News
from edge_mm.models.bundle import Bundle
from edge_mm.monitor import Monitor
from edge_mm.sources import merge
from edge_mm.types import Alert, Event, Output

RULES = {line.split(" = ")[0]: float(line.split(" = ")[1]) for line in ANY_SOUND.splitlines()}


def installation(tmp_path: Path, **record) -> Config:
    raw = {"version": 1, "device_id": "d", "bundle": bundle_name(), "rules": RULES, "record": {"folder": "r", **record}}
    return parse_config(raw, file="c.toml", folder=tmp_path)


def given(**files) -> Iterator[Event | Opened]:
    """What a run of files is given, the announcements first."""
    sources = file_sources(**files)
    yield from [Opened(0, source.open()) for source in sources]
    yield from ticked(merge(sources, opened=True))


def watched(config: Config, bundle: Bundle, events: Iterable[Event | Opened], *, snapshot: bytes = b"") -> list[Alert]:
    """A run in one thread, recorded; its alerts."""
    limits = limits_from(config.rules)
    monitor = Monitor(bundle, limits=limits)
    if snapshot:
        monitor.restore(snapshot)
    recorder = recorder_of(config, monitor, limits, None, own=False, news=News())
    outputs: list[Output] = []

    def give(found: list[Output]) -> None:
        outputs.extend(found)
        for output in found:
            recorder.send(output)

    with recorder:
        for event in events:
            recorder.tap(event)
            if isinstance(event, Opened):
                monitor.add_stream(event.spec)
            else:
                give(monitor.push(event))
        give(monitor.flush())
    assert recorder.report["dropped"] == 0
    return [output for output in outputs if isinstance(output, Alert)]


def replayed(place: Path, bundle: Bundle) -> tuple[list[Output], list[Played]]:
    """What a replay of a file or a folder says; what was found on the way, for each stretch."""
    outputs: list[Output] = []
    found: list[Played] = []
    for files in stretches(recordings_at(place)):
        found.append(Played())
        monitor = Monitor(bundle, limits=limits_of(read(files[0])[0].head, where=files[0]))
        for _, said in played(monitor, files, found[-1]):
            outputs += said
    return outputs, found


def alerts_of(outputs: Iterable[Output]) -> list[Alert]:
    """Its alerts."""
    return [output for output in outputs if isinstance(output, Alert)]
