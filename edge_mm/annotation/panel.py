"""What is written beside the recording: alerts, attention, scores, readings.

In: the scene. Out: the banner and the panel. Not here: strips, the face.
"""

from __future__ import annotations

from typing import NamedTuple

from edge_mm.annotation import ink
from edge_mm.annotation.ink import Colour
from edge_mm.annotation.layout import BANNER, Box
from edge_mm.annotation.scene import Scene
from edge_mm.kinds import MODALITY_OF
from edge_mm.types import NS_PER_S, Alert, Observation, StreamSpec

PRIORITY: dict[str, Colour] = {"high": ink.HIGH, "medium": ink.MEDIUM, "low": ink.LOW}
_ROW, _LABEL, _NUMBER = 20, 132, 56
_SHOWN = 3
"""Alerts that have a line in the banner."""


class _Row(NamedTuple):
    label: str
    kind: str
    """``good`` and ``bad``: a bar that is green or red when it is full; else the number alone, in this unit."""


_ROWS = {
    "driver.face_found": _Row("face", "good"),
    "driver.eyes_closed": _Row("eyes closed", "bad"),
    "driver.mouth_open": _Row("mouth open", "plain"),
    "driver.yawning": _Row("yawning", "bad"),
    "driver.head_yaw_deg": _Row("head yaw", "deg"),
    "driver.head_pitch_deg": _Row("head pitch", "deg"),
    "driver.head_roll_deg": _Row("head roll", "deg"),
    "vitals.heart_rate_bpm": _Row("heart rate", "bpm"),
    "vitals.rhythm_irregular": _Row("irregular rhythm", "bad"),
    "sensor.quality": _Row("quality", "good"),
}
"""What has a row of its own, in this order; other readings follow under their names."""
_ELSEWHERE = ("driver.face_", "driver.eye_", "vitals.beat", "vitals.rr_interval_s", "audio.")
"""Readings that are drawn, not written."""


def draw_banner(canvas: ink.U8, box: Box, scene: Scene) -> None:
    """The alerts that stand, then those that are just over; the most urgent one gives the colour."""
    standing = scene.standing()
    lines: list[tuple[str, Colour]] = [(_sentence(one), PRIORITY[one.priority]) for one in standing]
    lines += [(f"over: {one.kind}: {one.reason.text}", ink.GOOD) for one in reversed(scene.cleared)]
    ink.fill(canvas, box, ink.SURFACE)
    if standing:
        ink.fill(canvas, box._replace(w=6), PRIORITY[standing[0].priority])
    if not lines:
        ink.text(canvas, "no alert", box.x + 16, box.y + BANNER // 2, colour=ink.FAINT)
        return
    more = len(lines) - _SHOWN
    for i, (words, colour) in enumerate(lines[:_SHOWN]):
        last = f"  (+{more} more)" if more > 0 and i == _SHOWN - 1 else ""
        y = box.y + BANNER // 2 if len(lines) == 1 else box.y + 12 + i * 21
        ink.text(canvas, words + last, box.x + 16, y, colour=colour, width=box.w - 24)


def _sentence(alert: Alert) -> str:
    return f"{alert.priority.upper()}  {alert.key}: {alert.reason.text}"


class Panel:
    """Attention, scores and readings.

    Args:
        streams: what is watched.
        title: for the first line.
    """

    def __init__(self, streams: tuple[StreamSpec, ...], *, title: str) -> None:
        self._streams = streams
        self._title = title

    def draw(self, canvas: ink.U8, box: Box, scene: Scene) -> None:
        """Draw it; what does not fit is left out."""
        ink.fill(canvas, box, ink.SURFACE)
        seconds = (scene.now_ns - scene.origin_ns) / NS_PER_S
        clock = f"{int(seconds // 60):02d}:{seconds % 60:04.1f}"
        ink.text(canvas, clock, box.x + box.w - 10, box.y + 18, size="large", right=True)
        ink.text(canvas, self._title, box.x + 10, box.y + 18, colour=ink.FAINT, width=box.w - 110)
        y = self._fused(canvas, box, scene, box.y + 46)
        for spec in self._streams:
            shown = scene.readings(spec.name)
            if y + 2 * _ROW > box.y + box.h or (not shown and spec.name in scene.states):
                continue
            y = _heading(canvas, box, y, spec.name)
            known = {one.name: one for one in shown}
            first = [known.pop(name) for name in _ROWS if name in known]
            for one in [*first, *(one for one in known.values() if not one.name.startswith(_ELSEWHERE))]:
                if y + _ROW // 2 > box.y + box.h:
                    break
                y = _reading(canvas, box, y, one)
            if spec.kind == "audio":
                y = _heard(canvas, box, y, scene, spec.name)
            y += 6

    def _fused(self, canvas: ink.U8, box: Box, scene: Scene, y: int) -> int:
        estimate = scene.fused()
        y = _heading(canvas, box, y, "attention")
        for sense in dict.fromkeys(MODALITY_OF[spec.kind] for spec in self._streams):
            weight = 0.0 if estimate is None else estimate.weights.get(sense, 0.0)
            told = None if weight > 0 else "not yet" if estimate is None or not estimate.scores else "unused"
            y = _bar(canvas, box, y, sense, weight, colour=(210, 160, 90), told=told)
        y = _heading(canvas, box, y + 6, "fused")
        scores = {} if estimate is None else estimate.scores
        for head, score in scores.items():
            y = _bar(canvas, box, y, head.replace("_", " "), score, colour=_alarming(score))
        if not scores:
            ink.text(canvas, "nothing yet", box.x + 10, y, colour=ink.FAINT, size="small")
            y += _ROW
        return y + 6


def _reading(canvas: ink.U8, box: Box, y: int, one: Observation) -> int:
    row = _ROWS.get(one.name) or _Row(
        one.name.split(".", 1)[-1].replace("_", " "), "plain" if one.unit == "probability" else one.unit
    )
    if row.kind in ("good", "bad", "plain"):
        colour = {"good": _reassuring, "bad": _alarming}.get(row.kind, lambda _: (200, 190, 150))(one.value)
        return _bar(canvas, box, y, row.label, one.value, colour=colour, told=one.label or None)
    ink.text(canvas, row.label, box.x + 10, y, size="small", width=_LABEL)
    number = f"{one.value:+.0f} deg" if row.kind == "deg" else f"{one.value:.3g} {row.kind if row.kind != '1' else ''}"
    ink.text(canvas, number.strip(), box.x + box.w - 10, y, right=True, size="small")
    return y + _ROW


def _heard(canvas: ink.U8, box: Box, y: int, scene: Scene, stream: str) -> int:
    """The likeliest classes of sound of the moment."""
    if y + _ROW // 2 > box.y + box.h:
        return y
    loud = [one for one in scene.readings(stream) if one.name.startswith("audio.")]
    for one in sorted(loud, key=lambda one: -one.value)[:2]:
        y = _bar(canvas, box, y, one.name.removeprefix("audio.").replace("_", " "), one.value, colour=(200, 190, 150))
    return y


def _heading(canvas: ink.U8, box: Box, y: int, words: str) -> int:
    ink.text(canvas, words.upper(), box.x + 10, y, colour=ink.FAINT, size="small", width=box.w - 20)
    return y + _ROW


def _bar(canvas: ink.U8, box: Box, y: int, label: str, share: float, *, colour: Colour, told: str | None = None) -> int:
    """A name, a bar and its number; or words in the place of the number's bar."""
    ink.text(canvas, label, box.x + 10, y, size="small", width=_LABEL - 6)
    left, right = box.x + 10 + _LABEL, box.x + box.w - 10
    if told:
        ink.text(canvas, told, right, y, colour=ink.MEDIUM, size="small", right=True, width=right - left)
    else:
        ink.bar(canvas, Box(left, y - 4, right - left - _NUMBER + 12, 9), share, colour)
        ink.text(canvas, f"{share:.2f}", right, y, size="small", right=True)
    return y + _ROW


def _alarming(share: float) -> Colour:
    return ink.HIGH if share >= 0.6 else ink.MEDIUM if share >= 0.4 else ink.GOOD


def _reassuring(share: float) -> Colour:
    return ink.GOOD if share >= 0.5 else ink.MEDIUM if share >= 0.25 else ink.HIGH
