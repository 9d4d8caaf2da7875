"""How often somebody coughs.

In: ``audio.cough`` of one stream. Out: a policy for ``health.cough_rate``: coughs in the last hour, counted and not
extrapolated. Not here: one cough (``sound``), whose it is: a microphone hears everybody.
"""

from __future__ import annotations

from collections import deque

from edge_mm.alerts.hold import Hold, ns
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule
from edge_mm.alerts.watch import Watch
from edge_mm.types import NS_PER_S, Observation

RULE = Rule(
    kind="health.cough_rate",
    priority="medium",
    code="coughs_within",
    raised="{value:.0f} coughs within {window:g} s (alert from {limit:.0f})",
    cleared="{value:.0f} coughs within the last {window:g} s, below the limit of {limit:.0f} again",
    unit="1",
)


class Coughs:
    """Tracker: coughs of a sliding window. One is what is heard for ``sound_s``, after ``cough_rate_gap_s`` without.

    Until something was said there may have been more before a restart: few are only few once a whole window was heard.
    """

    __slots__ = ("_begun_ns", "_limits", "_one", "_times", "_window_ns", "hold")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._begun_ns: int | None = None
        self._window_ns = ns(limits.cough_rate_window_s)
        self._one = Hold(dwell_s=limits.sound_s, keep_s=limits.cough_rate_gap_s, max_gap_s=limits.sound_max_gap_s)
        self._times: deque[int] = deque(maxlen=max(limits.cough_rate_count, 1000))
        self.hold = Hold(dwell_s=0.0, keep_s=limits.cough_rate_keep_s, max_gap_s=limits.sound_max_gap_s)

    def read(self, reading: Observation) -> None:
        """Take how surely a cough is heard."""
        limits, t_ns = self._limits, reading.t_ns
        leaves = reading.value < limits.sound_exit
        if self._one.read(t_ns, enters=reading.value >= limits.sound_enter, leaves=leaves) and self._one.told:
            self._times.append(t_ns)
        while self._times and self._times[0] <= t_ns - self._window_ns:
            self._times.popleft()
        count = len(self._times)
        if self._begun_ns is None:
            self._begun_ns = t_ns
        known = self.hold.told is not None or t_ns - self._begun_ns >= self._window_ns
        few = known and count <= min(limits.cough_rate_exit_count, limits.cough_rate_count - 1)
        if self.hold.read(t_ns, enters=count >= limits.cough_rate_count, leaves=few) and self.hold.told:
            self.hold.onset_ns = self._times[0]

    def measured(self) -> Measured:
        """The count and its limit."""
        count, limit = float(len(self._times)), float(self._limits.cough_rate_count)
        return Measured(count, limit, {"value": count, "limit": limit, "window": self._window_ns / NS_PER_S})


def cough_policy(limits: Limits) -> Watch:
    """The policy."""
    return Watch(
        RULE, lambda: Coughs(limits), names=frozenset({"audio.cough"}), sense="audio",
        min_quality=limits.sound_min_quality, max_gap_s=limits.sound_max_gap_s,
    )  # fmt: skip
