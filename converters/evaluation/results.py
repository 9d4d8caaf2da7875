"""What an evaluation found: rows of a table, confusion matrices, ROC curves, notes; and the same as JSON.

In: scores with their intervals. Out: ``Row`` and ``Result``, plain data that the reports and the model card read. Not
here: measuring, words around it (``converters.reports.evaluation``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.exact import rate_interval, share_interval
from converters.evaluation.spread import FEW, Spread

SCHEMA = 1
"""Of the JSON; a reader refuses another one."""
POINTS = 200
"""Of a stored ROC curve, at most."""


class Target(NamedTuple):
    """What is asked of a measure."""

    sense: Literal[">=", "<="]
    limit: float

    def __str__(self) -> str:
        """For people."""
        return f"{'at least' if self.sense == '>=' else 'at most'} {self.limit:g}"

    def met(self, value: float) -> bool:
        """Whether a value does."""
        return value >= self.limit if self.sense == ">=" else value <= self.limit


class Row(NamedTuple):
    """One line of the table."""

    task: str
    split: str
    """Which recordings, by name, and why they are unseen."""
    measure: str
    value: float | None
    """None where it could not be measured; ``note`` says why."""
    unit: str
    """``1`` (a share or a score), ``s``, ``bpm``, ``deg``, ``per hour``."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval."""
    interval: str
    """How it was made: ``bootstrap over 9 records``, ``exact (Clopper-Pearson)``."""
    n: str
    """What it rests on, with k/n where that is a count."""
    target: Target | None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value meets the target; None without one."""
        return None if self.target is None or self.value is None else self.target.met(self.value)

    @property
    def sure(self) -> bool | None:
        """Whether the whole interval does."""
        end = None if self.target is None else self.low if self.target.sense == ">=" else self.high
        return None if self.target is None or end is None else self.target.met(end)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "task": self.task, "split": self.split, "measure": self.measure, "value": self.value, "unit": self.unit,
            "ci": None if self.low is None or self.high is None else [self.low, self.high],
            "interval": self.interval, "n": self.n,
            "target": None if self.target is None else {"sense": self.target.sense, "limit": self.target.limit},
            "met": self.met, "interval_meets": self.sure, "note": self.note,
        }  # fmt: skip

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Row:
        """From ``as_data``, as JSON keeps it.

        Raises:
            KeyError, TypeError: it is not.
        """
        low, high = data["ci"] or (None, None)
        asked = data["target"]
        target = None if asked is None else Target(asked["sense"], asked["limit"])
        words = data["task"], data["split"], data["measure"], data["value"], data["unit"]
        return cls(*words, low, high, data["interval"], data["n"], target, data["note"])


class Confusion(NamedTuple):
    """Who was called what."""

    title: str
    labels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    """Rows truth, columns answer."""


class Curve(NamedTuple):
    """A ROC curve."""

    title: str
    false_share: tuple[float, ...]
    true_share: tuple[float, ...]
    """Both rising from 0 to 1."""
    at: tuple[float, float] | None
    """Where the threshold that ships lies on it: false share, true share."""


@dataclass
class Result:
    """All that one task found."""

    task: str
    title: str
    rows: list[Row] = field(default_factory=list)
    confusions: list[Confusion] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    absent: str = ""
    """Why it was not evaluated; empty where it was."""
    seconds: float = 0.0
    """Processor time."""

    def as_data(self) -> dict[str, Any]:
        """For JSON, without the time."""
        return {
            "task": self.task, "title": self.title, "absent": self.absent, "rows": [row.as_data() for row in self.rows],
            "confusions": [one._asdict() for one in self.confusions], "curves": [one._asdict() for one in self.curves],
            "notes": self.notes,
        }  # fmt: skip


class Table:
    """Makes the rows of one task and one split."""

    def __init__(self, result: Result, split: str, *, of: str) -> None:
        """Begin.

        Args:
            result: gets the rows.
            split: which recordings.
            of: what is drawn by the bootstrap: ``people``, ``records``, ``clips``.
        """
        self._result, self._of = result, of
        self.split = split

    def spread(
        self, measure: str, found: Spread, *, n: str, unit: str = "1", target: Target | None = None, note: str = ""
    ) -> None:
        """A score with its bootstrap interval."""
        few = f"{found.groups} {self._of}: the interval is rough" if 1 < found.groups < FEW else ""
        if found.groups == 1:
            few = f"one of the {self._of} only: no interval"
        elif np.isfinite(found.value) and not np.isfinite(found.low):
            few = f"the resamples of {found.groups} {self._of} are alike or lack a class: no interval"
        how = f"bootstrap over {found.groups} {self._of}" if np.isfinite(found.low) else ""
        numbers = found.value, found.low, found.high
        self._add(measure, numbers, unit=unit, how=how, n=n, target=target, note=_joined(note, few))

    def count(self, measure: str, k: int, n: int, *, what: str, target: Target | None = None, note: str = "") -> None:
        """A share of few, with its exact interval."""
        if n == 0:
            self.lacking(measure, f"no {what}", target=target)
            return
        how = "exact (Clopper-Pearson)"
        numbers = k / n, *share_interval(k, n)
        self._add(measure, numbers, unit="1", how=how, n=f"{k}/{n} {what}", target=target, note=note)

    def rate(self, measure: str, count: int, hours: float, *, target: Target | None = None, note: str = "") -> None:
        """Events per hour, with the exact Poisson interval."""
        if not hours > 0:
            self.lacking(measure, "no time", target=target)
            return
        how, n = "exact (Garwood)", f"{count} in {hours:.2f} h"
        numbers = count / hours, *rate_interval(count, hours)
        self._add(measure, numbers, unit="per hour", how=how, n=n, target=target, note=note)

    def value(
        self, measure: str, value: float, *, n: str, unit: str = "1", note: str = "", target: Target | None = None
    ) -> None:
        """A number without an interval."""
        self._add(measure, (value, np.nan, np.nan), unit=unit, how="", n=n, target=target, note=note)

    def worst(self, measure: str, value: float, *, n: str, target: Target) -> None:
        """The worst of several, which has no interval."""
        self._add(measure, (value, np.nan, np.nan), unit="1", how="", n=n, target=target, note="")

    def lacking(self, measure: str, why: str, *, target: Target | None = None) -> None:
        """A measure that the data does not allow."""
        nothing = np.nan, np.nan, np.nan
        self._add(measure, nothing, unit="1", how="", n="", target=target, note=f"not measured: {why}")

    def _add(
        self, measure: str, found: tuple[float, float, float], *, unit: str, how: str, n: str,
        target: Target | None, note: str,
    ) -> None:  # fmt: skip
        value, low, high = map(_number, found)
        if value is None and not note:
            note = "not measured: a class is missing"
        self._result.rows.append(
            Row(self._result.task, self.split, measure, value, unit, low, high, how, n, target, note)
        )


def curve(
    title: str, score: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_], threshold: float | None
) -> Curve | None:
    """The ROC curve of scores; None where a class is missing.

    Args:
        title: what it is of.
        score: (n,).
        truth: (n,).
        threshold: yes is said at or above it; drawn as a point.
    """
    yes, no = int(truth.sum()), int((~truth).sum())
    if not yes or not no:
        return None
    order = np.argsort(-score, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    true = np.r_[0.0, np.cumsum(truth[order])[last] / yes]
    false = np.r_[0.0, np.cumsum(~truth[order])[last] / no]
    keep = np.unique(np.linspace(0, len(true) - 1, min(POINTS, len(true))).round().astype(int))
    at = None
    if threshold is not None:
        said = score >= threshold
        at = round(float(said[~truth].mean()), 4), round(float(said[truth].mean()), 4)
    return Curve(title, tuple(false[keep].round(4).tolist()), tuple(true[keep].round(4).tolist()), at)


def as_data(results: Sequence[Result], about: Mapping[str, Any]) -> dict[str, Any]:
    """The whole report as JSON-able data: ``about``, ``rows`` of all tasks (the table for a model card), ``tasks``."""
    rows = [row.as_data() for result in results for row in result.rows]
    return {"schema": SCHEMA, **about, "rows": rows, "tasks": [result.as_data() for result in results]}


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)
