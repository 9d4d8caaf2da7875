"""Acceleration and turning rate of a wrist become falls, activity and one embedding per second.

In: Samples (n, 3) of ``acc`` (g, with or without gravity) and, where there is one, ``gyro`` (deg/s), 20 to 400 Hz, NaN
where a value is missing. Out, for each impact and 2.5 s after it: ``motion.fall`` (probability, label ``fall`` or ``no
fall``, at the peak); every second ``motion.activity_g``, ``sensor.quality`` of each stream and an Embedding. Between
impacts nothing is said about falls. The same streams give the same output whatever their blocks. Not here: alerts; what
an impact looks like (``motion_fall``), resampling (``motion_grid``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError, ConfigError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import load_graph
from edge_mm.perception.motion_fall import (
    AFTER,
    APART,
    CHANNELS,
    EMBEDDING,
    GRAPH,
    LENGTH,
    SMOOTH,
    complete,
    fall_input,
    impacts,
    without_gravity,
)
from edge_mm.perception.motion_grid import RATE_HZ, ROW_NS, Grid, Rows
from edge_mm.perception.params import Share, decoded
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

MIN_RATE_HZ, MAX_RATE_HZ = 20.0, 400.0
"""Slower streams do not hold an impact; faster ones are decimated by the part itself."""
HOP = 10
"""Rows between two searches for impacts."""
WAIT = 50
"""Rows that a turning rate may come later than the acceleration before an impact is judged without it."""
STILL_S = 5
"""A sensor whose values do not change at all for so long is stuck: noise always moves the last digit."""
SUMMARY = 14
DIMENSION = EMBEDDING + SUMMARY
"""Length of an Embedding: what the net made of the newest impact, then activity and posture."""
_FADE_S = 5.0
_MARGIN = APART + SMOOTH

Reading = Observation | Embedding


class _Params(msgspec.Struct):
    """What the bundle says."""

    fall_threshold: Share
    """Probability from which an impact is called a fall."""


@dataclass(slots=True)
class _Lane:
    """One stream."""

    spec: StreamSpec
    grid: Grid
    live: bool = True
    second: int | None = None
    """The first one that nothing was said about."""
    still_s: int = 0
    """Seconds in which no value changed."""


class _Impact(NamedTuple):
    """One that was judged."""

    row: int
    probability: float
    vector: npt.NDArray[np.float32]


class MotionFrontEnd:
    """All streams of the modality; of several accelerometers (or gyroscopes) the first announced is read.

    Args:
        bundle: has front end ``motion`` and the graph ``motion.fall``.

    Raises:
        BundleError: a part is missing or takes something else.
    """

    def __init__(self, bundle: Bundle) -> None:
        where = f"{bundle.source}: front end motion"
        self._threshold = decoded(bundle.front_end("motion") or {}, _Params, where=where).fall_threshold
        self._graph = load_graph(bundle, GRAPH)
        takes = {name: tuple(shape) for name, shape in self._graph.inputs.items()}
        if takes != {"motion": (1, LENGTH, CHANNELS)} or not {"fall", "embedding"} <= set(self._graph.outputs):
            raise BundleError(f"{bundle.source}: {GRAPH} takes {takes}; build the bundle again")
        self._lanes: dict[str, _Lane] = {}
        self._searched: int | None = None  # row from which on impacts are still to be found
        self._impacts: deque[_Impact] = deque(maxlen=16)

    @property
    def latency_s(self) -> float:
        """An Embedding stands for a second that must be over."""
        return 1.25

    def add(self, spec: StreamSpec) -> None:
        """Announce a stream, or announce it again.

        Raises:
            ConfigError: it is too slow or too fast.
        """
        if not MIN_RATE_HZ <= spec.rate_hz <= MAX_RATE_HZ:
            raise ConfigError(
                f"stream {spec.name}: {spec.rate_hz:g} Hz of {spec.kind}: {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz needed"
            )
        self._lanes[spec.name] = _Lane(spec, Grid(spec.name))
        if spec.kind == "acc":
            self._forget()

    def push(self, sample: Sample) -> list[Reading]:
        """Take the next block of one of the streams.

        Raises:
            UsageError: the block has not the shape (n, 3).
        """
        lane = self._lanes[sample.stream]
        lane.live = True
        readings: list[Reading] = []
        for piece in _pieces(sample):
            if lane.grid.push(piece):
                lane.second, lane.still_s = None, 0
                if lane is self._first("acc"):
                    self._forget()
            readings += self._search(ended=False)
            readings += self._seconds(lane)
        return readings

    def hear(self, observation: Observation) -> list[Reading]:
        """Nothing of the other senses is needed here."""
        del observation
        return []

    def end(self, stream: str) -> list[Reading]:
        """A stream ended or is silent: impacts that waited for what follows are judged without it."""
        lane = self._lanes[stream]
        readings = self._search(ended=lane is self._first("acc"))
        lane.live = False
        lane.grid.clear()
        lane.second, lane.still_s = None, 0
        if lane.spec.kind == "acc":
            self._forget()
        return readings

    def flush(self) -> list[Reading]:
        """All streams ended."""
        order = sorted(self._lanes, key=lambda name: self._lanes[name].spec.kind)  # acc before gyro, which it needs
        return [reading for stream in order for reading in self.end(stream)]

    def _forget(self) -> None:
        self._searched = None
        self._impacts.clear()

    def _first(self, kind: str) -> _Lane | None:
        return next((lane for lane in self._lanes.values() if lane.live and lane.spec.kind == kind), None)

    def _search(self, *, ended: bool) -> list[Reading]:
        """Find and judge the impacts whose 2.5 s are over."""
        lane, gyro = self._first("acc"), self._first("gyro")
        if lane is None or lane.grid.end is None:
            return []
        end = lane.grid.end
        if self._searched is None:
            self._searched = (lane.grid.start or 0) // HOP * HOP
        known = end + HOP + AFTER if ended else end
        if gyro is not None and not ended:
            known = min(known, max(gyro.grid.end or 0, end - WAIT))
        readings: list[Reading] = []
        while self._searched + HOP + AFTER <= known:
            first = self._searched
            self._searched += HOP
            if first >= end:
                break
            acc = lane.grid.between(first - _MARGIN, first + HOP + _MARGIN)
            for place in impacts(acc).tolist():
                readings.append(self._judge(lane, gyro, first - _MARGIN + place))
        return readings

    def _judge(self, lane: _Lane, gyro: _Lane | None, peak: int) -> Observation:
        acc = lane.grid.between(peak - AFTER, peak + AFTER + 1)
        turn = np.full_like(acc, np.nan) if gyro is None else gyro.grid.between(peak - AFTER, peak + AFTER + 1)
        said = self._graph(motion=fall_input(acc, turn))
        value = float(said["fall"].reshape(-1)[0])
        self._impacts.append(_Impact(peak, value, said["embedding"].reshape(-1)))
        share = float(complete(acc).mean())
        label = "fall" if value >= self._threshold else "no fall"
        return Observation(peak * ROW_NS, "motion.fall", value, "probability", share, "motion", lane.spec.name, label)

    def _seconds(self, lane: _Lane) -> Iterator[Reading]:
        """What is said about each second that is over."""
        end, start = lane.grid.end, lane.grid.start
        if end is None or start is None:
            return
        if lane.second is None or end // RATE_HZ - lane.second > 10:
            lane.second = -(-start // RATE_HZ) if lane.second is None else end // RATE_HZ - 1
        while (lane.second + 1) * RATE_HZ <= end:
            row, lane.second = lane.second * RATE_HZ, lane.second + 1
            yield from self._second(lane, row)

    def _second(self, lane: _Lane, row: int) -> Iterator[Reading]:
        rows = lane.grid.between(row, row + RATE_HZ)
        there = complete(rows)
        moved = bool(there.any()) and bool(np.ptp(rows[there], axis=0).any())
        lane.still_s = 0 if moved or not there.any() else lane.still_s + 1
        quality, why = float(there.mean()), ""
        if quality <= 0.5:
            why = "missing"
        if lane.still_s >= STILL_S:
            quality, why = 0.0, "stuck"
        name, end_ns = lane.spec.name, (row + RATE_HZ) * ROW_NS
        yield Observation(end_ns, "sensor.quality", quality, "1", quality, "motion", name, why)
        if lane is not self._first("acc"):
            return
        gyro = self._first("gyro")
        turn = np.full_like(rows, np.nan) if gyro is None else gyro.grid.between(row - RATE_HZ, row)
        vector = self._vector(lane.grid, turn, row)
        activity = float(np.sinh(vector[EMBEDDING]))
        yield Observation(end_ns, "motion.activity_g", activity, "g", quality, "motion", name, why)
        yield Embedding(row * ROW_NS, NS_PER_S, name, vector, quality)

    def _vector(self, grid: Grid, turn: Rows, row: int) -> npt.NDArray[np.float32]:
        """(DIMENSION,) of one second; turning rates are those of the second before, which are sure to be there."""
        acc = grid.between(row - RATE_HZ, row + RATE_HZ)
        shock = np.linalg.norm(without_gravity(acc)[RATE_HZ:], axis=1)
        size = np.linalg.norm(turn[complete(turn)], axis=1)
        now, before = _posture(acc[RATE_HZ:]), _posture(grid.between(row - 5 * RATE_HZ, row - 4 * RATE_HZ))
        impact, probability, age = np.zeros(EMBEDDING, np.float32), 0.0, 0.0
        # only those that were surely judged by now, however far a gyroscope's blocks are behind
        judged = [one for one in self._impacts if one.row <= row - AFTER - HOP]
        if judged and row - judged[-1].row < 2 * _FADE_S * RATE_HZ:
            age = float(np.exp((judged[-1].row - row) / (_FADE_S * RATE_HZ)))
            probability, impact = judged[-1].probability, judged[-1].vector * np.float32(age)
        jerk = np.abs(np.diff(shock))
        tail = [
            *np.arcsinh([shock.mean(), shock.std(), shock.max(), jerk.mean() * RATE_HZ / 10, jerk.max()]),
            *(np.arcsinh([size.mean() / 100, size.std() / 100, size.max() / 100]) if len(size) else (0.0, 0.0, 0.0)),
            float(len(size) > 0),
            *now,
            float(now @ before),
            probability * age,
        ]
        return np.concatenate([impact, np.array(tail)]).astype(np.float32)


def _posture(acc: Rows) -> npt.NDArray[np.float64]:
    """(3,) mean direction of gravity; zeros where the sensor reports none."""
    there = acc[complete(acc)]
    if not len(there):
        return np.zeros(3)
    mean = there.mean(axis=0).astype(np.float64)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 0.5 else np.zeros(3)


def _pieces(sample: Sample) -> Iterator[Sample]:
    """A block in pieces of at most a second."""
    size = max(1, int(sample.rate_hz)) if np.isfinite(sample.rate_hz) else 1
    if len(sample.data) <= size:
        yield sample
        return
    for begin in range(0, len(sample.data), size):
        t_ns = sample.t_ns + round(begin * NS_PER_S / sample.rate_hz)
        yield replace(sample, t_ns=t_ns, data=sample.data[begin : begin + size])
