"""Record what the monitor is given, beside the watch.

In: every event on its way into the monitor, and every alert that came of it. Out: recordings of them, from which
``edge-mm replay --recording`` makes the same alerts. Off unless ``[record]`` is configured. The monitor's thread only
puts things into a bounded queue; encoding and writing happen in a thread of the recorder's own, and where that is too
slow events are left out of the recording and counted. Not here: files (``daemon.shelf``), bytes (``recording``).
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec

from edge_mm.alerts.baseline import Baseline
from edge_mm.alerts.limits import Limits
from edge_mm.daemon.config import Config
from edge_mm.daemon.config_record import RecordConfig, in_words, recorded_of
from edge_mm.daemon.inbox import Opened
from edge_mm.daemon.shelf import Shelf
from edge_mm.daemon.supervision import News
from edge_mm.daemon.version import version_of
from edge_mm.delivery import clock
from edge_mm.kinds import SourceState
from edge_mm.monitor import Monitor
from edge_mm.recording import Announced, Head, Recorded, Said, State, require_mcap
from edge_mm.types import NS_PER_S, Alert, Event, Output, Sample, Status, StreamSpec

MOST_BYTES = 32 << 20
"""Of samples that wait for the card; as many may be at work on."""
MOST_ITEMS = 20_000
"""Events that wait: minutes of them."""
TURN_S = 0.5
PIECE_S = 5.0
"""With ``keep = "alerts"`` a file may begin so often."""
JOIN_S = 10.0
"""Longest wait at the end for a card that is slow."""
_log = logging.getLogger("edge_mm.record")

Tell = Callable[[SourceState, str], None]


class Recorder:
    """The tap. Also a Sink: it hears the alerts.

    Args:
        config: what is recorded; None: nothing.
        shelf: where it goes; None where nothing is recorded.
        snapshot: gives the alarm machine's present state.
        tell: hears how it goes.
    """

    def __init__(
        self, config: RecordConfig | None, shelf: Shelf | None, snapshot: Callable[[], bytes], tell: Tell
    ) -> None:
        self._config, self._shelf, self._snapshot, self._tell = config, shelf, snapshot, tell
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._queue: deque[Recorded] = deque()
        self._bytes = 0
        self._ended = False
        self._thread: threading.Thread | None = None
        self._specs: dict[str, StreamSpec] = {}
        self._statuses: dict[str, Status] = {}
        self._next_state_ns: int | None = None
        self._whole = True
        self.dropped = 0

    def __enter__(self) -> Recorder:
        if self._shelf is None or self._config is None:
            self._tell("off", "")
            return self
        _log.warning("%s", in_words(self._config))
        self._thread = threading.Thread(target=self._run, name="recorder", args=(self._shelf,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            with self._lock:
                self._ended = True
            self._wake.set()
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                _log.error("the recording could not be ended within %g s; its last file is cut off", JOIN_S)
            self._thread = None

    def tap(self, event: Event | Opened) -> None:
        """This is about to enter the monitor."""
        if self._thread is None or self._config is None or self._shelf is None:
            return
        t_ns = int(event.t_ns)
        broken = not self._whole and len(self._queue) < MOST_ITEMS // 2
        if self._next_state_ns is None or t_ns >= self._next_state_ns or self._shelf.wants_state or broken:
            self._state(t_ns, self._config)
        match event:
            case Opened():
                self._specs.pop(event.stream, None)
                if recorded_of(event.spec.kind, self._config.what):
                    self._specs[event.stream] = event.spec
                    self._put(Announced(t_ns, event.spec))
            case Sample():
                if event.stream in self._specs:
                    self._put(event, getattr(event.data, "nbytes", 0))
            case Status():
                self._statuses[event.stream] = event
                self._put(event)
            case _:
                self._put(event)

    def send(self, output: Output) -> None:
        """The monitor has said this."""
        if isinstance(output, Alert) and self._thread is not None:
            self._put(Said.of(output))

    @property
    def report(self) -> dict[str, Any]:
        """For ``bridge/health``: ``state`` (``off``, ``on``, ``waiting`` for an alert, ``stopped``), the file that is
        written, MiB of all files, events that are in none because the card was slow or full.
        """
        shelf = self._shelf
        if shelf is None:
            return {"state": "off", "file": None, "mib": 0.0, "dropped": 0}
        state = "stopped" if shelf.trouble else "on" if shelf.file else "waiting" if self._thread else "off"
        return {"state": state, "file": shelf.file, "mib": shelf.mib, "dropped": self.dropped + shelf.lost}

    def _state(self, t_ns: int, config: RecordConfig) -> None:
        """A file may begin here."""
        every_s = config.segment_s if config.keep == "always" else min(PIECE_S, max(1.0, config.pre_s / 4))
        self._next_state_ns = t_ns + round(every_s * NS_PER_S)
        if self._shelf is not None:
            self._shelf.wants_state = False
        self._whole = True
        self._put(State(t_ns, tuple(self._specs.values()), tuple(self._statuses.values()), self._snapshot()))

    def _put(self, item: Recorded, size: int = 0) -> None:
        with self._lock:
            if self._bytes + size > MOST_BYTES or len(self._queue) >= MOST_ITEMS:
                self.dropped += 1
                # What was announced or said must not be missing: the next file begins with all of it.
                self._whole &= isinstance(item, Sample)
                return
            self._queue.append(item)
            self._bytes += size
            hurry = self._bytes > MOST_BYTES // 4
        if hurry:
            self._wake.set()

    def _run(self, shelf: Shelf) -> None:
        try:
            shelf.begin()
            ended = False
            while not ended:
                self._wake.wait(TURN_S)
                self._wake.clear()
                with self._lock:
                    items, self._queue = self._queue, deque()
                    self._bytes, ended = 0, self._ended
                while items:
                    shelf.take(items.popleft(), dropped=self.dropped)
                shelf.turn()
            shelf.close(dropped=self.dropped)
        except Exception as error:  # a fault of ours: the watch goes on without a recording
            _log.exception("the recorder failed")
            shelf.trouble = f"the recorder failed with {type(error).__name__}: {error}"
            self._tell("degraded", shelf.trouble)


def recorder_of(
    config: Config, monitor: Monitor, limits: Limits, baseline: Baseline | None, *, own: bool, news: News
) -> Recorder:
    """The recorder of a run; nothing is opened yet.

    Args:
        config: of the installation.
        monitor: what watches.
        limits: of its rules.
        baseline: of the person.
        own: other rules than the built-in ones decide.
        news: hears how it goes.

    Raises:
        ConfigError: the package ``mcap`` is not installed.
    """
    tell = news.of("@recorder")
    if config.record is None:
        return Recorder(None, None, monitor.snapshot, tell)
    require_mcap("[record]")
    manifest, anchor = monitor.bundle.manifest, clock.now()
    head = Head(
        edge_mm=version_of("edge-mm"),
        device=config.device_id,
        bundle=manifest.name,
        bundle_version=manifest.version,
        bundle_sha256=monitor.bundle.digest,
        limits=msgspec.to_builtins(limits),
        baseline=None if baseline is None else msgspec.to_builtins(baseline),
        own_policies=own,
        boot_id=anchor.boot_id,
        wall_ns=anchor.wall_ns,
        mono_ns=anchor.mono_ns,
        clock_synced=anchor.synced,
        session=uuid.uuid4().hex,
        part=1,
        joined=False,
        what=config.record.what,
        keep=config.record.keep,
    )
    return Recorder(config.record, Shelf(config.record, head, tell=tell), monitor.snapshot, tell)
