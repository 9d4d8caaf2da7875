"""Alerts against what happened: found or not, how late, and how many for nothing.

In: intervals during which something really was the case, alerts that were raised. Out: ``Events``. An event is found
when an alert is raised from its onset to ``after_s`` past its end (readings look ahead, rules wait); one event, one
alert. Further alerts on an event are neither right nor false. Not here: intervals over people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from converters.evaluation.results import Table, Target

AFTER_S = 2.0
"""Past an event's end an alert still is about it."""

Interval = tuple[float, float]


class Events(NamedTuple):
    """What alerts made of a recording's events."""

    found: int
    events: int
    false: int
    """Alerts on no event."""
    latency_s: tuple[float, ...]
    """Onset to ``raised``, of those found."""

    def __add__(self, other: Events) -> Events:  # type: ignore[override]
        """Two recordings together."""
        lates = self.latency_s + other.latency_s
        return Events(self.found + other.found, self.events + other.events, self.false + other.false, lates)


NONE = Events(0, 0, 0, ())


def matched(happened: Sequence[Interval], raised_s: Sequence[float], *, after_s: float = AFTER_S) -> Events:
    """Which events were alerted.

    Args:
        happened: (start, end) of each event, seconds.
        raised_s: when alerts of this kind were raised, seconds.
        after_s: see ``AFTER_S``.
    """
    latency = []
    for start, end in happened:
        hits = [at for at in raised_s if start <= at <= end + after_s]
        if hits:
            latency.append(min(hits) - start)
    false = sum(not any(start <= at <= end + after_s for start, end in happened) for at in raised_s)
    return Events(len(latency), len(happened), false, tuple(latency))


def event_rows(table: Table, name: str, found: Events, hours: float, *, target: Target | None = None) -> None:
    """Rows for found events, latency, false alerts per hour.

    Args:
        table: gets them.
        name: what happens, e.g. ``yawn``.
        found: over all recordings.
        hours: that were watched.
        target: for the share of events found.
    """
    table.count(f"{name}: events with an alert", found.found, found.events, what="events", target=target)
    if found.latency_s:
        late = np.array(found.latency_s)
        n = f"{len(late)} alerts"
        table.value(f"{name}: latency to alert, median", float(np.median(late)), unit="s", n=n)
        table.value(f"{name}: latency to alert, p95", float(np.percentile(late, 95)), unit="s", n=n)
    table.rate(f"{name}: false alerts", found.false, hours)
