"""Is something there: the share of a slow signal's values that are no gap.

In: chunks of one stream. Out: ``sensor.quality`` every second or, where the stream is slower than 4 Hz, every four
values. Not here: whether the values make sense.
"""

from __future__ import annotations

import numpy as np

from edge_mm.perception.physio_intake import Chunk
from edge_mm.perception.physio_quality import SECOND
from edge_mm.types import Modality, Observation


class Presence:
    """Counts over whole seconds of one stream.

    Args:
        stream: its name.
        sense: its modality.
    """

    def __init__(self, stream: str, sense: Modality) -> None:
        self._stream, self._sense = stream, sense
        self._chunks = self._present = self._size = 0

    def chunk(self, chunk: Chunk) -> list[Observation]:
        """Take the next chunk; gives the quality when a second is full."""
        if chunk.fresh:
            self._chunks = self._present = self._size = 0
        self._chunks += 1
        self._present += int(np.count_nonzero(np.isfinite(chunk.values)))
        self._size += chunk.values.size
        if self._chunks % SECOND or not chunk.full:
            return []
        share, self._present, self._size = self._present / self._size, 0, 0
        t_ns = chunk.time.at(chunk.start + chunk.values.size)
        label = "" if share > 0.5 else "missing"
        return [Observation(t_ns, "sensor.quality", share, "1", share, self._sense, self._stream, label)]
