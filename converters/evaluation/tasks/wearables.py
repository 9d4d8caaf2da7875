"""Stress and falls of a wrist: the figures of nets that had not seen the person, as the bundle's own report has them.

Read: ``report.json`` of the bundle. The nets that ship were trained on every person of the two data sets, so running
them on these people again would flatter; ``converters.skin`` and ``converters.motion`` measured one int8 net per
left-out person (fold) through the device's front end while they built the parts. Not here: measuring anything.
"""

from __future__ import annotations

import json
from typing import Any

from converters.evaluation.results import Result, Row, Target
from converters.evaluation.tasks import Context
from edge_mm.errors import BundleError

TITLE = "Stress and falls at a wrist"
NEEDS: tuple[str, ...] = ()
SENSES = ("skin",)
MEMBER = "report.json"
LEFT_OUT = "each person by a net that had not seen them, by the build"
BY_PEOPLE = "bootstrap over people"


def run(context: Context) -> Result:
    """One row per figure.

    Raises:
        BundleError: the report is not what the build writes.
    """
    result = Result("wearables", TITLE)
    if not context.bundle.has(MEMBER):
        result.absent = f"not evaluated: no {MEMBER} in the bundle"
        return result
    try:
        report = json.loads(context.bundle.member(MEMBER))
        result.rows += _stress(report["skin"])
        if "motion" in report:
            result.rows += _falls(report["motion"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{context.bundle.source}: {MEMBER} is not what the build writes: {error!r}") from error
    result.notes.append(
        "The margin over a model that sees only the elapsed time decides whether this may be called stress detection: "
        "below 0 it may not. It is called arousal."
    )
    return result


def _row(
    measure: str, value: Any, *, ci: Any = (None, None), n: str, target: Target | None = None, note: str = ""
) -> Row:
    number = None if value is None else float(value)
    return Row("wearables", LEFT_OUT, measure, number, "1", ci[0], ci[1], BY_PEOPLE, n, target, note)


def _stress(skin: Any) -> list[Row]:
    main, nulls = skin["leave_one_person_out"], skin["nulls"]
    people = f"{len(main['people'])} people, {main['people_above_half']} above 0.5"
    rows = [
        _row("stress: within-person AUROC, without the EDA level", main["mean"], ci=main["mean_95"], n=people,
             target=Target(">=", 0.72)),
        _row("stress: margin over elapsed time alone", skin["margin_over_elapsed_time"], n=people,
             target=Target(">=", 0.0), note=f"elapsed time alone: {nulls['elapsed_time_only']['mean']:.3f}"),
        _row("stress: margin over the EDA level alone", skin["margin_over_eda_level"], n=people,
             target=Target(">=", 0.0), note=f"EDA level alone: {nulls['eda_level_only']['mean']:.3f}"),
    ]  # fmt: skip
    rows += [
        _row(f"stress: within-person AUROC, {name}", one["mean"], ci=one["mean_95"], n=people)
        for name, one in skin["senses"].items()
        if name != "skin, heart and temperature"
    ]
    return rows


def _falls(motion: Any) -> list[Row]:
    rows = []
    for name, one in motion["subject_wise"].items():
        target = Target(">=", 0.95) if name == "as recorded" else None
        note = f"{one['false_alarms_on_clapping_or_zipping']} alarms on clapping or zipping"
        rows.append(_row(f"falls: F1, {name}", one["f1"], ci=one["f1_95"], n=_counts(one),
                         target=target, note=note))  # fmt: skip
    return rows


def _counts(one: Any) -> str:
    return f"{one['falls_found']} falls found, {one['false_alarm_recordings']} daily recordings with an alarm"
