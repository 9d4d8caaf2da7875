"""Whether a name was the case, by its intervals: at a moment, or over a window.

In: intervals of one name in one recording. Out: yes, no, or None where nobody can say. The evaluation counts and the
training learns by the same answers. Not here: reading labels (``manifest``), scores (``scoring``).
"""

from __future__ import annotations

from collections.abc import Sequence

from converters.evaluation.events import Interval

SETTLE_S = 0.3
"""Moments so near to the edge of an interval are neither: nobody labels to the frame."""
MOSTLY = 0.5
"""A window of which a name covers less, but some, is neither."""


def at(spans: Sequence[Interval], t_s: float) -> bool | None:
    """Whether a moment lies in one of the intervals."""
    if any(abs(t_s - edge) < SETTLE_S for span in spans for edge in span):
        return None
    return any(start <= t_s < end for start, end in spans)


def over(spans: Sequence[Interval], start_s: float, end_s: float) -> bool | None:
    """Whether the intervals cover most of a window (which must end after it starts), or nothing of it."""
    inside = sum(max(0.0, min(end, end_s) - max(start, start_s)) for start, end in spans)
    if inside == 0:
        return False
    return True if inside >= MOSTLY * (end_s - start_s) else None
