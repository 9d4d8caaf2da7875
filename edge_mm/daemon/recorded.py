"""A recording of a run through the monitor: exactly the events that it was given then.

In: files of ``[record]``, or a folder of them. Out: the monitor's outputs in order of emission; where nothing is
missing and the versions are the same, the alerts are those of the run, bit for bit (with pictures kept as JPEG: to
within a frame). Not here: reading a file (``recording.reading``), printing (``daemon.verb_recording``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from edge_mm.alerts.baseline import Baseline
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.daemon.sentences import printable
from edge_mm.daemon.shelf import recording_files
from edge_mm.errors import ConfigError, EdgeMmError, SourceError, UsageError
from edge_mm.monitor import Monitor
from edge_mm.recording import Announced, Head, Recording, Said, State
from edge_mm.sources.files import said
from edge_mm.types import Event, Output, Sample


def recordings_at(path: str | Path) -> list[Path]:
    """The files that a word means: one, or those of a folder, the oldest first.

    Raises:
        UsageError: there is nothing of that name, or no recording in the folder.
    """
    where = Path(path).expanduser()
    try:
        if not where.is_dir():
            if not where.is_file():
                raise UsageError(f"{path}: no such file or folder")
            return [where]
        files = recording_files(where)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {said(error)}") from error
    if not files:
        raise UsageError(f"{path}: no recording in it; those of 'edge-mm run' are called edge-mm-NUMBER.mcap")
    return files


def stretches(files: Sequence[Path], *, tell: Callable[[str], None] = lambda _: None) -> list[list[Path]]:
    """Files that go on where the one before ended belong together: one monitor watches them.

    Args:
        files: in the order in which they were written.
        tell: hears which file is left out, because the power went before anything was in it.

    Raises:
        SourceError: none is a recording.
        ConfigError: the package ``mcap`` is not installed.
    """
    found: list[list[Path]] = []
    before: Head | None = None
    for path in files:
        try:
            head = head_of(path)
        except SourceError as error:
            if len(files) == 1:
                raise
            tell(str(error))
            before = None
            continue
        goes_on = before is not None and head.joined and (head.session, head.part) == (before.session, before.part + 1)
        if goes_on:
            found[-1].append(path)
        else:
            found.append([path])
        before = head
    if not found:
        raise SourceError(f"{files[0].parent}: none of its {len(files)} files can be read")
    return found


def head_of(path: Path) -> Head:
    """What a file says of itself.

    Raises:
        SourceError: it is no recording.
        ConfigError: the package ``mcap`` is not installed.
    """
    with Recording(path) as recording:
        return recording.head


def limits_of(head: Head, *, where: Path) -> Limits:
    """The numbers of the rules that decided.

    Raises:
        SourceError: this version of edge-mm has no such rules.
    """
    try:
        return limits_from(head.limits, where=f"{where}: limits:")
    except ConfigError as error:
        text = f"{error}; recorded by edge-mm {head.edge_mm[:40]}; --config gives other rules"
        raise SourceError(printable(text)) from error


def baseline_of(head: Head, *, where: Path) -> Baseline | None:
    """What was usual for the person.

    Raises:
        SourceError: it is none.
    """
    try:
        return None if head.baseline is None else msgspec.convert(head.baseline, Baseline)
    except (msgspec.ValidationError, ValueError) as error:
        raise SourceError(printable(f"{where}: baseline: {error}; --baseline gives another one")) from error


@dataclass(slots=True)
class Played:
    """What was found on the way; whole when all was read."""

    said: list[Said] = field(default_factory=list)
    """The transitions of the run, as it gave them."""
    remarks: list[str] = field(default_factory=list)
    """What makes this replay other than the run, as sentences."""


def played(monitor: Monitor, files: Sequence[Path], found: Played) -> Iterator[tuple[Event | None, list[Output]]]:
    """Each event of a stretch, with what the monitor says to it; last, where the run ended, None and what remained.

    Args:
        monitor: fresh.
        files: of one stretch.
        found: is filled.

    Raises:
        SourceError: a file is damaged.
    """
    began, unannounced = False, 0
    for path in files:
        with Recording(path) as recording:
            for item in recording.events():
                match item:
                    case State():
                        if not began:
                            yield from _begun(monitor, item, path)
                        began = True
                    case Announced():
                        _announce(monitor, item)
                    case Said():
                        found.said.append(item)
                    case Sample() if all(spec.name != item.stream for spec in monitor.streams):
                        unannounced += 1  # of a stream that the monitor refused: nor did it get them then
                    case _:
                        yield item, _pushed(monitor, item)
            _remark(recording, found, last=path == files[-1])
            if recording.end is not None and recording.end.ended:
                yield None, monitor.flush()
    if unannounced:
        found.remarks.append(f"{unannounced} samples of streams that this bundle cannot use")


def _begun(monitor: Monitor, state: State, path: Path) -> Iterator[tuple[Event | None, list[Output]]]:
    for spec in state.streams:
        _announce(monitor, Announced(state.t_ns, spec))
    try:
        monitor.restore(state.snapshot, same_clock=True)
    except ConfigError as error:
        raise SourceError(f"{path}: {str(error).partition('; move')[0]}") from error
    for status in state.statuses:
        event = replace(status, t_ns=state.t_ns)
        yield event, _pushed(monitor, event)


def _announce(monitor: Monitor, item: Announced) -> None:
    try:
        monitor.add_stream(item.spec)
    except EdgeMmError:  # so it was then: the monitor was told that it is lost, which is the next event
        return


def _pushed(monitor: Monitor, event: Event) -> list[Output]:
    try:
        return monitor.push(event)
    except SourceError:  # a sample that the monitor did not take then either
        return []


def _remark(recording: Recording, found: Played, *, last: bool) -> None:
    name = recording.path.name
    if recording.cut_off:
        found.remarks.append(
            f"{name}: cut off (the power went, or it is still written); read up to its last whole part"
        )
    elif recording.end is not None and recording.end.dropped and last:
        found.remarks.append(f"{name}: {recording.end.dropped} events are missing: the card was too slow, or full")
