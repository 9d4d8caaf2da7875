"""What kind of beat: shape against the person's own normal beat, rhythm before it, and an int8 1-D CNN.

In: R peaks and the filtered ECG around them. Out: N, S, V or F (AAMI EC57 classes) with probabilities and an embedding,
at once (no look at the next beat). The normal beat is learned without labels: beats are gathered into at most six
shapes by correlation, and the shape that most beats of the last minutes have is the normal one. So training sees
exactly what the device sees. Not here: finding the peaks (``physio_qrs``), rates and rhythm (``physio_rhythm``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_mm.perception.litert import Runner
from edge_mm.perception.physio_filter import Signal

LABELS = ("N", "S", "V", "F")
BEFORE = 60
"""Values before the R peak (0.47 s at 128 Hz)."""
LENGTH = 112
"""Values of a beat window."""
SHIFTS = 8
"""A beat is aligned to a shape within +-62 ms: in some leads R and S are equally high, and now one, now the other is
taken for the peak."""
CLIP = 2.5
FEATURES = 12
SIMILARITY = 4
"""Which feature is the correlation with the normal beat."""
_SHAPES = 6
_SAME = 0.85  # correlation from which a beat belongs to a shape
_FAVOUR = 0.1  # the normal shape is preferred to one that is the same but for its alignment
_DECAY = 0.995  # weight of a beat after one more beat: a memory of about 200 beats
_CORE = slice(BEFORE - 26, BEFORE + 36)  # -0.2 .. +0.28 s: QRS and ST, little P and T
_HISTORY = 12


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat before it is classified."""

    window: npt.NDArray[np.float32]
    """(LENGTH, 2): the beat and the normal beat, both divided by the normal beat's peak-to-peak value."""
    features: npt.NDArray[np.float32]
    """(FEATURES,) about -1..1, see ``BeatShapes``."""
    match: float
    """Correlation with the shape it was gathered into, before that shape learned from it: -1..1."""


@dataclass(eq=False)
class _Shape:
    mean: Signal
    core: Signal
    weight: float
    count: int


class BeatShapes:
    """The shapes that a person's beats have, and each beat in their light.

    Features: RR before / local median, RR before that / local median, local median, spread of RR, correlation with the
    normal beat, amplitude / normal amplitude, share of its own shape, share of the normal shape, correlation with its
    own shape, energy of the difference to the normal beat, width / normal width, correlation of the previous beat.

    Args:
        core: which part of a window is compared.
        challenge: a shape becomes the normal one when it is this many times as frequent as the present one: in minutes
            of bigeminy a ventricular shape may well lead by a little.
    """

    def __init__(self, *, core: slice = _CORE, challenge: float = 2.0) -> None:
        self._core = core
        self._challenge = challenge
        self._normal: _Shape | None = None
        self._shapes: list[_Shape] = []
        self._rr: list[float] = []
        self._previous = 1.0

    def push(self, wide: Signal, rr_s: float | None) -> Beat:
        """Take a beat.

        Args:
            wide: (length + 2 * SHIFTS,) values, the R peak at ``before + SHIFTS``.
            rr_s: seconds since the beat before, None where that is unknown (first beat, after a gap).
        """
        wide = wide - np.median(wide)
        aligned, match, own = self._gather(wide)
        leader, normal = max(self._shapes, key=lambda shape: shape.weight), self._normal
        if normal is None or normal not in self._shapes or leader.weight > self._challenge * normal.weight:
            normal = leader
        self._normal = normal
        features = self._features(aligned, match, own, normal, rr_s)
        size = max(float(np.ptp(normal.mean)), 1e-12)
        window = np.clip(np.stack([aligned, normal.mean], axis=1) / size, -CLIP, CLIP).astype(np.float32)
        return Beat(window, features, match)

    def _gather(self, wide: Signal) -> tuple[Signal, float, _Shape]:
        length = wide.size - 2 * SHIFTS
        windows = np.lib.stride_tricks.sliding_window_view(wide, length)
        cores = _unit(windows[:, self._core])
        for shape in self._shapes:
            shape.weight *= _DECAY
        if self._shapes:
            scores = cores @ np.stack([shape.core for shape in self._shapes], axis=1)
            favour = np.array([_FAVOUR * (shape is self._normal) for shape in self._shapes])
            shift, which = np.unravel_index(int(np.argmax(scores + favour * (scores >= _SAME))), scores.shape)
            match = float(scores[shift, which])
            if match >= _SAME:
                shape = self._shapes[which]
                share = max(1.0 / (shape.count + 1), 0.06)
                shape.mean = shape.mean + share * (windows[shift] - shape.mean)
                shape.core = _unit(shape.mean[None, self._core])[0]
                shape.weight += 1.0
                shape.count += 1
                return windows[shift], match, shape
        else:
            match = 1.0
        new = _Shape(windows[SHIFTS].copy(), cores[SHIFTS], 1.0, 1)
        if len(self._shapes) == _SHAPES:
            self._shapes.remove(min(self._shapes, key=lambda shape: shape.weight))
        self._shapes.append(new)
        return windows[SHIFTS], match, new

    def _features(
        self, beat: Signal, match: float, own: _Shape, normal: _Shape, rr_s: float | None
    ) -> npt.NDArray[np.float32]:
        if rr_s is not None:
            self._rr = [*self._rr, rr_s][-_HISTORY:]
        rr = np.array(self._rr or [0.8])
        middle = float(np.median(rr))
        total = sum(shape.weight for shape in self._shapes)
        similar = float(_unit(beat[None, self._core])[0] @ normal.core)
        size = max(float(np.ptp(normal.mean)), 1e-12)
        core, usual = beat[self._core] / size, normal.mean[self._core] / size
        values = [
            rr[-1] / middle - 1.0 if rr_s is not None else 0.0,
            rr[-2] / middle - 1.0 if rr_s is not None and rr.size > 1 else 0.0,
            middle - 0.8,
            4.0 * float(np.median(np.abs(rr - middle))) / middle,
            similar,
            float(np.ptp(beat)) / size - 1.0,
            own.weight / total,
            normal.weight / total,
            match,
            2.0 * float(np.sqrt(np.mean((core - usual) ** 2))),
            _width(core) / max(_width(usual), 1.0) - 1.0,
            self._previous,
        ]
        self._previous = similar
        return np.clip(np.array(values, np.float32), -1.5, 1.5)


@dataclass(frozen=True, slots=True)
class BeatClass:
    """What the net says."""

    label: str
    """One of ``LABELS``."""
    probabilities: npt.NDArray[np.float32]
    """(4,) in the order of ``LABELS``."""
    embedding: npt.NDArray[np.float32]
    """(16,)."""


def classify(graph: Runner, beat: Beat, *, threshold: float) -> BeatClass:
    """Run the net; V from ``threshold`` on, else the largest of the others."""
    out = graph(beat=beat.window, features=beat.features)
    probabilities = out["classes"].reshape(-1)
    ventricular = LABELS.index("V")
    if probabilities[ventricular] >= threshold:
        best = ventricular
    else:
        best = int(np.argmax(np.where(np.arange(len(LABELS)) == ventricular, -1.0, probabilities)))
    return BeatClass(LABELS[best], probabilities, out["embedding"].reshape(-1))


def _unit(rows: Signal) -> Signal:
    centred = rows - rows.mean(axis=1, keepdims=True)
    unit: Signal = centred / np.maximum(np.sqrt((centred * centred).sum(axis=1, keepdims=True)), 1e-12)
    return unit


def _width(core: Signal) -> float:
    height = np.abs(core - np.median(core))
    return float(np.count_nonzero(height > 0.3 * height.max())) if core.size else 0.0
