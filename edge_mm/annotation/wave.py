"""The strip of a sampled signal: ECG with its beats, pulse, skin, acceleration.

In: the stream's Samples. Out: the last seconds as a scrolling line, a mark and a class on each beat. Signals faster
than ``MOST_HZ`` are kept as the least and the greatest value of each stretch, so that no peak is lost. Not here: the
detection of beats.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from edge_mm.annotation import ink
from edge_mm.annotation.ink import Colour
from edge_mm.annotation.layout import Box
from edge_mm.annotation.scene import SPAN_S, Scene
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec

MOST_HZ = 500.0
HEAD = 22
"""Height of a strip's heading, pixels."""
_SETTLE_S = 0.7
"""The scale follows the signal within about this time."""
_COLOURS: dict[str, Colour] = {"ecg": (150, 230, 130), "ppg": (120, 170, 250)}
_BEATS: dict[str, Colour] = {"V": ink.HIGH, "F": ink.HIGH, "S": ink.MEDIUM, "N": ink.FAINT, "": ink.FAINT}


class Wave:
    """One strip.

    Args:
        spec: of the stream.
        keep_s: seconds that a sample may come before it is drawn.
    """

    def __init__(self, spec: StreamSpec, *, keep_s: float) -> None:
        self._spec = spec
        self._keep_ns = round((SPAN_S + keep_s) * NS_PER_S)
        self._blocks: deque[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = deque()  # seconds, values
        self._limits: tuple[float, float] | None = None
        self._drawn_ns = 0

    def take(self, sample: Sample) -> None:
        """The next block: (n,), or (n, 3), of which the length of the vector is drawn."""
        values = np.asarray(sample.data, np.float64)
        if not len(values):
            return
        if values.ndim == 2:
            values = np.linalg.norm(values, axis=1)
        times = sample.t_ns / NS_PER_S + np.arange(len(values)) / sample.rate_hz
        self._blocks.append(_thinned(times, values, sample.rate_hz))
        while self._blocks and self._blocks[0][0][-1] * NS_PER_S < sample.t_ns - self._keep_ns:
            self._blocks.popleft()

    def draw(self, canvas: ink.U8, scene: Scene) -> None:
        """Draw the last ``SPAN_S`` before ``scene.now_ns`` into (h, w, 3); the present is at the right edge."""
        box = Box(0, 0, canvas.shape[1], canvas.shape[0])
        ink.fill(canvas, box, ink.SURFACE)
        now, stream = scene.now_ns / NS_PER_S, self._spec.name
        seconds_grid(canvas, box, (scene.now_ns - scene.origin_ns) / NS_PER_S)
        inner = Box(box.x, box.y + HEAD, box.w, box.h - HEAD - 6)
        inside = [(t, v) for t, v in self._blocks if t[-1] >= now - SPAN_S and t[0] <= now]
        times = np.concatenate([t for t, _ in inside]) if inside else np.zeros(0)
        values = np.concatenate([v for _, v in inside]) if inside else np.zeros(0)
        seen = (times >= now - SPAN_S) & (times <= now)
        times, values = times[seen], values[seen]
        good = np.isfinite(values)
        taken = heading(canvas, box, scene, stream, _unit(self._spec, scene))
        if not good.any():
            return
        low, high = self._scale(values[good], scene.now_ns)
        x = inner.x + (times - (now - SPAN_S)) / SPAN_S * inner.w
        y = np.clip(inner.y + inner.h * (1 - (values - low) / (high - low)), inner.y, inner.y + inner.h - 1)
        ink.line(canvas, x, y, _COLOURS.get(self._spec.kind, ink.LOW))
        ecg = self._spec.kind == "ecg"
        for beat in scene.beats.get(stream, ()):
            at = beat.t_ns / NS_PER_S
            if not now - SPAN_S <= at <= now:
                continue
            colour = _BEATS.get(beat.label, ink.FAINT)
            where = inner.x + (at - (now - SPAN_S)) / SPAN_S * inner.w
            near = np.abs(times[good] - at) <= 0.04 if ecg else np.abs(times[good] - at) <= 1.5 / self._spec.rate_hz
            if near.any():
                heights = y[good][near]
                middle = inner.y + inner.h * (1 - (float(np.median(values[good])) - low) / (high - low))
                ink.circle(canvas, where, heights[np.abs(heights - middle).argmax()], 5, colour, ring=1)
            if beat.label and inner.x + taken + 20 < where < inner.x + inner.w - 8:
                ink.text(canvas, beat.label, round(where) - 5, box.y + HEAD // 2 + 1, colour=colour, size="small")

    def _scale(self, values: npt.NDArray[np.float64], now_ns: int) -> tuple[float, float]:
        """Lower and upper limit, smoothed, so that the line does not jump."""
        low, high = (float(v) for v in np.percentile(values, (0.2, 99.8)))
        margin = max(0.12 * (high - low), 1e-9 + 1e-6 * abs(high))
        wanted = (low - margin, high + margin)
        if self._limits is not None:
            share = 1.0 - math.exp(-max(now_ns - self._drawn_ns, 0) / NS_PER_S / _SETTLE_S)
            wanted = (
                self._limits[0] + share * (wanted[0] - self._limits[0]),
                self._limits[1] + share * (wanted[1] - self._limits[1]),
            )
        self._limits, self._drawn_ns = wanted, now_ns
        return wanted


def seconds_grid(canvas: ink.U8, box: Box, now: float) -> None:
    """A faint line at every whole second of the recording, with the second below every fourth."""
    for second in range(math.ceil(now - SPAN_S), math.floor(now) + 1):
        x = round(box.x + (second - (now - SPAN_S)) / SPAN_S * box.w)
        if box.x <= x < box.x + box.w:
            canvas[box.y + HEAD : box.y + box.h, x] = ink.TRACK
            if second % 4 == 0 and second >= 0 and x < box.x + box.w - 40:
                ink.text(canvas, f"{second} s", x + 3, box.y + box.h - 8, colour=ink.FAINT, size="small")


def heading(canvas: ink.U8, box: Box, scene: Scene, stream: str, words: str) -> int:
    """The name of the strip, and why nothing comes where nothing does; its width, pixels: beats' letters lie right."""
    status, quality = scene.states.get(stream), scene.reading("sensor.quality", stream)
    colour, told = ink.FAINT, f"{stream}  {words}"
    if status is not None and status.state in ("lost", "off"):
        colour, told = ink.MEDIUM, f"{stream}: {'ended' if status.state == 'off' else 'lost'}"
    elif quality is not None and quality.label:
        colour, told = ink.MEDIUM, f"{stream}: {quality.label}"
    ink.fill(canvas, Box(box.x, box.y, box.w, HEAD), ink.SURFACE)
    return ink.text(canvas, told, box.x + 6, box.y + HEAD // 2 + 1, colour=colour, size="small")


def _unit(spec: StreamSpec, scene: Scene) -> str:
    rate: Observation | None = scene.reading("vitals.heart_rate_bpm", spec.name)
    return f"{rate.value:.0f} bpm" if rate is not None else ""


def _thinned(
    times: npt.NDArray[np.float64], values: npt.NDArray[np.float64], rate_hz: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    stretch = math.ceil(2 * rate_hz / MOST_HZ) if rate_hz > MOST_HZ else 1
    whole = len(values) // stretch
    if stretch == 1 or whole == 0:
        return times, values
    rows = values[: whole * stretch].reshape(whole, stretch)
    pairs = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1).ravel()
    starts = times[: whole * stretch : stretch]
    return np.repeat(starts, 2) + np.tile([0.0, stretch / 2 / rate_hz], whole), pairs
