"""What a value was over the last minutes, and the last seconds of a waveform; both in rings of a fixed size.

In: values with the moment they came. Out: points to draw. Not here: drawing (``charts``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from edge_mm.dashboard.bounds import LINE_POINTS, LINE_S, MAX_WAVE_RATE_HZ, WAVE_S


class TimeLine:
    """Values of the last ``LINE_S`` seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float, float]] = deque(maxlen=LINE_POINTS)

    def add(self, now_s: float, value: float, quality: float) -> None:
        """A value came."""
        self._points.append((now_s, value, quality))

    def since(self, from_s: float) -> Iterator[tuple[float, float, float]]:
        """Moment, value and quality of each point not older than ``from_s``."""
        return (point for point in self._points if point[0] >= from_s)

    def recent(self, now_s: float) -> bool:
        """Whether there is anything to draw."""
        return bool(self._points) and now_s - self._points[-1][0] < LINE_S


class Wave:
    """The last ``WAVE_S`` seconds of a sampled signal, as a sweep: the newest value is at the right."""

    def __init__(self) -> None:
        self.rate_hz = 0.0
        self.unit = ""
        self.heard_s = 0.0
        self._values: deque[float] = deque(maxlen=round(WAVE_S * MAX_WAVE_RATE_HZ))

    def add(self, now_s: float, values: Sequence[float | None], *, rate_hz: float, unit: str) -> None:
        """A piece came; one of another rate begins anew."""
        if rate_hz != self.rate_hz or now_s - self.heard_s > WAVE_S:
            self._values = deque(maxlen=max(2, round(WAVE_S * rate_hz)))
        self.rate_hz, self.unit, self.heard_s = rate_hz, unit, now_s
        self._values.extend(float("nan") if value is None else value for value in values)

    @property
    def values(self) -> Sequence[float]:
        """Oldest first; not-a-number where there was none."""
        return self._values

    @property
    def capacity(self) -> int:
        """How many values fill the picture."""
        return self._values.maxlen or 2
