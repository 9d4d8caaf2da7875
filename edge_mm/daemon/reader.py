"""One source's thread: open it, read it, say what happens to it, open it again when it is lost.

In: a ``Source`` of one stream or several. Out: ``Opened``, Samples and Status events in the inbox: ``starting``,
``live``, ``degraded`` (it works, and says that it works badly), ``lost`` (then it is tried again after 0.5, 1, 2, 2 ...
seconds), ``off`` at the end of a file. A file that cannot be read is not tried again. Not here: ``stale``, which needs
somebody who notices that nothing comes (``daemon.freshness``); a thread that fails itself (``daemon.crew``).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping

from edge_mm.daemon.inbox import Inbox, Opened
from edge_mm.daemon.meters import Meters
from edge_mm.errors import EdgeMmError, SourceError, SourceLost
from edge_mm.kinds import SourceState
from edge_mm.protocols import Heedful, Retried, SeveralStreams, Source, Troubled, TroubledStreams
from edge_mm.types import NS_PER_S, Status, StreamSpec

OPENING_S = 15.0
"""A camera or microphone that cannot be opened says so within 5 s and is ``lost``; one that is neither open nor lost
after this time hangs in its driver."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 2.0
"""What a device costs that is tried again every two seconds is little, and it is live within 5 s of its return. A
source that costs more says so itself (``protocols.Retried``)."""
AHEAD_S = 5.0
"""What a device stamps further ahead of the present than this is no time: the monitor's would run ahead with it, and
everything would be late until the present had caught up. Clocks of ours and of drivers differ by milliseconds."""
_log = logging.getLogger("edge_mm.source")


def streams_of(source: Source) -> tuple[str, ...]:
    """Names of the streams that a source gives."""
    return source.streams if isinstance(source, SeveralStreams) else (source.name,)


def specs_of(source: Source, first: StreamSpec) -> tuple[StreamSpec, ...]:
    """What its streams promise, ``open`` having returned ``first``."""
    return source.specs if isinstance(source, SeveralStreams) else (first,)


class Reader(threading.Thread):
    """Reads one source until it ends or is stopped.

    Args:
        source: what to read; this thread owns it.
        inbox: where its events go; its streams must have been added.
        meters: counts Samples (``samples``), times reads (``read <kind>``).
        stop: set to end it.
        file: whether the source is a file: it ends, and is not opened again after an error.
        clock_ns: the present, in the time that the source stamps.

    Attributes:
        source: as given.
        streams: names of its streams.
        error: what ended a file too early, else None.
        clock_ns: as given.
        failure: what ended this thread although nothing should: a fault of ours or of a source of a user's own.
    """

    def __init__(
        self,
        source: Source,
        inbox: Inbox,
        meters: Meters,
        stop: threading.Event,
        *,
        file: bool,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(name=f"source {source.name}", daemon=True)  # a stuck camera must not keep the process alive
        self.source = source
        self._inbox = inbox
        self._meters = meters
        self._halt = stop
        self._file = file
        self.clock_ns = clock_ns
        self._end_ns: int | None = None
        self._specs: Mapping[str, StreamSpec] = {}
        self._live: set[str] = set()
        self._trouble: dict[str, str] = {}
        self.streams = streams_of(source)
        self.error: EdgeMmError | None = None
        self.failure: BaseException | None = None

    @property
    def stream(self) -> str:
        """Name of its first stream."""
        return self.streams[0]

    def run(self) -> None:
        """Body of the thread."""
        try:
            self._read_until_end()
        except BaseException as error:  # whoever looks after this thread starts another, or ends the run
            self.failure = error
            _log.error("%s: its thread failed", self.stream, exc_info=error)
            if self._file:
                self.error = SourceError(f"its thread failed with {type(error).__name__}: {error}")
        finally:
            self._close()
            if self.failure is None or self._file:
                for stream in self.streams:
                    self._inbox.close(stream)

    def _read_until_end(self) -> None:
        pause = FIRST_PAUSE_S
        longest = self.source.retry_s if isinstance(self.source, Retried) else LONGEST_PAUSE_S
        while not self._halt.is_set():
            self._live.clear()
            self._trouble.clear()
            began = time.monotonic()
            try:
                self._open()
                self._pump()
                return
            except Exception as error:  # a source of a user's own may raise anything; the monitor must learn of it
                self._close()
                if self._lost(error):
                    return
            if self._live:  # it gave something: a new fault, not the old one again
                pause, began = FIRST_PAUSE_S, time.monotonic()
            # An attempt that took long was a pause already.
            self._halt.wait(max(FIRST_PAUSE_S, pause - (time.monotonic() - began)))
            pause = min(2 * pause, longest)

    def _lost(self, error: Exception) -> bool:
        """Say it; whether that is the end."""
        told = error if isinstance(error, EdgeMmError) else SourceError(f"{type(error).__name__}: {error}")
        if told is not error:
            _log.error("%s: the source failed", self.stream, exc_info=error)
        self._say("lost", str(told).rstrip("."))
        self.error = told if self._file else None
        return self._file

    def _open(self) -> None:
        if not self._file:
            self._say("starting")
        first = self.source.open()
        self._specs = {spec.name: spec for spec in specs_of(self.source, first)}
        for spec in self._specs.values():
            _log.debug("%s: opened: %s at %g Hz", spec.name, spec.kind, spec.rate_hz)
            if not self._file and spec.stale_s > OPENING_S:  # a cuff that is there may say nothing for an hour
                self._greet(spec.name, self.clock_ns())

    def _pump(self) -> None:
        stage = f"read {next(iter(self._specs.values())).kind}"
        if isinstance(self.source, Heedful):
            self.source.heed(self._halt)
        while not self._halt.is_set():
            began = time.perf_counter()
            sample = self.source.read()
            self._meters.took(stage, time.perf_counter() - began)
            if sample is None:
                if not self._halt.is_set():
                    self._say("off", "the file has ended")
                return
            if self._file:
                self._end_ns = sample.end_ns
            elif (ahead_s := (sample.t_ns - self.clock_ns()) / NS_PER_S) > AHEAD_S:
                raise SourceLost(f"a sample of {sample.stream} is stamped {ahead_s:.0f} s ahead of the present")
            if sample.stream not in self._live:
                self._greet(sample.stream, sample.t_ns)
            self._meters.count("samples", sample.stream)
            if not self._inbox.put(sample):
                return
            for stream, trouble in self._troubles().items():
                if stream in self._live and kind_of(trouble) != kind_of(self._trouble.get(stream, "")):
                    self._trouble[stream] = trouble
                    self._say("degraded" if trouble else "live", trouble, only={stream})

    def _troubles(self) -> Mapping[str, str]:
        """Stream -> why it works badly; of each that has given something."""
        source = self.source
        if isinstance(source, TroubledStreams):
            return {stream: source.troubles.get(stream, "") for stream in self.streams}
        return dict.fromkeys(self.streams, source.trouble) if isinstance(source, Troubled) else {}

    def _greet(self, stream: str, t_ns: int) -> None:
        """The first sample of a stream has come."""
        if stream not in self._specs:
            raise SourceError(f"a sample of the stream {stream!r}, which the source did not announce")
        self._live.add(stream)
        self._inbox.put(Opened(t_ns, self._specs[stream]))
        self._inbox.put(Status(t_ns, stream, "live"))

    def _say(self, state: SourceState, detail: str = "", *, only: set[str] | None = None) -> None:
        # A file ends where its last sample ends, as in a replay.
        t_ns = self.clock_ns() if not self._file or self._end_ns is None else self._end_ns
        for stream in self.streams if only is None else sorted(only):
            self._inbox.put(Status(t_ns, stream, state, detail))

    def _close(self) -> None:
        try:
            self.source.close()
        except Exception as error:  # closing a device that is gone may fail in any way, and nothing depends on it
            _log.debug("%s: close: %s", self.stream, error)


def kind_of(sentence: str) -> str:
    """A sentence without its numbers: how many lines are unreadable changes all the time and is no news."""
    return re.sub(r"[\d.,]+", "0", sentence)
