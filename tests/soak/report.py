"""A soak in words, as a table, as JSON and as a picture.

In: an ``Outcome`` and its verdict. Out: Markdown, a dictionary, a PNG (where matplotlib is there). Not here: judging.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from soak.rack import Outcome
from soak.verdict import Criterion


def markdown(outcome: Outcome, verdict: Sequence[Criterion]) -> str:
    """The report."""
    virtual_min = outcome.wall_s * outcome.speed / 60
    rows = [
        f"# Soak, {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, {outcome.broker}; seed {outcome.seed}; "
        f"{outcome.wall_s:.0f} s at {outcome.speed:g} times the speed: {virtual_min:.0f} minutes of live input; "
        f"{outcome.summary.get('windows', 0)} windows, {outcome.last_seq} transitions, "
        f"{outcome.summary.get('cpu_s', 0)} s of CPU. RSS: {_over_time(outcome)}.",
        "",
        "| criterion | seen | |",
        "|---|---|---|",
        *(f"| {one.name} | {_cell(one.seen)} | {'holds' if one.holds else '**fails**'} |" for one in verdict),
        "",
        "Live again: seconds from a fault's end until the stream is read, the outbox written or the subscriber served",
        "again; of graphs from the moment that the process is killed or stopped.",
        "",
        "| fault | times | live again, median | longest |",
        "|---|---|---|---|",
    ]
    for kind, numbers in _by_kind(outcome).items():
        seconds = [outcome.live_s[number] for number in numbers if number in outcome.live_s]
        told = f"{median(seconds):.1f} s | {max(seconds):.1f} s" if seconds else "- | -"
        rows.append(f"| {kind} | {len(numbers)} | {told} |")
    return "\n".join(rows) + "\n"


def as_dict(outcome: Outcome, verdict: Sequence[Criterion]) -> dict[str, Any]:
    """The same, and everything that was measured, for programs."""
    faults = [asdict(one) | {"live_s": outcome.live_s.get(one.number)} for one in outcome.faults]
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seed": outcome.seed,
        "speed": outcome.speed,
        "broker": outcome.broker,
        "wall_s": outcome.wall_s,
        "holds": all(one.holds for one in verdict),
        "criteria": [asdict(one) for one in verdict],
        "faults": faults,
        "transitions": outcome.last_seq,
        "summary": outcome.summary,
        "readings": [asdict(one) for one in outcome.readings],
    }


def plot(outcome: Outcome, path: Path) -> bool:
    """Memory, threads and descriptors over time; False where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    times = [one.at_s / 60 for one in outcome.readings]
    figure, (memory, counts) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6), layout="constrained")
    memory.plot(times, [one.rss_mib for one in outcome.readings], label="daemon")
    memory.plot(times, [one.anon_mib for one in outcome.readings], label="of it, no file's")
    memory.set_ylabel("RSS, MiB")
    for name in ("threads", "descriptors", "children"):
        counts.plot(times, [getattr(one, name) for one in outcome.readings], label=name)
    counts.set_xlabel(f"minutes (x {outcome.speed:g} of live input)")
    for axes in (memory, counts):
        axes.grid(alpha=0.3)
        axes.legend(loc="center right")
    for fault in outcome.faults:
        memory.axvline(fault.at_s / 60, color="0.85", linewidth=0.5, zorder=0)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def _by_kind(outcome: Outcome) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = defaultdict(list)
    for fault in sorted(outcome.faults, key=lambda one: one.kind):
        kinds[fault.kind].append(fault.number)
    return kinds


def _over_time(outcome: Outcome) -> str:
    """The daemon's memory at the quarters of the run."""
    last = len(outcome.readings) - 1
    at = [outcome.readings[round(last * share)] for share in (0, 0.25, 0.5, 0.75, 1)]
    return ", ".join(f"{one.rss_mib:.1f} MiB at {one.at_s:.0f} s" for one in at)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
