"""The bounded queue between the sources' threads and the monitor's, ordered by time.

In: Samples and Status events, each stream's in time order. Out: one event at a time, the oldest first. A live stream
that comes faster than the monitor can take it loses Samples, and each loss is counted: video loses its oldest frames
(the newest is what matters), sound and signals lose their oldest blocks (what is left stays in order). A file that is
read as fast as possible waits instead, and the monitor waits for it: its events are merged exactly by (t_ns, stream),
after every stream has been announced.
Not here: threads.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from edge_mm.types import Sample, Status, StreamSpec

VIDEO_FRAMES = 2
"""Frames that may wait: more of a live camera would only be older, and those of a file are 6 MB each in full HD."""
BLOCKS = 64
"""Blocks of sound or signal that may wait: about 6 s of 0.1 s blocks."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source was opened and says what it gives; comes before its first Sample."""

    t_ns: int
    """When."""
    spec: StreamSpec
    """What it promises."""

    @property
    def stream(self) -> str:
        """Name of the stream."""
        return self.spec.name


Item = Sample | Status | Opened


@dataclass(slots=True)
class _Lane:
    waits: bool
    capacity: int
    items: deque[Item] = field(default_factory=deque)
    samples: int = 0
    closed: bool = False


class Inbox:
    """Many producers, one consumer.

    Attributes:
        dropped: stream -> Samples lost because the monitor was slower.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lanes: dict[str, _Lane] = {}
        self._stopped = self._nudged = False
        self.dropped: Counter[str] = Counter()

    def add(self, stream: str, *, video: bool, waits: bool) -> None:
        """Announce a producer before its thread starts.

        Args:
            stream: its name; ties in time are broken by the order of these calls.
            video: the newest frame matters.
            waits: a file read as fast as possible: ``put`` blocks instead of dropping.
        """
        self._lanes[stream] = _Lane(waits, VIDEO_FRAMES if video else BLOCKS)

    def put(self, item: Item) -> bool:
        """Hand over the next item of its stream; False when the inbox was stopped."""
        lane = self._lanes[item.stream]
        with self._changed:
            if isinstance(item, Sample):
                while lane.waits and lane.samples >= lane.capacity and not self._stopped:
                    self._changed.wait()
                if lane.samples >= lane.capacity:
                    self._drop_oldest(item.stream, lane)
                lane.samples += 1
            if self._stopped:
                return False
            lane.items.append(item)
            self._changed.notify_all()
            return True

    def close(self, stream: str) -> None:
        """This producer gives nothing more."""
        with self._changed:
            self._lanes[stream].closed = True
            self._changed.notify_all()

    def get(self, timeout_s: float) -> Item | None:
        """The oldest item, or None when none came in time, when ``ended``, or once after a ``nudge``."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._nudged:
                    self._nudged = False
                    return None
                lane = self._next()
                if lane is not None:
                    item = lane.items.popleft()
                    if isinstance(item, Sample):
                        lane.samples -= 1
                        if lane.waits and lane.samples == lane.capacity // 2:
                            self._changed.notify_all()  # wake a file's thread once per half queue, not once per block
                    return item
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    return None
                self._changed.wait(left)

    def nudge(self) -> None:
        """Let ``get`` return at once: there is something else to do."""
        with self._changed:
            self._nudged = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Release every producer that waits; what is queued can still be taken."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether every producer has closed and everything was taken."""
        return all(lane.closed and not lane.items for lane in self._lanes.values())

    @property
    def oldest_ns(self) -> int | None:
        """Time of the oldest item that waits; None when nothing does."""
        with self._changed:
            return min((lane.items[0].t_ns for lane in self._lanes.values() if lane.items), default=None)

    @property
    def queued(self) -> frozenset[str]:
        """Streams of which Samples wait."""
        with self._changed:
            return frozenset(stream for stream, lane in self._lanes.items() if lane.samples)

    def _next(self) -> _Lane | None:
        best: _Lane | None = None
        for lane in self._lanes.values():
            if not lane.items:
                if lane.waits and not lane.closed and not self._stopped:
                    return None  # a file's next block decides what is oldest
                continue
            if best is None or _rank(lane.items[0]) < _rank(best.items[0]):
                best = lane
        return best

    def _drop_oldest(self, stream: str, lane: _Lane) -> None:
        for i, item in enumerate(lane.items):
            if isinstance(item, Sample):
                del lane.items[i]
                lane.samples -= 1
                self.dropped[stream] += 1
                return


def _rank(item: Item) -> tuple[bool, int]:
    """What is announced comes first: windows wait for a stream from the beginning, as in a replay."""
    return not isinstance(item, Opened), item.t_ns
