"""Atrial fibrillation in 30 s windows, on the beats that the monitor itself found.

Read: ``vitals.rhythm_irregular`` at the end of each window, alert ``health.irregular_rhythm``. Truth: the annotated
rhythm; a window is AF where more than half of it is AFIB. The flutter rule: a window that touches AFL or VFL is neither
AF nor other, it is left out (``converters.physio.evaluate.rhythm_counts``).
"""

from __future__ import annotations

import json

import numpy as np

from converters.evaluation.events import NONE, event_rows, matched
from converters.evaluation.results import Confusion, Result, Table, Target
from converters.evaluation.spread import of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import MITDB, electrocardiograms, split
from converters.physio.evaluate import rhythm_counts
from edge_mm.errors import BundleError

TITLE = "Atrial fibrillation"
NEEDS, SENSES = MITDB, ("physio",)
ALERT = "health.irregular_rhythm"
LEAST = Target(">=", 0.93)
AFTER_S = 45.0
"""A rhythm is told from 30 s of it, and the rule waits 10 s."""


def run(context: Context) -> Result:
    """Sensitivity, specificity, alerts."""
    result = Result("rhythm", TITLE)
    seen = electrocardiograms(context)
    names = [one.record.person for one in seen]
    table = Table(result, split(context), of="records")
    counts = np.array([rhythm_counts(one.record, one.said) for one in seen])
    hit, missed, false, right = counts.sum(axis=0).astype(int).tolist()
    with_af = int((counts[:, 0] + counts[:, 1] > 0).sum())
    if hit + missed:
        sums = np.column_stack([counts[:, 0], counts[:, 0] + counts[:, 1]])
        table.spread(
            "AF: sensitivity", of_sums(sums, names, share), n=f"{hit}/{hit + missed} windows of {with_af} people",
            target=LEAST,
        )  # fmt: skip
    else:
        table.lacking("AF: sensitivity", "nobody among the held-out records has atrial fibrillation")
    sums = np.column_stack([counts[:, 3], counts[:, 2] + counts[:, 3]])
    table.spread(
        "AF: specificity", of_sums(sums, names, share), n=f"{right}/{right + false} windows", target=Target(">=", 0.90)
    )
    _left_out(context, result)
    result.confusions.append(Confusion("30 s windows", ("AF", "other"), ((hit, missed), (false, right))))
    total, hours = NONE, 0.0
    for one in seen:
        raised = [alert.t_ns / 1e9 for alert in one.watched.raised(ALERT)]
        flutter = one.record.spans("AFL", "VFL")
        raised = [at for at in raised if not any(start <= at <= end + AFTER_S for start, end in flutter)]
        total, hours = total + matched(one.record.spans("AFIB"), raised, after_s=AFTER_S), hours + one.hours
    event_rows(table, "AF", total, hours)
    return result


def _left_out(context: Context, result: Result) -> None:
    """What the build measured on people with AF in the training part, each by a net that had not seen them."""
    try:
        scores = json.loads(context.bundle.member("report.json"))["physio"]["af_left_out_person_float"]
        rows = [(str(person), one["se"] / 100, int(one["af_windows"])) for person, one in sorted(scores.items())]
    except (BundleError, ValueError, KeyError, TypeError, AttributeError):
        return  # another build writes another report; nothing is lost but these rows
    table = Table(result, "people with AF in the training part, each left out in turn (float)", of="people")
    windows_in_all = sum(windows for _, _, windows in rows)
    if windows_in_all:
        table.value(
            "AF: sensitivity", sum(value * windows for _, value, windows in rows) / windows_in_all,
            n=f"{windows_in_all} windows of {len(rows)} people", target=LEAST,
            note="from the bundle's report: float nets of the same recipe, each without the person that it is scored "
            "on; features were chosen with both people in view",
        )  # fmt: skip
    for person, value, windows in rows:
        table.value(
            f"AF: sensitivity on person {person}", value, n=f"{windows} windows",
            note="from the bundle's report: a float net of the same recipe trained without that person",
        )  # fmt: skip
