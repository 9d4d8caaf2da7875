"""An evaluation by people as Markdown and as one page of HTML.

In: ``Result``s and what they are of. Out: text. The page has the looks of ``page``: no script, nothing fetched,
everything escaped. Not here: measuring, the pictures (``evaluation_plots``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from converters.evaluation.results import SCHEMA, Confusion, Result, Row
from converters.reports.evaluation_plots import confusion_svg, roc_svg
from converters.reports.markdown import safe, table
from converters.reports.page import framed, html_table
from edge_mm.errors import ConvertError

HEAD = ("task", "split", "measure", "value", "95 % interval", "rests on", "asked", "met")


class About(NamedTuple):
    """What was evaluated."""

    title: str
    sentences: tuple[str, ...]
    """Bundle with digest, data, versions, date; that it was a quick run."""


def summary(results: Sequence[Result]) -> str:
    """One sentence: how many targets are met."""
    rows = [row for result in results for row in result.rows if row.target is not None]
    met, not_met = sum(row.met is True for row in rows), sum(row.met is False for row in rows)
    lacking, absent = sum(row.met is None for row in rows), sum(bool(result.absent) for result in results)
    text = f"{met} of {len(rows)} measures with a target meet it, {not_met} do not, {lacking} could not be measured."
    return text + (f" {absent} tasks were not evaluated." if absent else "")


def markdown(results: Sequence[Result], about: About) -> str:
    """The whole report."""
    parts = [f"# {safe(about.title)}", "\n".join(f"- {safe(text)}" for text in about.sentences)]
    parts += [f"**{safe(summary(results))}**", "## Asked and reached", table(HEAD, asked(results))]
    for result in results:
        parts.append(f"## {safe(result.title)}")
        if result.absent:
            parts.append(safe(result.absent))
            continue
        parts.append(table(HEAD[1:], [line(row)[1:] for row in result.rows]))
        for one in result.confusions:
            parts += [f"Confusion, {safe(one.title)} (rows: truth, columns: answer)", table(*_cells(one))]
        notes = [*result.notes, *_row_notes(result)]
        parts.append("\n".join(f"- {safe(note)}" for note in notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def page(results: Sequence[Result], about: About) -> str:
    """The whole page."""
    parts = [f"<h1>{escape(about.title)}</h1>", _list(about.sentences)]
    parts += [f"<p><b>{escape(summary(results))}</b></p>", "<h2>Asked and reached</h2>"]
    parts.append(html_table(HEAD, asked(results)))
    for result in results:
        parts.append(f"<h2>{escape(result.title)}</h2>")
        if result.absent:
            parts.append(f'<p class="note">{escape(result.absent)}</p>')
            continue
        parts.append(html_table(HEAD[1:], [line(row)[1:] for row in result.rows]))
        pictures = [confusion_svg(one) for one in result.confusions] + [roc_svg(one) for one in result.curves]
        parts += [f"<figure>{svg}</figure>" for svg in pictures]
        parts.append(_list([*result.notes, *_row_notes(result)]))
    return framed(about.title, parts)


def asked(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The rows with a target, of all tasks: the table for a model card."""
    return [line(row) for result in results for row in result.rows if row.target is not None]


def card_table(data: Mapping[str, Any]) -> str:
    """The table for a model card, from ``evaluation.json``: every row with a target.

    Args:
        data: the decoded JSON.

    Raises:
        ConvertError: it is not an evaluation of this schema, or a quick one, which measures nothing.
    """
    try:
        if data["schema"] != SCHEMA:
            raise ConvertError(f"evaluation.json has schema {data['schema']}, not {SCHEMA}: evaluate again")
        if data["quick"]:
            raise ConvertError("a quick evaluation measures nothing: evaluate without --quick for the model card")
        rows = [Row.of_data(one) for one in data["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ConvertError(f"not an evaluation.json: {error!r:.80}") from error
    return table(HEAD, [line(row) for row in rows if row.target is not None])


def line(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of ``HEAD``."""
    interval = "" if row.low is None or row.high is None else f"{_number(row.low)} to {_number(row.high)}"
    value = "not measured" if row.value is None else f"{_number(row.value)}{'' if row.unit == '1' else ' ' + row.unit}"
    met = {True: "yes", False: "no", None: ""}[row.met]
    if row.met and row.sure is False:
        met = "yes, interval reaches over"
    if row.met is False and row.low is not None and row.high is not None and row.target is not None:
        best = row.high if row.target.sense == ">=" else row.low
        met = "no, interval reaches it" if row.target.met(best) else "no"
    target = "" if row.target is None else str(row.target)
    return row.task, row.split, row.measure, value, interval, row.n, target, met


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def _row_notes(result: Result) -> list[str]:
    """Notes of rows, each once, with the measures that they are about."""
    found: dict[str, list[str]] = {}
    for row in result.rows:
        if row.note:
            found.setdefault(row.note, []).append(row.measure)
    return [
        f"{'; '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {note}."
        for note, names in found.items()
    ]


def _cells(one: Confusion) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [(label, *map(str, counts)) for label, counts in zip(one.labels, one.table, strict=True)]
    return ("", *one.labels), rows


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>" if items else ""
