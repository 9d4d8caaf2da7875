"""Pictures as SVG text: waveforms, time lines, bars. Only numbers go in, so nothing that a device says can be markup.

In: numbers. Out: SVG. Not here: words beside them (``detail``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from edge_mm.dashboard.bounds import LINE_S
from edge_mm.dashboard.lines import TimeLine, Wave

_WIDTH, _HEIGHT = 600, 90
_LINE_HEIGHT = 22
_COLUMNS = 600
_GAP_S = 3.0
Share = Literal["contribution", "attention", "quality", "score"]


def wave_svg(wave: Wave) -> str:
    """The last seconds of a signal; a gap where there is none. Empty text when there is nothing."""
    values = list(wave.values)
    good = [value for value in values if math.isfinite(value)]
    if len(good) < 2:
        return ""
    low, high = min(good), max(good)
    span = (high / 2 - low / 2) or 0.5  # halves: the largest numbers have no difference
    step = _WIDTH / (wave.capacity - 1)
    first = wave.capacity - len(values)
    pieces: list[str] = []
    pen = "M"
    for i, value in enumerate(values):
        if not math.isfinite(value):
            pen = "M"
            continue
        x, y = (first + i) * step, 4 + (_HEIGHT - 8) * (1 - (value / 2 - low / 2) / span)
        pieces.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    path = "".join(pieces)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<path class="trace" d="{path}"/></svg>'
    )


def line_svg(line: TimeLine, now_s: float) -> str:
    """How likely something was over the last minutes: by height; empty where nothing was read."""
    parts: list[str] = []
    points = list(line.since(now_s - LINE_S))
    for i, (at_s, value, quality) in enumerate(points):
        until_s = points[i + 1][0] if i + 1 < len(points) else at_s + 1.0
        until_s = min(until_s, at_s + _GAP_S, now_s)
        x = _COLUMNS * (1 - (now_s - at_s) / LINE_S)
        width = max(1.0, _COLUMNS * (until_s - at_s) / LINE_S)
        height = _LINE_HEIGHT * max(0.06, min(1.0, value))
        shown = "yes" if value >= 0.5 else "no"
        faint = ' opacity=".35"' if quality < 0.25 else ""
        parts.append(
            f'<rect class="{shown}" x="{x:.1f}" y="{_LINE_HEIGHT - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}"{faint}/>'
        )
    return (
        f'<svg viewBox="0 0 {_COLUMNS} {_LINE_HEIGHT}" preserveAspectRatio="none" shape-rendering="crispEdges" '
        f'aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


def bars_svg(values: Mapping[Share, float | None]) -> str:
    """Shares 0..1 as bars, one below the other, each in the colour of what it is."""
    rows = []
    for i, (what, value) in enumerate(values.items()):
        width = 0.0 if value is None or not math.isfinite(value) else 100 * max(0.0, min(1.0, value))
        rows.append(f'<rect class="rail" x="0" y="{8 * i}" width="100" height="6" rx="1"/>')
        rows.append(f'<rect class="bar {what}" x="0" y="{8 * i}" width="{width:.1f}" height="6" rx="1"/>')
    height = 8 * max(1, len(values)) - 2
    return (
        f'<svg class="n{len(values)}" viewBox="0 0 100 {height}" preserveAspectRatio="none" '
        f"aria-hidden='true' focusable='false'>{''.join(rows)}</svg>"
    )
