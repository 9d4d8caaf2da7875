"""Whether a soak has shown what it should.

In: an ``Outcome`` and what is allowed. Out: ``Criterion`` rows. Memory is judged after a warm-up, by a line through all
readings and by the medians of the first and the last minute, and both must hold; threads, descriptors and children by
those medians. Not here: the report.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from soak.device import MARK
from soak.process import Reading
from soak.rack import Outcome

from edge_mm.delivery.payloads import AlertEvent

RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(\S+): (.*)")
LOUD_BUT_EXPECTED = (
    rf"\w+: its thread failed( with SystemExit: {MARK}/\w+; another one starts in \d+ s)?",
    r"stream '?\w+'?( \(\w+\))?: .*",  # what a broken device gives is refused with a sentence
    r"outbox .*; alerts are kept in memory and tried again every second",
    r"delivered alerts cannot be deleted: outbox .*",
)
"""Lines at ERROR that the faults of the schedule lead to."""


@dataclass(frozen=True)
class Allowed:
    """The limits."""

    growth_mib: float = 2.0
    warm_up_s: float = 300.0
    live_s: float = 30.0
    """From the end of a fault until live again."""
    more: int = 0
    """Threads, descriptors or children that there may be more at the end."""


@dataclass(frozen=True)
class Criterion:
    """One thing that must hold."""

    name: str
    seen: str
    holds: bool


def judge(outcome: Outcome, allowed: Allowed) -> list[Criterion]:
    """All of them."""
    return [
        *_memory(outcome.readings, allowed),
        *_counts(outcome.readings, allowed),
        Criterion("no process is left", f"left: {outcome.left}", not outcome.left),
        Criterion(
            "runs until SIGTERM, then ends with 0",
            f"exit status {outcome.status}{', early' if outcome.ended_early else ''}",
            outcome.status == 0 and not outcome.ended_early,
        ),
        _numbers(outcome),
        _in_turn(outcome.events),
        _log(outcome),
        _live(outcome, allowed),
        Criterion("no alarm about the device is left at the end", f"left: {outcome.troubled}", not outcome.troubled),
    ]


def growth(readings: Sequence[Reading], warm_up_s: float) -> tuple[float, float, float]:
    """MiB: slope times duration, last minus first median; and seconds of each of the two medians."""
    steady = _steady(readings, warm_up_s)
    times = np.array([one.at_s for one in steady])
    rss = np.array([one.rss_mib for one in steady])
    slope = float(np.polyfit(times, rss, 1)[0])
    part_s = _part_s(steady)
    first, last = _ends(steady)
    medians = median(one.rss_mib for one in last) - median(one.rss_mib for one in first)
    return slope * float(times[-1] - times[0]), medians, part_s


def _steady(readings: Sequence[Reading], warm_up_s: float) -> list[Reading]:
    steady = [one for one in readings if one.at_s >= warm_up_s]
    assert len(steady) >= 8, f"too short: {len(steady)} readings after {warm_up_s:g} s"
    return steady


def _part_s(steady: Sequence[Reading]) -> float:
    return min(60.0, (steady[-1].at_s - steady[0].at_s) / 4)


def _ends(steady: Sequence[Reading]) -> tuple[list[Reading], list[Reading]]:
    part_s = _part_s(steady)
    first = [one for one in steady if one.at_s <= steady[0].at_s + part_s]
    return first, [one for one in steady if one.at_s >= steady[-1].at_s - part_s]


def _memory(readings: Sequence[Reading], allowed: Allowed) -> list[Criterion]:
    line, medians, part_s = growth(readings, allowed.warm_up_s)
    limit = f"(limit {allowed.growth_mib:g})"
    return [
        Criterion("RSS growth, line through all readings", f"{line:+.2f} MiB {limit}", line < allowed.growth_mib),
        Criterion(
            f"RSS growth, medians of the first and last {part_s:.0f} s",
            f"{medians:+.2f} MiB {limit}",
            medians < allowed.growth_mib,
        ),
    ]


def _counts(readings: Sequence[Reading], allowed: Allowed) -> list[Criterion]:
    first, last = _ends(_steady(readings, allowed.warm_up_s))
    rows = []
    for name in ("threads", "descriptors", "children"):
        before, after = (median(getattr(one, name) for one in part) for part in (first, last))
        most = max(getattr(one, name) for one in readings)
        rows.append(
            Criterion(f"no more {name}", f"{before:g} -> {after:g}, {most} at most", after <= before + allowed.more)
        )
    return rows


def _numbers(outcome: Outcome) -> Criterion:
    numbers = [event.data.seq for event in outcome.events]
    missing = sorted(set(range(1, outcome.last_seq + 1)) - set(numbers))
    twice = len(numbers) - len(set(numbers)) + len(numbers) - len({event.id for event in outcome.events})
    disorder = sum(b < a for a, b in pairwise(numbers))
    return Criterion(
        "every transition once and in order",
        f"{len(numbers)} of {outcome.last_seq}; missing {missing[:10]}, twice {twice}, out of order {disorder}, "
        f"undelivered {outcome.depth}; {outcome.doubles} repeated deliveries dropped by id",
        not missing and not twice and not disorder and not outcome.depth and len(numbers) == outcome.last_seq > 0,
    )


def _in_turn(events: Sequence[AlertEvent]) -> Criterion:
    active: set[str] = set()
    wrong: list[str] = []
    for event in events:
        alarm = event.data.alert_id
        begins = event.data.transition == "raised"
        if begins == (alarm in active):
            wrong.append(f"{alarm} {event.data.transition} (seq {event.data.seq})")
        (active.discard if event.data.transition == "cleared" else active.add)(alarm)
    alarms = {event.data.alert_id for event in events}
    seen = f"{len(alarms)} alarms, {len(active)} active at the end; wrong {wrong[:5]}"
    return Criterion("each alarm is raised and cleared in turn", seen, not wrong and bool(events))


def unexpected(lines: Sequence[str]) -> list[str]:
    """Lines of a log that no fault of the schedule explains; a thread that was ended on purpose leaves a traceback."""
    wrong: list[str] = []
    trace: list[str] = []
    threads_failed = False
    for line in [*lines, ""]:
        found = RECORD.fullmatch(line)
        if found is None and line:
            trace.append(line)
            continue
        if trace and not (threads_failed and trace[-1].startswith(f"SystemExit: {MARK}/")):
            wrong += trace
        trace = []
        if found is None:
            continue
        level, name, text = found.groups()
        threads_failed = level == "ERROR" and "its thread failed" in text
        known = level in ("INFO", "WARNING") or any(
            re.fullmatch(f"{one}( \\(.*held back\\)| \\(and .*\\))?", text) for one in LOUD_BUT_EXPECTED
        )
        if not known or not name.startswith("edge_mm."):
            wrong.append(line)
    return wrong


def _log(outcome: Outcome) -> Criterion:
    wrong = unexpected(outcome.lines)
    seen = f"{len(outcome.lines)} lines, unexpected: {len(wrong)}" + "".join(f"\n    {line}" for line in wrong[:40])
    return Criterion("nothing but expected lines on stderr", seen, not wrong)


def _live(outcome: Outcome, allowed: Allowed) -> Criterion:
    done = outcome.live_s
    never = [f"{one.kind} of {one.what} at {one.at_s:g} s" for one in outcome.faults if one.number not in done]
    late = [
        f"{one.kind} of {one.what} at {one.at_s:g} s: {outcome.live_s[one.number]:.1f} s"
        for one in outcome.faults
        if outcome.live_s.get(one.number, 0.0) > allowed.live_s
    ]
    seen = f"{len(done)} of {len(outcome.faults)}; never {never[:5]}, late {late[:5]}"
    return Criterion(f"all is live again within {allowed.live_s:g} s of a fault's end", seen, not never and not late)
