"""A maker's recordings through the monitor, scored by their labels.

In: a ``Context`` whose data folder has a ``manifest.csv``. Out: one ``Result`` per name in the labels: the reading
moment by moment (AUROC, accuracy, precision, recall, F1), alerts per event, latency, false alerts per hour. Not here:
reading the folder (``manifest``), the product's own data (``converters.evaluation.tasks``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from converters.evaluation.events import NONE, Interval, event_rows, matched
from converters.evaluation.own import truth
from converters.evaluation.own.manifest import Recording
from converters.evaluation.own.names import Meaning, meaning
from converters.evaluation.results import Result, Table
from converters.evaluation.tasks import Context
from converters.evaluation.watching import Watched, watch
from converters.evaluation.yesno import yes_or_no
from edge_mm.errors import ConvertError, EdgeMmError
from edge_mm.types import NS_PER_S

_Judged = tuple[float, bool | None, str]
"""A score, whether it was so, whose it is."""


class _Seen(NamedTuple):
    recording: Recording
    said: Watched
    streams: tuple[str, ...]
    seconds: float


def score_recordings(context: Context, recordings: list[Recording]) -> list[Result]:
    """One result per name, in the order of their first use.

    Raises:
        ConvertError: a recording cannot be watched; the text names it.
    """
    begin = time.process_time()
    seen = [_watched(context, one) for one in context.each(context.few(recordings), "recordings")]
    names = list(dict.fromkeys(name for one in seen for name in one.recording.happened))
    results = [_score(name, seen) for name in names]
    if results:
        results[0].seconds = time.process_time() - begin
    return results


def _watched(context: Context, recording: Recording) -> _Seen:
    try:
        sources = recording.open()
        specs = []
        for source in sources:
            specs.append(source.open())
            source.close()
        said = watch(context.bundle, *recording.open())
    except EdgeMmError as error:
        raise ConvertError(f"recording {recording.name}: {error}") from error
    ends = [float(one.t_s[-1]) for one in said.readings.values() if len(one.t_s)]
    return _Seen(recording, said, tuple(spec.kind for spec in specs), max(ends, default=0.0))


def _score(name: str, seen: list[_Seen]) -> Result:
    means = meaning(name, where="labels")
    result = Result(f"own {name}", f"Own recordings: {name}")
    judged = [one for one in seen if name in one.recording.happened]
    fit = [one for one in judged if not means.streams or set(means.streams) & set(one.streams)]
    if not fit:
        result.absent = f"not evaluated: no recording with {name} has {' or '.join(means.streams)}"
        return result
    people = len({one.recording.person for one in fit})
    table = Table(result, f"own recordings: {len(fit)} of {people} people", of="people")
    if means.reading:
        lacking = f"the monitor never said {means.reading}"
        _judge(result, table, name, means, _moments(name, means, fit), of="readings", lacking=lacking)
    if means.head:
        lacking = f"the fusion of this bundle has no head {means.head}, or no window"
        _judge(result, table, name, means, _windows(name, means, fit), of="windows", lacking=lacking)
    if means.alerts:
        total, hours = NONE, 0.0
        for one in fit:
            raised = [alert.t_ns / NS_PER_S for alert in one.said.raised(*means.alerts)]
            first = _merged(raised, one.recording.happened[name])
            total, hours = total + matched(one.recording.happened[name], first), hours + one.seconds / 3600
        event_rows(table, name, total, hours)
    for one in judged:
        for start, end in one.recording.happened[name]:
            if one.seconds and end > one.seconds + 5.0:
                result.notes.append(
                    f"{one.recording.name}: a label from {start:g} to {end:g} s lies past what was read "
                    f"({one.seconds:.1f} s): check its times."
                )
    return result


def _moments(name: str, means: Meaning, seen: list[_Seen]) -> Iterator[_Judged]:
    """Each reading, moment by moment."""
    for one in seen:
        series = one.said.series(means.reading)
        for t_s, value in zip(series.t_s.tolist(), series.value.tolist(), strict=True):
            yield value, truth.at(one.recording.happened[name], t_s), one.recording.person


def _windows(name: str, means: Meaning, seen: list[_Seen]) -> Iterator[_Judged]:
    """What the fusion says of each window."""
    for one in seen:
        for said in one.said.estimates:
            if means.head in said.scores:
                was = truth.over(one.recording.happened[name], said.start_ns / NS_PER_S, said.t_ns / NS_PER_S)
                yield said.scores[means.head], was, one.recording.person


def _judge(
    result: Result, table: Table, name: str, means: Meaning, rows: Iterator[_Judged], *, of: str, lacking: str
) -> None:
    told = [row for row in rows if row[1] is not None]
    if not told:
        table.lacking(f"{name}: AUROC of {of}", lacking)
        return
    score, was, people = zip(*told, strict=True)
    yes_or_no(
        result, table, np.array(score), np.array(was, bool), people, of=of, yes=name, no="not",
        threshold=means.threshold,
    )  # fmt: skip


def _merged(raised_s: list[float], happened: list[Interval]) -> list[float]:
    """Alerts of several kinds about one moment outside of all events are one false alert."""
    kept: list[float] = []
    for at in sorted(raised_s):
        outside = not any(start <= at <= end for start, end in happened)
        if outside and kept and at - kept[-1] < 2.0:
            continue
        kept.append(at)
    return kept
