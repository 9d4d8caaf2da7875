"""Trackers that look back over a sliding window: a share of time, a count of events.

In: readings of one stream. Out: whether the share or the count is beyond its limit. Each reading costs O(1) on
average, whatever the window. Not here: what the readings mean (``driver``, ``vitals``).
"""

from __future__ import annotations

from collections import deque

from edge_mm.alerts.hold import SLACK_NS, Hold, ns
from edge_mm.alerts.rules import Measured
from edge_mm.types import NS_PER_S, Observation


class ShareOfTime:
    """The share of a sliding window in which a reading was at or above ``above`` (PERCLOS with P80 labels).

    Time weighted: a reading stands until the next one, unless that is more than ``max_gap_s`` later; such a stretch
    counts neither way. Nothing is said until ``min_cover_s`` of the window was seen.
    """

    __slots__ = (
        "_above", "_cover_ns", "_enter", "_exit", "_gap_ns", "_min_cover_ns", "_on", "_on_ns", "_runs", "_window_ns",
        "hold",
    )  # fmt: skip

    def __init__(
        self, *, above: float, window_s: float, min_cover_s: float, enter: float, exit: float, max_gap_s: float
    ) -> None:
        self._above = above
        self._window_ns = ns(window_s)
        self._min_cover_ns = max(ns(min_cover_s) - SLACK_NS, 1)
        self._enter = enter
        self._exit = exit
        self._gap_ns = ns(max_gap_s)
        self._runs: deque[tuple[int, int, bool]] = deque()  # (start, end, at or above), not overlapping, in order
        self._cover_ns = 0
        self._on_ns = 0
        self._on = False
        self.hold = Hold(dwell_s=0.0, keep_s=0.0, max_gap_s=max_gap_s)

    @property
    def share(self) -> float:
        """Share of the covered time, 0..1; 0 when nothing was seen."""
        return self._on_ns / self._cover_ns if self._cover_ns else 0.0

    def read(self, reading: Observation) -> None:
        """Take a usable reading; one older than the last is ignored."""
        self.read_value(reading.t_ns, reading.value)

    def read_value(self, t_ns: int, value: float) -> None:
        """Take a number."""
        last = self.hold.last_ns
        if last is not None:
            if t_ns < last:
                return
            if 0 < t_ns - last <= self._gap_ns:
                self._append(last, t_ns, on=self._on)
        self._on = value >= self._above
        self._evict(t_ns - self._window_ns)
        above, below = self._judged()
        covered = self._cover_ns >= self._min_cover_ns
        if self.hold.read(t_ns, enters=covered and above, leaves=covered and below) or not self.hold.told:
            # It began, or may be beginning, with the first time inside the window.
            self.hold.onset_ns = next(start for start, _, on in self._runs if on) if above else None

    def _judged(self) -> tuple[bool, bool]:
        """Whether it is beyond the limit that starts, and back beyond the one that ends."""
        return self._on_ns > 0 and self.share >= self._enter, self.share < self._exit

    def measured(self) -> Measured:
        """The share and its limit."""
        window_s = self._window_ns / NS_PER_S
        params = {"value": round(self.share, 4), "limit": self._enter, "window": window_s}
        return Measured(self.share, self._enter, params)

    def _append(self, start: int, end: int, *, on: bool) -> None:
        self._cover_ns += end - start
        self._on_ns += (end - start) * on
        if self._runs and self._runs[-1][1] == start and self._runs[-1][2] == on:
            start = self._runs.pop()[0]
        self._runs.append((start, end, on))

    def _evict(self, oldest_ns: int) -> None:
        while self._runs and self._runs[0][0] < oldest_ns:
            start, end, on = self._runs.popleft()
            cut = min(end, oldest_ns) - start
            self._cover_ns -= cut
            self._on_ns -= cut * on
            if end > oldest_ns:
                self._runs.appendleft((oldest_ns, end, on))


class SumOfTime(ShareOfTime):
    """The seconds of a sliding window in which a reading was at or above ``above``, added up.

    Over when they are below ``exit_s`` whatever was in the part of the window that nobody saw: silence is no evidence.
    """

    __slots__ = ()

    def __init__(self, *, above: float, window_s: float, enter_s: float, exit_s: float, max_gap_s: float) -> None:
        super().__init__(
            above=above, window_s=window_s, min_cover_s=0.0, enter=enter_s, exit=exit_s, max_gap_s=max_gap_s
        )

    def _judged(self) -> tuple[bool, bool]:
        most_ns = self._on_ns + max(self._window_ns - self._cover_ns, 0)
        return self._on_ns >= ns(self._enter) - SLACK_NS, most_ns < ns(self._exit)

    def measured(self) -> Measured:
        """The seconds and their limit."""
        seconds = round(self._on_ns / NS_PER_S, 3)
        return Measured(
            seconds, self._enter, {"value": seconds, "limit": self._enter, "window": self._window_ns / NS_PER_S}
        )


class CountOf:
    """How many readings of a sliding window carry a label. Readings without any label have no class and say nothing.

    Over when at most ``exit`` are left and readings have come without a gap for ``keep_s``: silence is no evidence.
    """

    __slots__ = ("_enter", "_exit", "_gap_ns", "_keep_ns", "_label", "_since_ns", "_times", "_window_ns", "hold")

    def __init__(self, *, label: str, window_s: float, enter: int, exit: int, keep_s: float, max_gap_s: float) -> None:
        self._label = label
        self._window_ns = ns(window_s)
        self._enter = enter
        self._exit = min(exit, enter - 1)
        self._keep_ns = max(ns(keep_s) - SLACK_NS, 0)
        self._gap_ns = ns(max_gap_s)
        self._times: deque[int] = deque(maxlen=max(enter, 1000))
        self._since_ns = 0
        self.hold = Hold(dwell_s=0.0, keep_s=0.0, max_gap_s=max_gap_s)

    def read(self, reading: Observation) -> None:
        """Take a usable reading; one older than the last is ignored."""
        t_ns = reading.t_ns
        last = self.hold.last_ns
        if not reading.label or (last is not None and t_ns < last):
            return
        if last is None or t_ns - last > self._gap_ns:
            self._since_ns = t_ns
        if reading.label == self._label:
            self._times.append(t_ns)
        while self._times and self._times[0] <= t_ns - self._window_ns:
            self._times.popleft()
        few = len(self._times) <= self._exit
        enough, calm = len(self._times) >= self._enter, few and t_ns - self._since_ns >= self._keep_ns
        if self.hold.read(t_ns, enters=enough, leaves=calm) or not self.hold.told:
            self.hold.onset_ns = None if few else self._times[0]  # it began, or may be beginning

    def measured(self) -> Measured:
        """The count and its limit."""
        count = len(self._times)
        params: dict[str, float | str] = {"value": count, "limit": self._enter, "window": self._window_ns / NS_PER_S}
        return Measured(float(count), float(self._enter), params)
