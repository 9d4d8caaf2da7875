"""Atrial fibrillation in 30 s windows, on the beats that the monitor itself found.

Read: ``vitals.rhythm_irregular`` at the end of each window, alert ``health.irregular_rhythm``. Truth: the annotated
rhythm; a window is AF where more than half of it is AFIB. The flutter rule: a window that touches AFL or VFL is neither
AF nor other, it is left out (``converters.physio.evaluate.rhythm_counts``).
"""

from __future__ import annotations

import numpy as np

from converters.evaluation.events import NONE, event_rows, matched
from converters.evaluation.results import Confusion, Result, Table, Target
from converters.evaluation.spread import of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import MITDB, electrocardiograms, split
from converters.physio.evaluate import rhythm_counts

TITLE = "Atrial fibrillation"
NEEDS, SENSES = MITDB, ("physio",)
ALERT = "health.irregular_rhythm"
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
    least = Target(">=", 0.93)
    if hit + missed:
        sums = np.column_stack([counts[:, 0], counts[:, 0] + counts[:, 1]])
        table.spread(
            "AF: sensitivity", of_sums(sums, names, share), n=f"{hit}/{hit + missed} windows of {with_af} people",
            target=least,
        )  # fmt: skip
    else:
        table.lacking("AF: sensitivity", "nobody among the held-out records has atrial fibrillation", target=least)
    sums = np.column_stack([counts[:, 3], counts[:, 2] + counts[:, 3]])
    table.spread(
        "AF: specificity", of_sums(sums, names, share), n=f"{right}/{right + false} windows", target=Target(">=", 0.90)
    )
    result.confusions.append(Confusion("30 s windows", ("AF", "other"), ((hit, missed), (false, right))))
    total, hours = NONE, 0.0
    for one in seen:
        raised = [alert.t_ns / 1e9 for alert in one.watched.raised(ALERT)]
        flutter = one.record.spans("AFL", "VFL")
        raised = [at for at in raised if not any(start <= at <= end + AFTER_S for start, end in flutter)]
        total, hours = total + matched(one.record.spans("AFIB"), raised, after_s=AFTER_S), hours + one.hours
    event_rows(table, "AF", total, hours)
    return result
