"""The strip of a microphone: its spectrum over time, and what was heard in it.

In: blocks of sound. Out: the last seconds as log-mel spectrum (the same that the encoder is given), below it the class
that was likeliest. Not here: hearing.
"""

from __future__ import annotations

import numpy as np

from edge_mm.annotation import ink
from edge_mm.annotation.layout import Box
from edge_mm.annotation.scene import SPAN_S, Heard, Scene
from edge_mm.annotation.wave import HEAD, heading
from edge_mm.perception.audio_mel import Array, LogMel, MelSettings
from edge_mm.sources.opencv import load_cv2
from edge_mm.types import NS_PER_S, Sample, StreamSpec

_STEP_S = 0.01
_LEAST_DB, _MOST_DB = -85.0, -15.0
_BAND = 20
"""Height of the line that names what was heard, pixels."""
_JOIN_NS = 600_000_000
"""The same class heard again within this time goes on."""


class Spectrum:
    """One strip.

    Args:
        spec: of the stream.
        keep_s: seconds that a sample may come before it is drawn.
    """

    def __init__(self, spec: StreamSpec, *, keep_s: float) -> None:
        self._spec = spec
        rate = round(spec.rate_hz)
        frame = max(rate // 40, 4)
        self._mel = LogMel(
            MelSettings(
                rate_hz=rate,
                n_fft=1 << (frame - 1).bit_length(),
                frame=frame,
                step=max(rate // 100, 1),
                f_max_hz=min(7600.0, rate / 2),
            )
        )
        self._columns = np.zeros((round((SPAN_S + keep_s) / _STEP_S), self._mel.settings.mels), np.uint8)
        self._next: int | None = None
        """Number of the next column; column k lies at k steps."""
        self._sound: Array = np.zeros(0, np.float32)
        self._end_ns = 0
        self._level_db = -100.0

    def take(self, sample: Sample) -> None:
        """The next block of (n,) float32."""
        block = np.nan_to_num(np.asarray(sample.data, np.float32).reshape(-1))
        if not len(block):
            return
        if abs(sample.t_ns - self._end_ns) > 2 * _STEP_S * NS_PER_S or self._next is None:  # it begins, or after a gap
            self._sound = self._sound[:0]
            self._skip(round(sample.t_ns / NS_PER_S / _STEP_S))
        self._end_ns = sample.end_ns
        self._level_db = 10.0 * float(np.log10(np.mean(np.square(block, dtype=np.float64)) + 1e-10))
        self._sound = np.concatenate((self._sound, block))
        frames = self._mel(self._sound)
        if not len(frames) or self._next is None:
            return
        self._sound = self._sound[len(frames) * self._mel.settings.step :]
        shades = np.clip((frames - _LEAST_DB) * (255.0 / (_MOST_DB - _LEAST_DB)), 0, 255).astype(np.uint8)
        self._columns[np.arange(self._next, self._next + len(frames)) % len(self._columns)] = shades
        self._next += len(frames)

    def draw(self, canvas: ink.U8, scene: Scene) -> None:
        """Draw the last ``SPAN_S`` before ``scene.now_ns`` into (h, w, 3); the present is at the right edge."""
        cv2 = load_cv2()
        box = Box(0, 0, canvas.shape[1], canvas.shape[0])
        ink.fill(canvas, box, ink.SURFACE)
        heading(canvas, box, scene, self._spec.name, f"{self._level_db:.0f} dB")
        inner = Box(box.x, box.y + HEAD, box.w, box.h - HEAD - _BAND)
        last = round(scene.now_ns / NS_PER_S / _STEP_S)
        numbers = np.arange(last - round(SPAN_S / _STEP_S), last)
        shades = self._columns[numbers % len(self._columns)]
        known = 0 if self._next is None else self._next
        shades[(numbers < 0) | (numbers >= known) | (numbers < known - len(self._columns))] = 0
        picture = cv2.resize(shades.T[::-1], (inner.w, inner.h), interpolation=cv2.INTER_AREA)
        canvas[inner.y : inner.y + inner.h, inner.x : inner.x + inner.w] = cv2.applyColorMap(
            picture, cv2.COLORMAP_INFERNO
        )
        self._name(canvas, Box(box.x, inner.y + inner.h, box.w, _BAND), scene)

    def _name(self, canvas: ink.U8, box: Box, scene: Scene) -> None:
        """A stroke below each stretch in which one class was likely, and its name at its beginning."""
        begin_ns, scale = scene.now_ns - round(SPAN_S * NS_PER_S), box.w / (SPAN_S * NS_PER_S)
        runs: list[tuple[Heard, int]] = []
        for mark in scene.heard.get(self._spec.name, ()):
            if not mark.name:
                continue
            if runs and runs[-1][0].name == mark.name and mark.t_ns - runs[-1][1] <= _JOIN_NS:
                runs[-1] = (runs[-1][0], mark.t_ns)
            else:
                runs.append((mark, mark.t_ns))
        for i, (first, end_ns) in enumerate(runs):
            left = max(round((first.t_ns - begin_ns) * scale), 0)
            right = max(round((end_ns - begin_ns) * scale), left + 3)
            until = round((runs[i + 1][0].t_ns - begin_ns) * scale) if i + 1 < len(runs) else box.w
            if until - left > 24:
                name = first.name.replace("_", " ")
                ink.text(
                    canvas, name, box.x + left + 2, box.y + 11, colour=ink.LOW, size="small", width=until - left - 4
                )
            ink.fill(canvas, Box(box.x + left, box.y, min(right, box.w) - left, 3), ink.LOW)

    def _skip(self, number: int) -> None:
        """Go on at a column; what lies between has no sound."""
        start = number if self._next is None else min(max(self._next, number - len(self._columns)), number)
        self._columns[np.arange(start, number) % len(self._columns)] = 0
        self._next = number
