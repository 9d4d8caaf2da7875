"""Pieces of signals as they were measured, for somebody who asked to see them for a while.

In: Samples on their way to the monitor. Out: ``sensor/<name>/waveform``, at most ``RATE_HZ`` values a second, some four
messages. A faster signal is averaged over whole blocks of samples, which is all the filter that a picture needs. Not
here: anything that decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.kinds import THREE_AXES
from edge_mm.types import NS_PER_S, Sample, StreamSpec

RATE_HZ = 125.0
EVERY_S = 0.25
KINDS = frozenset(("ecg", "ppg", "acc"))
Values = npt.NDArray[np.float64]


class _Piece:
    """What has been taken of one stream and not yet published."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self.every = max(1, math.ceil(spec.rate_hz / RATE_HZ))
        self.begin_ns, self.values = 0, np.empty(0)

    def add(self, sample: Sample) -> None:
        data = np.asarray(sample.data, dtype=np.float64)
        flat = np.sqrt(np.sum(data * data, axis=1)) if self.spec.kind in THREE_AXES else data
        expected_ns = self.begin_ns + round(len(self.values) * NS_PER_S / self.spec.rate_hz)
        if not len(self.values) or abs(sample.t_ns - expected_ns) > NS_PER_S * EVERY_S:  # a gap: a new piece
            self.begin_ns, self.values = sample.t_ns, flat
        else:
            self.values = np.concatenate([self.values, flat])

    def take(self) -> tuple[int, float, list[float | None]] | None:
        """Time of the first value, values per second, values; None: not enough of them yet."""
        if len(self.values) < EVERY_S * self.spec.rate_hz:
            return None
        count = len(self.values) // self.every
        if not count:
            return None
        used = count * self.every
        means = self.values[:used].reshape(count, self.every).mean(axis=1)
        t_ns = self.begin_ns + round((self.every - 1) / 2 * NS_PER_S / self.spec.rate_hz)
        self.begin_ns += round(used * NS_PER_S / self.spec.rate_hz)
        self.values = self.values[used:]
        return t_ns, self.spec.rate_hz / self.every, [float(one) if np.isfinite(one) else None for one in means]


class Waves:
    """Belongs to the monitor's thread.

    Args:
        streams: what has been announced.
    """

    def __init__(self, streams: Callable[[], Sequence[StreamSpec]]) -> None:
        self._streams = streams
        self._pieces: dict[str, _Piece] = {}
        self._until_ns = 0
        self._sink: MqttSink | None = None

    def serve(self, sink: MqttSink) -> None:
        """Publish through this sink."""
        self._sink = sink

    def begin(self, seconds: float, *, now_ns: int) -> list[str]:
        """Publish for so long from now on; of which streams."""
        self._pieces = {spec.name: _Piece(spec) for spec in self._streams() if spec.kind in KINDS}
        self._until_ns = now_ns + round(seconds * NS_PER_S)
        return list(self._pieces)

    def take(self, sample: Sample) -> None:
        """One block, before the monitor has it."""
        piece = self._pieces.get(sample.stream)
        if piece is None or self._sink is None:
            return
        if sample.t_ns > self._until_ns:
            self._pieces.clear()
            return
        if sample.data.ndim != (2 if piece.spec.kind in THREE_AXES else 1) or sample.data.dtype.kind != "f":
            return  # the monitor says so
        piece.add(sample)
        if (found := piece.take()) is not None:
            t_ns, rate_hz, values = found
            self._sink.publish_waveform(sample.stream, t_ns=t_ns, rate_hz=rate_hz, unit=piece.spec.unit, values=values)
