"""When does a condition hold, and since when: one time line.

In: readings with their time stamps, each beyond the limit, back, or between. Out: whether the answer changed. Durations
are differences of time stamps, never counts of readings. Not here: what is compared with what (``rules``).
"""

from __future__ import annotations

from edge_mm.types import NS_PER_S

SLACK_NS = 1_000_000
"""A duration counts as reached 1 ms early: 45 frames at 30 per second span 1.499999985 s of rounded stamps."""


def ns(seconds: float) -> int:
    """Seconds as integer nanoseconds."""
    return round(seconds * NS_PER_S)


def seconds_between(start_ns: int, end_ns: int) -> float:
    """Seconds from ``start_ns`` to ``end_ns``, rounded to a millisecond for people."""
    return round((end_ns - start_ns) / NS_PER_S, 3)


class Hold:
    """One condition on one time line: holds after ``dwell_s``, is over after ``keep_s``.

    ``told`` is None until the readings have said something (start-up), then True or False. Before it is True, a
    stretch of more than ``max_gap_s`` without usable readings starts the dwell again; once it is True, only readings
    end it: silence is no evidence that the person is well.
    """

    __slots__ = ("_dwell_ns", "_gap_ns", "_keep_ns", "_old_ns", "calm_ns", "last_ns", "onset_ns", "told")

    def __init__(self, *, dwell_s: float, keep_s: float, max_gap_s: float) -> None:
        self._dwell_ns = max(ns(dwell_s) - SLACK_NS, 0)
        self._keep_ns = max(ns(keep_s) - SLACK_NS, 0)
        self._gap_ns = ns(max_gap_s)
        self._old_ns: int | None = None
        self.told: bool | None = None
        self.onset_ns: int | None = None
        self.calm_ns: int | None = None
        self.last_ns: int | None = None

    def read(self, t_ns: int, *, enters: bool, leaves: bool, start_ns: int | None = None) -> bool:
        """Take a usable reading; True when ``told`` changed.

        Args:
            t_ns: its time; one older than the last is ignored.
            enters: beyond the limit that starts the condition.
            leaves: back beyond the limit that ends it. Neither is hysteresis: it goes on as it was, so such a reading
                counts inside the dwell, but only one that ``enters`` completes it.
            start_ns: start of what the reading stands for where it is a window; a gap ends there.
        """
        last = self.last_ns
        if last is not None:
            if t_ns < last:
                return False
            if (t_ns if start_ns is None else start_ns) - last > self._gap_ns:
                self.calm_ns = None
                if not self.told:
                    self.onset_ns = None
        self.last_ns = t_ns
        if leaves:
            if not self.told:
                self.onset_ns = None
            if self.told is False:
                return False
            if self.calm_ns is None:
                self.calm_ns = t_ns
            if t_ns - self.calm_ns < self._keep_ns:
                return False
            self.told = False
            self.onset_ns = None
            return True
        self.calm_ns = None
        if self.told:
            return False
        if self.onset_ns is None:
            if not enters:
                return False
            self.onset_ns = t_ns
        if not enters or t_ns - self.onset_ns < self._dwell_ns:
            return False
        self.told = True
        return True

    def wait(self, dwell_s: float) -> None:
        """From now on it has to last so long; what has lasted already counts."""
        self._dwell_ns = max(ns(dwell_s) - SLACK_NS, 0)

    def stepped_back(self, t_ns: int) -> bool:
        """Ask before ``read``: whether readings now come from an earlier time, so that the owner has to start again.

        That is the second of two readings in a row that are too old by more than a gap and go on in time. Otherwise
        one stamp from the future would deafen the rule until then; one stamp from the past is only a late reading.
        """
        before_ns = self._old_ns
        self._old_ns = t_ns if self.last_ns is not None and self.last_ns - t_ns > self._gap_ns else None
        return before_ns is not None and self._old_ns is not None and t_ns > before_ns

    def forget(self) -> None:
        """Start again: what this time line described is gone."""
        self.told = self.onset_ns = self.calm_ns = self.last_ns = self._old_ns = None
