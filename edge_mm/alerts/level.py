"""A reading beyond a limit for some time.

In: readings of one stream. Out: whether it holds, and what was compared with what. Not here: sums and shares of time
(``windows``), what is said (``rules``).
"""

from __future__ import annotations

from edge_mm.alerts.hold import Hold, seconds_between
from edge_mm.alerts.rules import Measured
from edge_mm.types import Observation


class Level:
    """Tracker: a reading beyond a limit for some time."""

    __slots__ = ("_below", "_dwell_s", "_enter", "_exit", "_timed", "_value", "hold")

    def __init__(
        self,
        *,
        enter: float,
        exit: float,
        dwell_s: float,
        keep_s: float,
        max_gap_s: float,
        below: bool = False,
        timed: bool = False,
    ) -> None:
        """Args:
        enter: the limit that starts the condition; a reading at it does.
        exit: the limit that ends it; a reading at it does not.
        dwell_s: seconds until it holds.
        keep_s: seconds until it is over.
        max_gap_s: see ``Hold``.
        below: readings below ``enter`` start it, not those above.
        timed: what is compared is the duration (with ``dwell_s``), not the reading (with ``enter``).
        """
        self._enter = enter
        self._exit = exit
        self._below = below
        self._dwell_s = dwell_s
        self._timed = timed
        self._value = 0.0
        self.hold = Hold(dwell_s=dwell_s, keep_s=keep_s, max_gap_s=max_gap_s)

    @property
    def enter(self) -> float:
        """The limit that starts it."""
        return self._enter

    def read(self, reading: Observation) -> None:
        """Take a usable reading."""
        self.read_value(reading.t_ns, reading.value)

    def read_value(self, t_ns: int, value: float, *, start_ns: int | None = None) -> None:
        """Take a number; ``start_ns`` as in ``Hold.read``."""
        self._value = value
        if self._below:
            enters, leaves = value <= self._enter, value > self._exit
        else:
            enters, leaves = value >= self._enter, value < self._exit
        self.hold.read(t_ns, enters=enters, leaves=leaves, start_ns=start_ns)

    def wait(self, dwell_s: float) -> None:
        """From now on it has to last so long."""
        if dwell_s != self._dwell_s and not self.hold.told:
            self._dwell_s = dwell_s
            self.hold.wait(dwell_s)

    def measured(self) -> Measured:
        """Reading and limit, or duration and dwell; ``seconds``: how long it has held, or how long it has been over."""
        hold = self.hold
        start, last = hold.onset_ns if hold.told else hold.calm_ns, hold.last_ns
        seconds = 0.0 if start is None or last is None else seconds_between(start, last)
        if self._timed:
            return Measured(seconds if hold.told else 0.0, self._dwell_s, {"seconds": seconds, "limit": self._dwell_s})
        params = {"value": round(self._value, 3), "limit": self._enter, "seconds": seconds}
        return Measured(self._value, self._enter, params)
