"""One source's thread: open it, read it, say what happens to it, open it again when it is lost.

In: a ``Source``. Out: ``Opened``, Samples and Status events in the inbox: ``starting``, ``live``, ``lost`` (then it is
tried again after 1, 2, 4 ... at most 30 s), ``off`` at the end of a file. A file that cannot be read is not tried
again. Not here: ``stale``, which needs somebody who notices that nothing comes (``daemon.freshness``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge_mm.daemon.inbox import Inbox, Opened
from edge_mm.daemon.meters import Meters
from edge_mm.errors import EdgeMmError, SourceError
from edge_mm.protocols import Source
from edge_mm.types import SourceState, Status

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
_log = logging.getLogger("edge_mm.source")


class Reader(threading.Thread):
    """Reads one source until it ends or is stopped.

    Args:
        source: what to read; this thread owns it.
        inbox: where its events go; the stream must have been added.
        meters: counts Samples (``samples``), times reads (``read <stream>``).
        stop: set to end it.
        file: whether the source is a file: it ends, and is not opened again after an error.
        clock_ns: the present, in the time that the source stamps.

    Attributes:
        stream: name of the stream.
        error: what ended a file too early, else None.
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
        self._source = source
        self._inbox = inbox
        self._meters = meters
        self._halt = stop
        self._file = file
        self._clock_ns = clock_ns
        self._end_ns: int | None = None
        self._live = False
        self.stream = source.name
        self.error: EdgeMmError | None = None

    def run(self) -> None:
        """Body of the thread."""
        try:
            self._read_until_end()
        finally:
            self._close()
            self._inbox.close(self._source.name)

    def _read_until_end(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._halt.is_set():
            self._live = False
            try:
                self._open()
                self._pump()
                return
            except Exception as error:  # a source of a user's own may raise anything; the monitor must learn of it
                self._close()
                if self._lost(error):
                    return
            if self._live:  # it gave something: a new fault, not the old one again
                pause = FIRST_PAUSE_S
            self._halt.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _lost(self, error: Exception) -> bool:
        """Say it; whether that is the end."""
        told = error if isinstance(error, EdgeMmError) else SourceError(f"{type(error).__name__}: {error}")
        if told is not error:
            _log.error("%s: the source failed", self._source.name, exc_info=error)
        self._say("lost", str(told).rstrip("."))
        self.error = told if self._file else None
        return self._file

    def _open(self) -> None:
        if not self._file:
            self._say("starting")
        spec = self._source.open()
        _log.debug("%s: opened: %s at %g Hz", spec.name, spec.kind, spec.rate_hz)
        self._spec = spec

    def _pump(self) -> None:
        stage = f"read {self._spec.kind}"
        while not self._halt.is_set():
            began = time.perf_counter()
            sample = self._source.read()
            self._meters.took(stage, time.perf_counter() - began)
            if sample is None:
                if not self._halt.is_set():
                    self._say("off", "the file has ended")
                return
            if not self._live:
                self._live = True
                self._inbox.put(Opened(sample.t_ns, self._spec))
                self._inbox.put(Status(sample.t_ns, self._source.name, "live"))
            self._end_ns = sample.end_ns
            self._meters.count("samples", self._source.name)
            if not self._inbox.put(sample):
                return

    def _say(self, state: SourceState, detail: str = "") -> None:
        # A file ends where its last sample ends, as in a replay.
        t_ns = self._clock_ns() if not self._file or self._end_ns is None else self._end_ns
        self._inbox.put(Status(t_ns, self._source.name, state, detail))

    def _close(self) -> None:
        try:
            self._source.close()
        except Exception as error:  # closing a device that is gone may fail in any way, and nothing depends on it
            _log.debug("%s: close: %s", self._source.name, error)
