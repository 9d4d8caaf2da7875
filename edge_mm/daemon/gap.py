"""What was let go of while alerts could be stored nowhere: counted, and told as one alert.

In: transitions that wait in memory. Out: those that are kept, and one ``outbox.gap`` alert about the others. Low
priority goes first, then medium, oldest first; high is never let go of, nor the newest transition of an alarm, so that
every alarm is told as it stands. Not here: when (``daemon.keeper``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from edge_mm.kinds import Priority
from edge_mm.types import NS_PER_S, Alert, Reason

KIND = "outbox.gap"
_FIRST_GO: tuple[Priority, ...] = ("low", "medium")


class Gap:
    """What is missing since the outbox could last be written."""

    def __init__(self) -> None:
        self._counts: Counter[Priority] = Counter()
        self._first_ns = self._last_ns = 0

    @property
    def count(self) -> int:
        """How many transitions are missing."""
        return self._counts.total()

    def cut(self, waiting: Sequence[Alert], most: int) -> list[Alert]:
        """Those that are kept, in order; more than ``most`` only where none of the others may go."""
        excess = len(waiting) - most
        newest = {alert.key: i for i, alert in enumerate(waiting)}
        gone: set[int] = set()
        for priority in _FIRST_GO:
            may_go = [i for i, one in enumerate(waiting) if one.priority == priority and newest[one.key] != i]
            gone.update(may_go[: max(0, excess - len(gone))])
        for i in sorted(gone):
            self._add(waiting[i])
        return [one for i, one in enumerate(waiting) if i not in gone]

    def _add(self, alert: Alert) -> None:
        self._first_ns = min(self._first_ns, alert.t_ns) if self.count else alert.t_ns
        self._last_ns = max(self._last_ns, alert.t_ns) if self.count else alert.t_ns
        self._counts[alert.priority] += 1

    @property
    def words(self) -> str:
        """For example ``12 of low and 3 of medium priority``."""
        parts = [f"{self._counts[priority]} of {priority}" for priority in _FIRST_GO if self._counts[priority]]
        return f"{' and '.join(parts)} priority"

    def alert(self) -> Alert:
        """One transition that stands for all that are missing.

        It is no incident of the alarm machine, so it has number 0: the outbox gives it an id of its own.
        """
        low, medium = self._counts["low"], self._counts["medium"]
        params = {
            "low": float(low),
            "medium": float(medium),
            "first_s": self._first_ns / NS_PER_S,
            "last_s": self._last_ns / NS_PER_S,
        }
        text = f"transitions that the outbox could not store and memory could not hold: {self.words}"
        return Alert(
            t_ns=self._last_ns,
            kind=KIND,
            key=KIND,
            state="cleared",
            category="technical",
            priority="medium" if medium else "low",
            onset_ns=self._first_ns,
            reason=Reason("alerts_not_stored", params, text),
            value=float(self.count),
            limit=math.nan,
            unit="1",
            incident=0,
            previous="active",
        )
