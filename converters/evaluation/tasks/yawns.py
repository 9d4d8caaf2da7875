"""Yawning: frame by frame end to end, and one alert for each yawn of a clip, none for talking and laughing.

Read: ``driver.yawning``, alert ``driver.yawning``. Truth: a person's word for stills; on clips the teacher's lip gap
(``labels.YAWN_GAP``). A still is one frame, so the reading has no moments before it to settle over.
"""

from __future__ import annotations

import numpy as np

from converters.evaluation.events import NONE, Interval, event_rows, matched
from converters.evaluation.results import Result, Table, Target
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.driver_footage import FOOTAGE, Clip, clips, reading, stills
from converters.evaluation.yesno import yes_or_no
from converters.vision import labels

TITLE = "Yawning"
NEEDS, SENSES = FOOTAGE, ("vision",)
READING, ALERT = "driver.yawning", "driver.yawning"
LONG_S, JOIN_S = 1.0, 0.7
"""A yawn lasts at least so long; a mouth that shuts for less does not end it."""
WITHIN_S = 2.0
"""An alert must come so soon after a yawn became recognisable as one (the mouth open for ``LONG_S``)."""


def run(context: Context) -> Result:
    """Frames of stills, frames and alerts of clips."""
    result = Result("yawns", TITLE)
    seen = stills(context)
    table = Table(result, "YawDD stills of held-out people", of="people")
    score = np.array([reading(one.said, READING) for one in seen])
    truth = np.array([one.yawn == 1 for one in seen])
    yes_or_no(
        result, table, score, truth, [one.person for one in seen], of="frames", yes="yawn", no="none",
        targets={"AUROC": Target(">=", 0.99)}, note="frames without a found face count as no yawn",
    )  # fmt: skip
    total, hours, soon, wrong = NONE, 0.0, 0, 0
    for clip in clips(context):
        yawns = yawns_of(clip)
        found = matched(yawns, [one.t_ns / 1e9 for one in clip.said.raised(ALERT)])
        total, hours = total + found, hours + clip.hours
        soon += sum(late <= LONG_S + WITHIN_S for late in found.latency_s)
        wrong += found.false > 0
        result.notes.append(
            f"{clip.name}: {clip.frames / clip.rate_hz:.1f} s, {len(yawns)} yawns by the lip gap, "
            f"{len(clip.said.raised(ALERT))} alerts."
        )
    table = Table(result, "held-out YawDD and GRID clips", of="clips")
    event_rows(table, "yawn", total, hours)
    table.count(
        f"yawns raised within {WITHIN_S:g} s", soon, total.events, what="yawns", target=Target(">=", 1.0),
        note=f"counted from when the mouth had been wide open for {LONG_S:g} s: before that it is no yawn yet",
    )  # fmt: skip
    table.count(
        "clips with a yawn alert on no yawn (talking, laughing)", wrong, len(clips(context)), what="clips",
        target=Target("<=", 0.0),
    )  # fmt: skip
    return result


def yawns_of(clip: Clip) -> list[Interval]:
    """(start, end) seconds of the yawns of a clip by the teacher's lip gap."""
    times, wide = [], []
    for number, face in sorted(clip.faces.items()):
        times.append(number / clip.rate_hz)
        wide.append(face is not None and labels.lip_gap(face.points) > labels.YAWN_GAP)
    spans: list[Interval] = []
    for at, open_ in zip(times, wide, strict=True):
        if not open_:
            continue
        if spans and at - spans[-1][1] <= JOIN_S:
            spans[-1] = spans[-1][0], at
        else:
            spans.append((at, at))
    return [(start, end) for start, end in spans if end - start >= LONG_S]
