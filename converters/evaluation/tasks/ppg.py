"""Heart rate from a wrist pulse, outside of the stress tasks, against the sensor's own inter-beat intervals.

Read: ``vitals.heart_rate_bpm``, its mean over each minute. Truth: 60 over the mean inter-beat interval of the minute,
where the sensor's intervals fill at least half of it. Coverage is the share of these minutes for which we give a rate
at least once in ten seconds; the difference is taken over these.
"""

from __future__ import annotations

import numpy as np

from converters.evaluation.results import Result, Table, Target
from converters.evaluation.spread import of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import STRESS, Wrist, wrists

TITLE = "Heart rate from a wrist pulse"
NEEDS, SENSES = (STRESS,), ("physio",)
WINDOW_S = 60.0
FILLED = 0.5
READINGS = 6
"""Ten-second parts of a minute that must have a rate."""


def run(context: Context) -> Result:
    """Mean absolute error and coverage, over people."""
    result = Result("ppg", TITLE)
    seen = wrists(context)
    table = Table(result, "Stress-Predict outside the stress tasks, all people", of="people")
    terms, groups = [], []
    for one in seen:
        for truth, ours in minutes(one):
            given = np.isfinite(ours)
            terms.append([abs(ours - truth) if given else 0.0, float(given), 1.0])
            groups.append(one.person)
    sums = np.array(terms).reshape(-1, 3)
    n = f"{int(sums[:, 1].sum())} of {len(sums)} minutes of {len(set(groups))} people"
    table.spread(
        "heart rate: mean absolute error", of_sums(sums[:, :2], groups, share), n=n, unit="bpm",
        target=Target("<=", 3.0), note="against the sensor's own inter-beat intervals, minutes where we give a rate",
    )  # fmt: skip
    table.spread(
        "heart rate: coverage", of_sums(sums[:, 1:], groups, share), n=n, target=Target(">=", 0.60),
        note="of the minutes with intervals to compare with",
    )  # fmt: skip
    result.notes.append("Nothing was learned from these pulses; the rhythm net has seen these people's intervals.")
    return result


def minutes(one: Wrist) -> list[tuple[float, float]]:
    """(true, our) heart rate of each whole calm minute with intervals; ours is NaN where we give none."""
    rate = one.watched.series("vitals.heart_rate_bpm")
    found = []
    for start, end in one.calm:
        for at in np.arange(max(start, 0.0), min(end, one.hours * 3600) - WINDOW_S + 1e-6, WINDOW_S):
            inside = one.ibi[(one.ibi[:, 0] >= at) & (one.ibi[:, 0] < at + WINDOW_S), 1]
            if inside.sum() < FILLED * WINDOW_S:
                continue
            ours = (rate.t_s >= at) & (rate.t_s < at + WINDOW_S)
            parts = len(np.unique((rate.t_s[ours] - at) // (WINDOW_S / READINGS)))
            value = float(rate.value[ours].mean()) if parts >= READINGS else float("nan")
            found.append((60.0 / float(inside.mean()), value))
    return found
