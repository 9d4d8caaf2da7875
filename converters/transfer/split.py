"""Rows for learning, for early stopping and for the verdict: by person where there are three, else by recording, else
by stretches of time.

In: the rows of one graph. Out: places in them. Not here: training. A split that mixes people says nothing about the
next person; which one was possible is said in the report.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.transfer.rows import NO, UNSAID, YES, Rows
from edge_mm.errors import ConvertError

Places = npt.NDArray[np.intp]

STRETCH_S = 20.0
"""Neighbours in time look alike: they stay on one side."""
TRIES = 400
MOST = 6000
"""Rows for learning: of more, evenly spaced ones of each kind."""
TILT = 4
"""Rows of the rarer side count for at least one in five: of the other one, evenly spaced ones are taken."""


class Split(NamedTuple):
    """Places of rows; none is on two sides."""

    learn: Places
    stop: Places
    """For early stopping."""
    judge: Places
    """For the verdict: nothing was chosen by them."""
    by: str
    """``person``, ``recording`` or ``20 s of a recording``."""


def split(rows: Rows, *, held_out: float, seed: int) -> Split:
    """Draw whole units; every label has both sides in each part.

    Args:
        rows: labelled.
        held_out: share of the units for the verdict; half as many stop the training.
        seed: of the drawing.

    Raises:
        ConvertError: too few events or recordings to have both sides in each part.
    """
    labelled = np.flatnonzero(np.any([truth != UNSAID for truth in rows.truth.values()], axis=0))
    stretch = np.char.add(np.char.add(rows.recordings, " "), (rows.at_s // STRETCH_S).astype(int).astype(str))
    units = {"person": rows.people, "recording": rows.recordings, f"{STRETCH_S:g} s of a recording": stretch}
    rng = np.random.default_rng(seed)
    for by, unit in units.items():
        names = np.unique(unit[labelled])
        if len(names) < 3:
            continue
        judged = min(max(1, round(held_out * len(names))), len(names) - 2)
        stopping = min(max(1, round(held_out * len(names) / 2)), len(names) - judged - 1)
        for _ in range(TRIES):
            drawn = rng.permutation(names)
            sides = drawn[judged + stopping :], drawn[judged : judged + stopping], drawn[:judged]
            learn, stop, judge = (labelled[np.isin(unit[labelled], side)] for side in sides)
            if all(_both(rows, side) for side in (learn, stop, judge)):
                return Split(_balanced(rows, learn), stop, judge, by)
    counts = "; ".join(f"{name}: {(t == YES).sum()} yes, {(t == NO).sum()} no" for name, t in rows.truth.items())
    raise ConvertError(
        f"too few labelled moments to learn from and to judge by ({counts}, in {len(np.unique(rows.recordings))} "
        "recordings): each name must happen, and not happen, in three people, recordings or stretches of "
        f"{STRETCH_S:g} s"
    )


def _both(rows: Rows, side: Places) -> bool:
    return all((truth[side] == YES).any() and (truth[side] == NO).any() for truth in rows.truth.values())


def _balanced(rows: Rows, side: Places) -> Places:
    yes = np.any([truth[side] == YES for truth in rows.truth.values()], axis=0)
    some, others = side[yes], side[~yes]
    few, many = sorted((some, others), key=len)
    return np.sort(np.concatenate([_thinned(few, MOST // 2), _thinned(many, min(TILT * len(few), MOST))]))


def _thinned(places: Places, most: int) -> Places:
    return places if len(places) <= most else places[np.arange(most) * len(places) // most]
