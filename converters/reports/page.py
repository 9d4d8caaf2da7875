"""A comparison as one HTML file: no script, nothing fetched, readable in any browser and in print.

In: a ``Comparison``. Out: text. Names of layers and outputs come from anybody's graph, so everything is escaped, and a
policy in the page forbids scripts and addresses besides. Not here: the numbers' words (``markdown``), the plots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from converters.evaluation.comparison import Comparison
from converters.reports import markdown
from converters.reports.plots import plots

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 68rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.verdict { padding: .8rem 1rem; border-left: .4rem solid; border-radius: .2rem; }
.passes { border-color: #2e7d32; background: #eef7ee; } .refused { border-color: #b3261e; background: #fdf0ef; }
table { border-collapse: collapse; font-size: .8rem; display: block; overflow-x: auto; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #888; }
figure { margin: 1rem 0; } figcaption, .note { color: #555; font-size: .9rem; } svg { max-width: 100%; height: auto; }
"""


def page(comparison: Comparison, *, title: str) -> str:
    """The whole page.

    Args:
        comparison: what was measured.
        title: e.g. the names of the two files.
    """
    kind = "passes" if comparison.passed else "refused"
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="verdict {kind}">{escape(comparison.sentence)}</p>']
    if comparison.verdict and comparison.verdict.advice:
        parts += ["<h2>What to try</h2>", _list(comparison.verdict.advice)]
    if comparison.losses:
        parts += ["<h2>Task</h2>", html_table(markdown.TASK, markdown.task(comparison))]
    parts += ["<h2>Outputs</h2>", html_table(markdown.OUTPUTS, markdown.outputs(comparison))]
    parts += ["<h2>Size and time</h2>", html_table(markdown.COST, markdown.cost(comparison))]
    parts += [_note(markdown.time_note(comparison))]
    for plot in plots(comparison):
        parts += [
            f"<h2>{escape(plot.title)}</h2>",
            f"<figure>{plot.svg}<figcaption>{escape(plot.says)}</figcaption></figure>",
        ]
    parts += ["<h2>Layers</h2>"]
    if comparison.table.layers:
        parts += [html_table(markdown.LAYERS, markdown.layers(comparison.table))]
    parts += [_note(markdown.layers_note(comparison.table))]
    if comparison.remedies:
        parts += ["<h2>Remedies tried</h2>", _list(map(str, comparison.remedies))]
    parts += [_note(f"{comparison.rows} rows, SHA-256 {comparison.digest}.")]
    return framed(title, parts)


def framed(title: str, parts: Iterable[str]) -> str:
    """A page of parts that are HTML already; the title is text."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are text."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""
