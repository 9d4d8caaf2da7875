"""Skin conductance and skin temperature become readings, and with the heart they say how stressed a person is.

In: Samples of ``eda`` (uS) and ``temp`` (degC) at any rate from 0.1 Hz, NaN where a value is missing; of the other
senses' readings the intervals between beats. Any of the three may be absent. Out, every second: ``skin.conductance_us``
or ``skin.temperature_c`` and ``sensor.quality`` of each stream, and an Embedding of the skin alone; every ten seconds,
once ten minutes of the person are known: ``health.stress`` (probability), against those ten minutes. The same streams
give the same output whatever their blocks, up to blocks of 5 s. Not here: alerts; what was looked at (``skin_stress``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError, ConfigError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import load_graph
from edge_mm.perception.skin_seconds import Second, Seconds
from edge_mm.perception.skin_steps import Beat, Steps, believed
from edge_mm.perception.skin_stress import (
    COLUMNS,
    FEATURES,
    GRAPH,
    HEART,
    RECENT,
    SKIN,
    STEP_S,
    WARMTH,
    Table,
    stress_features,
)
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

NET_EMBEDDING = 12
DIMENSION = NET_EMBEDDING + 1 + SKIN + WARMTH
"""Length of an Embedding: what the net makes of the skin alone (and of its probability), and the features it saw."""
MIN_RATE_HZ = 0.1
MIN_BEAT_QUALITY = 0.3
WAIT_S = 5
"""A step closes so long after its end: beats and a second sensor come later."""
OTHER_HEART_S = 30.0
"""Beats of another sensor are taken when the first has been silent for so long."""
NAMES = {"eda": "conductance", "temp": "temperature"}
SAID = {"eda": ("skin.conductance_us", "uS"), "temp": ("skin.temperature_c", "degC")}

Reading = Observation | Embedding


@dataclass(slots=True)
class _Lane:
    """One stream."""

    spec: StreamSpec
    seconds: Seconds
    live: bool = True
    before: float = field(default=float("nan"))
    """Mean of the newest second."""


class SkinFrontEnd:
    """All streams of the modality.

    Args:
        bundle: has the graph ``skin.stress``.

    Raises:
        BundleError: the graph is missing or takes something else.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._graph = load_graph(bundle, GRAPH)
        takes = {name: tuple(shape) for name, shape in self._graph.inputs.items()}
        if takes != {"features": (1, FEATURES)} or not {"stress", "embedding"} <= set(self._graph.outputs):
            raise BundleError(f"{bundle.source}: {GRAPH} takes {takes}; build the bundle again")
        self._lanes: dict[str, _Lane] = {}
        self._steps = Steps()
        self._heart: tuple[str, float] | None = None  # stream and time of the newest beat
        self._vector: npt.NDArray[np.float32] | None = None
        self._quality = 0.0

    @property
    def latency_s(self) -> float:
        """An Embedding stands for a second that must be over."""
        return 1.25

    def add(self, spec: StreamSpec) -> None:
        """Announce a stream, or announce it again.

        Raises:
            ConfigError: it is too slow.
        """
        if not spec.rate_hz >= MIN_RATE_HZ:
            raise ConfigError(
                f"stream {spec.name}: {spec.rate_hz:g} Hz is too slow for {spec.kind}: {MIN_RATE_HZ:g} Hz needed"
            )
        self._lanes[spec.name] = _Lane(spec, Seconds(spec.name, spec.rate_hz))
        self._steps.rates_hz[NAMES[spec.kind]] = spec.rate_hz

    def push(self, sample: Sample) -> list[Reading]:
        """Take the next block of one of the streams.

        Raises:
            UsageError: the block has another shape than its kind.
        """
        lane = self._lanes[sample.stream]
        lane.live = True
        return [reading for second in lane.seconds.push(sample) for reading in self._second(lane, second)]

    def hear(self, observation: Observation) -> list[Reading]:
        """Take an interval between beats of another sense."""
        if observation.name != "vitals.rr_interval_s" or not observation.quality >= MIN_BEAT_QUALITY:
            return []
        at_s = observation.t_ns / NS_PER_S
        if self._heart is None or self._heart[0] == observation.stream or abs(at_s - self._heart[1]) > OTHER_HEART_S:
            self._heart = observation.stream, at_s
            self._steps.hear(Beat(at_s, observation.value))
        return []

    def end(self, stream: str) -> list[Reading]:
        """A stream ended or is silent; another one leads from now on."""
        lane = self._lanes[stream]
        lane.live = False
        lane.seconds.clear()
        lane.before = float("nan")
        if not any(one.live for one in self._lanes.values()):
            self._vector = None
        return []

    def flush(self) -> list[Reading]:
        """All streams ended."""
        newest = max((lane.seconds.newest for lane in self._lanes.values()), default=None)
        readings = [] if newest is None else self._close(newest)
        for stream in self._lanes:
            self.end(stream)
        return readings

    def _second(self, lane: _Lane, second: Second) -> list[Reading]:
        kind, name = lane.spec.kind, lane.spec.name
        why = believed(NAMES[kind], second.value, lane.before)
        lane.before = second.value
        quality = 0.0 if why else second.share
        end_ns = (second.number + 1) * NS_PER_S
        readings: list[Reading] = [Observation(end_ns, "sensor.quality", quality, "1", quality, "skin", name, why)]
        if np.isfinite(second.value):
            said, unit = SAID[kind]
            readings.append(Observation(end_ns, said, second.value, unit, quality, "skin", name, why))
        if self._first(kind) is lane:
            self._steps.put(NAMES[kind], second.number, float("nan") if why else second.value)
        if lane is not (self._first("eda") or self._first("temp")):
            return readings
        readings += self._close(second.number + 1 - WAIT_S)
        if self._vector is not None and kind == "eda":
            readings.append(
                Embedding(second.number * NS_PER_S, NS_PER_S, name, self._vector, min(quality, self._quality))
            )
        return readings

    def _first(self, kind: str) -> _Lane | None:
        """Of several live streams of one kind the first announced counts."""
        return next((lane for lane in self._lanes.values() if lane.live and lane.spec.kind == kind), None)

    def _close(self, until_s: int) -> list[Reading]:
        readings: list[Reading] = []
        for step in self._steps.close(until_s):
            table = self._steps.table()
            self._vector = None if table is None else self._skin_alone(table)
            if table is not None:
                readings += self._stress(table, (step + 1) * STEP_S * NS_PER_S)
        return readings

    def _stress(self, table: Table, t_ns: int) -> list[Reading]:
        features = stress_features(table)
        skin, heart = bool(features[-3]), bool(features[-2])
        if not (skin or heart):
            return []
        recent = np.isfinite(table[-RECENT:]).mean(axis=0)
        shares = skin * recent[COLUMNS.index("conductance")], heart * recent[COLUMNS.index("heart_rate")]
        quality = float(1.0 - (1.0 - shares[0]) * (1.0 - 0.5 * shares[1]))
        used = "skin and heart" if skin and heart else "skin only" if skin else "heart only"
        value = float(self._graph(features=features)["stress"].reshape(-1)[0])
        stream = next(iter(self._lanes)) if (lane := self._first("eda")) is None else lane.spec.name
        return [Observation(t_ns, "health.stress", value, "probability", quality, "skin", stream, used)]

    def _skin_alone(self, table: Table) -> npt.NDArray[np.float32] | None:
        """The embedding, without the heart, which has an embedding of its own; None where there is no skin."""
        features = stress_features(table, heart=False)
        if not features[-3]:
            return None
        self._quality = float(np.isfinite(table[:, COLUMNS.index("conductance")]).mean())
        said = self._graph(features=features)
        return np.concatenate(
            [said["embedding"].reshape(-1), said["stress"].reshape(-1), features[HEART : FEATURES - 3] / 3.0]
        ).astype(np.float32)
