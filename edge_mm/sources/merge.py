"""Several sources -> one stream of events in the order of time.

In: sources. Out: Samples and Statuses by (t_ns, stream name): what ``Monitor.push`` takes in a replay. Not here:
dropping, pacing, live devices (the daemon reads those in threads; here one source waits for the other).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from edge_mm.errors import SourceError
from edge_mm.protocols import Source
from edge_mm.types import Sample, Status


def merge(sources: Sequence[Source], *, opened: bool = False) -> Iterator[Sample | Status]:
    """Read all sources to their ends, the earliest sample first; at most one sample of each is held.

    A stream begins with ``Status(state="live")`` at its first sample's time and ends with ``Status(state="off")`` where
    its last sample ends; ``state="lost"`` instead when it could not be read further.

    Args:
        sources: What to read; names must differ.
        opened: The caller has opened them (it wanted their specs) and merge only reads. They are closed where the
            reading ends or is given up; who has taken no event at all closes them itself.

    Raises:
        SourceError: a source cannot be opened; nothing was yielded then.
    """
    try:
        if not opened:
            for source in sources:
                source.open()
        yield from heapq.merge(*map(_events, sources), key=lambda event: (event.t_ns, event.stream))
    finally:
        for source in sources:
            source.close()


def _events(source: Source) -> Iterator[Sample | Status]:
    """All events of one source, in its own order; a generator, so that only its next one exists."""
    end: int | None = None
    while True:
        try:
            sample = source.read()
        except SourceError as error:
            yield Status(t_ns=end or 0, stream=source.name, state="lost", detail=str(error))
            return
        if sample is None:
            break
        if end is None:
            yield Status(t_ns=sample.t_ns, stream=source.name, state="live", detail="")
        yield sample
        end = sample.end_ns
    yield Status(t_ns=end or 0, stream=source.name, state="off", detail="end of file")
