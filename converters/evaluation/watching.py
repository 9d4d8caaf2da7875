"""A recording through the device's own monitor, and what it said, as arrays.

In: a bundle; sources, or arrays that stand for one stream. Out: ``Watched``: readings by name, alerts. Every number of
an evaluation begins here: ``edge_mm.daemon.replay`` pushes the recording into ``edge_mm.monitor.Monitor``, with the
rules and limits that ship. Not here: what is right (``tasks``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.daemon.replay import replay
from edge_mm.kinds import StreamKind
from edge_mm.models.bundle import Bundle
from edge_mm.protocols import Source
from edge_mm.types import NS_PER_S, Alert, Estimate, Observation, Sample, StreamSpec

U8 = npt.NDArray[np.uint8]
UNITS: dict[str, str] = {"audio": "full scale", "ecg": "mV", "ppg": "a.u.", "eda": "uS", "temp": "degC", "acc": "g"}


class Series(NamedTuple):
    """One reading over time."""

    t_s: npt.NDArray[np.float64]
    """(n,) seconds, the recording's own."""
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float64]
    label: npt.NDArray[np.str_]


_NOTHING = Series(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, "<U1"))


class Watched(NamedTuple):
    """What the monitor said to one recording."""

    readings: dict[str, Series]
    alerts: tuple[Alert, ...]
    estimates: tuple[Estimate, ...]

    def series(self, name: str) -> Series:
        """A reading; empty where it was never given."""
        return self.readings.get(name, _NOTHING)

    def raised(self, *kinds: str) -> list[Alert]:
        """Alerts that were raised; of all kinds where none is named."""
        return [one for one in self.alerts if one.state == "raised" and (not kinds or one.kind in kinds)]

    def nearest(self, name: str, t_s: npt.NDArray[np.floating], *, within_s: float) -> npt.NDArray[np.float64]:
        """(n,) the reading at each time, NaN where none is near enough."""
        one = self.series(name)
        found = np.full(len(t_s), np.nan)
        if not len(one.t_s):
            return found
        after = np.clip(np.searchsorted(one.t_s, t_s), 0, len(one.t_s) - 1)
        before = np.maximum(after - 1, 0)
        place = np.where(np.abs(one.t_s[before] - t_s) < np.abs(one.t_s[after] - t_s), before, after)
        near = np.abs(one.t_s[place] - t_s) <= within_s
        found[near] = one.value[place[near]]
        return found


def watch(bundle: Bundle, *sources: Source) -> Watched:
    """Run the monitor over one recording.

    Args:
        bundle: what ships.
        *sources: the recording's streams, on one clock.

    Raises:
        SourceError: a file cannot be read, or the bundle cannot use what is in it.
        BundleError: the bundle fails its self-test.
    """
    rows: dict[str, list[tuple[int, float, float, str]]] = {}
    alerts: list[Alert] = []
    estimates: list[Estimate] = []
    for output in replay(bundle, *sources):
        if isinstance(output, Observation):
            rows.setdefault(output.name, []).append((output.t_ns, output.value, output.quality, output.label))
        elif isinstance(output, Alert):
            alerts.append(output)
        elif isinstance(output, Estimate):
            estimates.append(output)
    readings = {}
    for name, said in rows.items():
        said.sort(key=lambda row: row[0])
        t_ns, value, quality, label = zip(*said, strict=True)
        readings[name] = Series(np.array(t_ns) / NS_PER_S, np.array(value), np.array(quality), np.array(label))
    return Watched(readings, tuple(alerts), tuple(estimates))


class Pictures:
    """A ``Source`` of frames that are in memory or made one by one."""

    live = False

    def __init__(self, frames: Iterable[U8], *, rate_hz: float, name: str = "vision") -> None:
        """Take (h, w, 3) BGR frames."""
        self.name, self._rate_hz = name, rate_hz
        self._frames: Iterator[U8] = iter(frames)
        self._count = 0

    def open(self) -> StreamSpec:
        """What it gives."""
        return StreamSpec(self.name, "video", self._rate_hz, "bgr8")

    def read(self) -> Sample | None:
        """The next frame."""
        frame = next(self._frames, None)
        if frame is None:
            return None
        t_ns = round(self._count * NS_PER_S / self._rate_hz)
        self._count += 1
        return Sample(self.name, t_ns, frame, self._rate_hz)

    def close(self) -> None:
        """Nothing is held."""


class Signal:
    """A ``Source`` of a sampled signal that is in memory, in blocks of half a second."""

    live = False

    def __init__(self, values: npt.NDArray[np.floating], *, rate_hz: float, kind: StreamKind, name: str = "") -> None:
        """Take (n,) values in the kind's unit, or (n, 3) of ``acc``."""
        self.name, self._kind, self._rate_hz = name or kind, kind, rate_hz
        self._values = np.asarray(values, np.float32)
        self._at, self._block = 0, max(1, round(0.5 * rate_hz))

    def open(self) -> StreamSpec:
        """What it gives."""
        return StreamSpec(self.name, self._kind, self._rate_hz, UNITS[self._kind])

    def read(self) -> Sample | None:
        """The next block."""
        block = self._values[self._at : self._at + self._block]
        if not len(block):
            return None
        t_ns = round(self._at * NS_PER_S / self._rate_hz)
        self._at += len(block)
        return Sample(self.name, t_ns, block, self._rate_hz)

    def close(self) -> None:
        """Nothing is held."""
