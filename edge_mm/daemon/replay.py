"""Recordings through the monitor, as fast as it can.

In: files, or sources of your own. Out: the monitor's outputs in order of emission; the same input gives the same
outputs, bit for bit. Nothing is dropped, nothing is delivered. Not here: threads and brokers (``daemon.runtime``),
printing (``daemon.verb_replay``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_mm.daemon.meters import Meters
from edge_mm.daemon.ticks import RecordingTicks
from edge_mm.errors import EdgeMmError, SourceError, UsageError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.monitor import Monitor
from edge_mm.protocols import Policy, Source
from edge_mm.types import Event, Output, Sample, Status

if TYPE_CHECKING:
    from edge_mm.alerts.baseline import Baseline
    from edge_mm.alerts.limits import Limits


def replay(
    bundle: Bundle | str | Path,
    *sources: Source,
    video: str | Path | None = None,
    audio: str | Path | None = None,
    ecg: str | Path | None = None,
    ppg: str | Path | None = None,
    rate_hz: float | None = None,
    policies: Sequence[Policy] | None = None,
    limits: Limits | None = None,
    baseline: Baseline | None = None,
) -> Iterator[Output]:
    """Watch a recording.

    Args:
        bundle: a bundle, or the name or path of one.
        *sources: sources of your own; each must end.
        video: a video file; its stream is called ``vision``.
        audio: a sound file, or a video file with sound; ``audio``.
        ecg: WFDB record, EDF, or CSV with a time column; ``ecg``.
        ppg: the same; ``ppg``.
        rate_hz: samples per second of ``ecg`` and ``ppg``; what the file says when None.
        policies: what decides; None takes the built-in rules.
        limits: numbers of the built-in rules.
        baseline: what is usual for the person; None: the population's limits hold.

    Yields:
        Observations, Estimates and Alerts in order of emission.

    Raises:
        UsageError: a file does not exist, or two sources have the same name.
        SourceError: a file cannot be read, or the bundle cannot use what is in it.
        BundleError: the bundle does not load or fails its self-test.
    """
    loaded = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    every = [*file_sources(video=video, audio=audio, ecg=ecg, ppg=ppg, rate_hz=rate_hz), *sources]
    names = [source.name for source in every]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two sources are called {', '.join(map(repr, twice))}; give each its own name")
    files = {"vision": video, "audio": audio, "ecg": ecg, "ppg": ppg}
    monitor = Monitor(loaded, policies=policies, limits=limits, baseline=baseline)
    try:
        for source in every:
            announce(monitor, source, where=str(files.get(source.name) or source.name))
        for _, outputs in replayed(monitor, every):
            yield from outputs
    finally:
        for source in every:
            source.close()


def file_sources(
    *,
    video: str | Path | None = None,
    audio: str | Path | None = None,
    ecg: str | Path | None = None,
    ppg: str | Path | None = None,
    rate_hz: float | None = None,
) -> list[Source]:
    """One unopened source for each file that is named.

    Args:
        video: a video file.
        audio: a sound file, or a video file with sound.
        ecg: WFDB record, EDF, CSV or npz.
        ppg: the same.
        rate_hz: samples per second of ``ecg`` and ``ppg``; what the file says when None.

    Raises:
        UsageError: there is no such file; all of them are said.
    """
    from edge_mm import sources

    makers: list[Callable[[], Source]] = []
    if video is not None:
        makers.append(lambda: sources.VideoFile(_recording(video, "video file"), name="vision"))
    if audio is not None:
        makers.append(lambda: sources.AudioFile(_recording(audio, "sound file"), name="audio"))
    if ecg is not None:
        makers.append(lambda: sources.signal_source(ecg, kind="ecg", name="ecg", rate_hz=rate_hz))
    if ppg is not None:
        makers.append(lambda: sources.signal_source(ppg, kind="ppg", name="ppg", rate_hz=rate_hz))
    found: list[Source] = []
    problems: list[str] = []
    for make in makers:
        try:
            source = make()
        except UsageError as error:
            problems.append(str(error))
            continue
        if source.live:
            problems.append(f"{source.name}: a device is not a recording; 'edge-mm run' watches with devices")
        found.append(source)
    if problems:
        raise UsageError("\n".join(problems))
    return found


def announce(monitor: Monitor, source: Source, *, where: str) -> None:
    """Open a source and announce its stream to the monitor.

    Args:
        monitor: what watches.
        source: not opened.
        where: the file, for messages.

    Raises:
        SourceError: it cannot be opened, or the bundle cannot use what it gives (an ECG of 20 Hz).
    """
    spec = source.open()
    try:
        monitor.add_stream(spec)
    except EdgeMmError as error:
        text = str(error)
        raise SourceError(text if text.startswith(where) else f"{where}: {text}") from error


def _recording(path: str | Path, what: str) -> Path:
    from edge_mm.sources import existing_file
    from edge_mm.sources.address import without_password

    if "://" in str(path):
        raise UsageError(f"{without_password(str(path))}: an address is not a recording; 'edge-mm run' watches it")
    return existing_file(path, what=what)


def replayed(
    monitor: Monitor, sources: Sequence[Source], *, meters: Meters | None = None
) -> Iterator[tuple[Event | None, list[Output]]]:
    """Each event of opened sources, the earliest first, with what the monitor says to it; last, None and what remained.

    Args:
        monitor: every source's stream has been added to it.
        sources: opened; closed at the end.
        meters: counts ``samples`` per stream; times ``read`` and the monitor per kind of stream.
    """
    from edge_mm.sources import merge

    counts = meters or Meters()
    kinds = {spec.name: f"monitor {spec.kind}" for spec in monitor.streams}
    for event in ticked(_timed(merge(sources, opened=True), counts)):
        began = time.perf_counter()
        outputs = monitor.push(event)
        if isinstance(event, Sample):
            counts.took(kinds[event.stream], time.perf_counter() - began)
            counts.count("samples", event.stream)
        yield event, outputs
    yield None, monitor.flush()


def ticked(events: Iterable[Sample | Status]) -> Iterator[Event]:
    """Put the Ticks of the recording's time between its events."""
    ticks = RecordingTicks()
    for event in events:
        yield from ticks.before(event.t_ns)
        yield event


def _timed(events: Iterator[Sample | Status], meters: Meters) -> Iterator[Sample | Status]:
    while True:
        began = time.perf_counter()
        event = next(events, None)
        if event is None:
            return
        if isinstance(event, Sample):
            meters.took("read", time.perf_counter() - began)
        yield event
