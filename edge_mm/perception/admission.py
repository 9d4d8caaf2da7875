"""Whether a sample is what its stream promised, asked once where it enters the monitor.

In: a Sample and the StreamSpec it was announced with. Out: nothing, or a ``SourceError`` that names the stream. Not
here: pictures and notes, whose front ends look at them.
"""

from __future__ import annotations

import math

from edge_mm.errors import SourceError
from edge_mm.kinds import TRIPLES
from edge_mm.types import Sample, StreamSpec

_FRAMES_TOLERANCE = 100.0
"""A camera may be so many times slower or faster than it announced (in the dark); a frame that claims to last longer
would take the monitor's time with it."""
_RATE_TOLERANCE = 0.01
"""A sample may claim a rate that is off by this share: some drivers measure it. The announced rate is what counts."""


def check_sample(sample: Sample, spec: StreamSpec) -> None:
    """Whether a sample is what its stream promised; frames (grey or not) and notes are looked at by their front end.

    Raises:
        SourceError: it is not.
    """
    data, rate_hz = sample.data, sample.rate_hz
    if not (math.isfinite(rate_hz) and rate_hz > 0):
        raise SourceError(f"stream {spec.name!r}: a sample with rate {rate_hz} Hz; it must be positive")
    if spec.kind in ("video", "note"):
        if not 1 / _FRAMES_TOLERANCE <= rate_hz / spec.rate_hz <= _FRAMES_TOLERANCE:
            raise SourceError(f"stream {spec.name!r}: a sample at {rate_hz:g} Hz, announced were {spec.rate_hz:g} Hz")
        return
    if abs(rate_hz - spec.rate_hz) > _RATE_TOLERANCE * spec.rate_hz:
        raise SourceError(
            f"stream {spec.name!r}: a sample at {rate_hz:g} Hz, announced were {spec.rate_hz:g} Hz; resample it, or "
            "announce the stream again"
        )
    if spec.kind in TRIPLES:
        good, want = data.ndim == 2 and data.shape[1] == 3, f"(n, 3) float32 in {spec.unit}"
    else:
        good, want = data.ndim == 1, "(n,) float32"
    if not good or data.dtype.kind != "f":
        raise SourceError(f"stream {spec.name!r} ({spec.kind}): got {data.shape} {data.dtype}, needs {want}")
