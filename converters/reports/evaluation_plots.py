"""Confusion matrices and ROC curves as SVG, written by hand: they need no plotting library and are small.

In: a ``Confusion`` or a ``Curve``. Out: one ``<svg>`` element, the same bytes for the same numbers. Not here: the page.
"""

from __future__ import annotations

from html import escape

from converters.evaluation.results import Confusion, Curve

_BLUE, _ORANGE, _LINE = "#3b6ea8", "#e08a1e", "#555555"
_CELL, _LEFT, _TOP = 62, 92, 64
_SIDE = 240


def confusion_svg(one: Confusion) -> str:
    """Rows truth, columns answer; a cell is as dark as its share of the row."""
    side = len(one.labels)
    wide, high = _LEFT + side * _CELL + 10, _TOP + side * _CELL + 10
    parts = [_text(6, 16, f"{one.title} (rows: truth, columns: answer)", size=12)]
    for k, label in enumerate(one.labels):
        middle = k * _CELL + _CELL / 2
        parts.append(_text(_LEFT + middle, _TOP - 8, label, anchor="middle"))
        parts.append(_text(_LEFT - 8, _TOP + middle + 4, label, anchor="end"))
    for i, counts in enumerate(one.table):
        for j, count in enumerate(counts):
            share = count / sum(counts) if sum(counts) else 0.0
            x, y = _LEFT + j * _CELL, _TOP + i * _CELL
            fill = f'fill="{_BLUE}" fill-opacity="{0.08 + 0.85 * share:.3f}"'
            parts.append(f'<rect x="{x}" y="{y}" width="{_CELL - 3}" height="{_CELL - 3}" {fill}/>')
            colour = "#ffffff" if share > 0.55 else "#1c1c1c"
            parts.append(_text(x + _CELL / 2 - 1, y + _CELL / 2 + 3, f"{count:,}", anchor="middle", fill=colour))
    return _svg(max(wide, 430), high, parts)


def roc_svg(one: Curve) -> str:
    """True share over false share, the diagonal of chance, and the threshold that ships as a point."""
    left, top = 48, 30

    def place(false: float, true: float) -> str:
        return f"{left + false * _SIDE:.1f},{top + (1 - true) * _SIDE:.1f}"

    path = " ".join(place(*pair) for pair in zip(one.false_share, one.true_share, strict=True))
    parts = [
        _text(6, 16, f"ROC: {one.title}", size=12),
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#cccccc"/>',
        f'<polyline points="{place(0, 0)} {place(1, 1)}" fill="none" stroke="{_LINE}" stroke-dasharray="3 4"/>',
        f'<polyline points="{path}" fill="none" stroke="{_BLUE}" stroke-width="2"/>',
    ]
    if one.at is not None:
        x, y = place(*one.at).split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{_ORANGE}"/>')
    for tick in (0.0, 0.5, 1.0):
        parts.append(_text(left + tick * _SIDE, top + _SIDE + 14, f"{tick:g}", anchor="middle", size=10))
        parts.append(_text(left - 6, top + (1 - tick) * _SIDE + 4, f"{tick:g}", anchor="end", size=10))
    below = "false positive rate (y: true positive rate; point: as shipped)"
    parts.append(_text(left, top + _SIDE + 30, below, size=10))
    return _svg(left + _SIDE + 90, top + _SIDE + 40, parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 11, fill: str = "#1c1c1c") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"'
    return f"<text {place}>{escape(text)}</text>"


def _svg(wide: float, high: float, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" font-family="sans-serif">'
    return head + "".join(parts) + "</svg>"
