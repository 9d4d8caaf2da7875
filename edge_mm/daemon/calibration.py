"""Some minutes of a person at rest, from sensors or recordings, become a baseline.

In: sources and a bundle. Out: what was ``Learned``. No rule runs meanwhile and nothing is delivered. Not here: what is
learned from a reading (``alerts.resting``), where it is kept (``daemon.baseline_file``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from edge_mm.alerts.baseline import RANGES
from edge_mm.alerts.resting import Learned, RestingLearner
from edge_mm.daemon.config import Config
from edge_mm.daemon.inbox import Inbox, Opened
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.plan import plan_sources
from edge_mm.daemon.reader import Reader
from edge_mm.daemon.replay import announce, replayed
from edge_mm.errors import ConfigError, EdgeMmError, SourceError
from edge_mm.kinds import MODALITY_OF
from edge_mm.models.bundle import Bundle
from edge_mm.monitor import Monitor
from edge_mm.protocols import Source
from edge_mm.types import NS_PER_S, Observation, Output, Sample, Status, StreamSpec

PATIENCE_S = 30.0
"""Longest wait for the first sample of any sensor."""
_STEP_S = 0.25
Moment = tuple[int, list[Output]]
Tell = Callable[[float, RestingLearner], None]
"""Is told seconds and what was learned until then."""


def learn_recorded(
    sources: Sequence[Source], bundle: Bundle, *, seconds: float, where: Callable[[str], str], tell: Tell
) -> Learned:
    """From recordings, as fast as possible.

    Args:
        sources: not opened; closed afterwards.
        bundle: what reads them.
        seconds: take so much of their beginning.
        where: stream -> its file, for messages.
        tell: progress.

    Raises:
        SourceError: one cannot be opened, or the bundle cannot use it.
    """
    monitor = Monitor(bundle, policies=())
    try:
        for source in sources:
            announce(monitor, source, where=where(source.name))
        return _learned(_recorded(monitor, sources), monitor, seconds=seconds, tell=tell)
    finally:
        for source in sources:
            source.close()


def learn_live(config: Config, bundle: Bundle, *, seconds: float, tell: Tell, lost: Callable[[str], None]) -> Learned:
    """From the sensors of a configuration.

    Args:
        config: what is installed.
        bundle: what reads them.
        seconds: for so long, from the first sample on.
        tell: progress, about four times a second.
        lost: is told when a sensor is lost, once for the same reason.

    Raises:
        ConfigError: there is no sensor.
        SourceError: none of them gives anything.
    """
    monitor = Monitor(bundle, policies=())
    return _learned(_live(config, monitor, lost), monitor, seconds=seconds, tell=tell)


def parts_of(streams: Sequence[StreamSpec], bundle: Bundle) -> list[str]:
    """Which parts of a baseline such streams can give."""
    kinds = {spec.kind for spec in streams if bundle.front_end(MODALITY_OF[spec.kind]) is not None}
    heart = bool(kinds & {"ecg", "ppg"})
    return [name for name in RANGES if (heart if name == "heart_rate_bpm" else "video" in kinds)]


def _learned(moments: Iterator[Moment], monitor: Monitor, *, seconds: float, tell: Tell) -> Learned:
    learner = RestingLearner()
    first_ns: int | None = None
    for t_ns, outputs in moments:
        first_ns = t_ns if first_ns is None else first_ns
        for output in outputs:
            if isinstance(output, Observation):
                learner.take(output)
        passed_s = (t_ns - first_ns) / NS_PER_S
        tell(passed_s, learner)
        if passed_s >= seconds:
            break
    asked = parts_of(monitor.streams, monitor.bundle)
    return learner.learned(asked=asked, bundle=monitor.bundle.digest)


def _recorded(monitor: Monitor, sources: Sequence[Source]) -> Iterator[Moment]:
    t_ns = 0
    for event, outputs in replayed(monitor, sources):
        if isinstance(event, Status) and event.state == "lost":
            raise SourceError(f"{event.stream}: read only in part: {event.detail}")
        t_ns = t_ns if event is None else event.t_ns
        yield t_ns, outputs


def _live(config: Config, monitor: Monitor, lost: Callable[[str], None]) -> Iterator[Moment]:
    if not config.source:
        raise ConfigError("nothing to learn from: add a [[source]] to the configuration ('edge-mm devices' lists)")
    halt, inbox, meters = threading.Event(), Inbox(), Meters()
    planned = plan_sources(config, stop=halt, start_ns=time.monotonic_ns())
    timed = not all(one.waits for one in planned)
    readers = []
    for one in planned:
        for stream, kind in one.kinds.items():
            inbox.add(stream, video=kind == "video", waits=one.waits)
        readers.append(Reader(one.source, inbox, meters, halt, file=one.file))
    refused: set[str] = set()
    told: set[str] = set()
    begun, newest_ns, until_s = False, 0, time.monotonic() + PATIENCE_S
    try:
        for reader in readers:
            reader.start()
        while not inbox.ended:
            item = inbox.get(_STEP_S)
            if isinstance(item, Opened):
                _open(monitor, item, refused, lost)
            elif isinstance(item, Status):
                text = f"{item.stream}: {item.detail}"
                if item.state == "lost" and text not in told:  # a device is tried again and again
                    told.add(text)
                    lost(text)
            elif isinstance(item, Sample):
                if item.stream not in refused:
                    begun, newest_ns = True, item.t_ns
                    yield item.t_ns, monitor.push(item)
            elif begun and timed:
                yield time.monotonic_ns(), []
            if not begun and time.monotonic() > until_s:
                raise SourceError(f"no sensor has given anything for {PATIENCE_S:.0f} s; 'edge-mm check' says why")
        if begun:
            yield newest_ns, monitor.flush()
    finally:
        halt.set()
        inbox.stop()
        for reader in readers:
            reader.join(1.0)


def _open(monitor: Monitor, item: Opened, refused: set[str], lost: Callable[[str], None]) -> None:
    try:
        monitor.add_stream(item.spec)
        refused.discard(item.stream)
    except EdgeMmError as error:  # for example an ECG of 20 Hz: the other senses go on
        refused.add(item.stream)
        lost(f"{item.stream}: {error}")
