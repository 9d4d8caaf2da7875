"""A signal from a file with random access: WFDB record, EDF file, numpy array -> blocks of 0.2 s.

In: a path; the suffix says the format. Out: (n,) float32 in the kind's unit ((n, 3) for ``acc``), NaN where the record
says "invalid". A minute is read at a time. Not here: CSV (``csv_signal``), the formats themselves (``wfdb_record``,
``edf_record``, ``array_record``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_mm.errors import SourceError
from edge_mm.sources.array_record import open_array
from edge_mm.sources.blocks import BlockCutter
from edge_mm.sources.channels import UNIT_OF, SignalKind
from edge_mm.sources.edf_record import open_edf
from edge_mm.sources.files import given_rate
from edge_mm.sources.record import Record
from edge_mm.sources.wfdb_record import open_wfdb
from edge_mm.types import Sample, StreamSpec

_OPENERS = {".npz": open_array, ".npy": open_array, ".edf": open_edf, ".bdf": open_edf}
_READ_S = 60.0


class SignalFile:
    """One signal of a WFDB record, an EDF file or a numpy file, as fast as it is read.

    Args:
        path: ``.edf``, ``.npz``, ``.npy``; anything else is a WFDB record, with or without ``.hea`` or ``.dat``.
        kind: What is measured.
        name: Stream name; empty takes the kind.
        channel: Name (any case) or index of the channel or of the array in a ``.npz``; None chooses by the usual names.
        rate_hz: Samples per second: required for numpy files, not used for the others, which know it.
        start_ns: Time of the first sample.

    Raises:
        ConfigError: the rate is absurd.
    """

    live = False

    def __init__(
        self,
        path: str | Path,
        *,
        kind: SignalKind,
        name: str = "",
        channel: str | int | Sequence[str | int] | None = None,
        rate_hz: float | None = None,
        start_ns: int = 0,
    ) -> None:
        self.name = name or kind
        self._path = Path(path)
        self._kind = kind
        self._wanted: tuple[str | int, ...] = (
            () if channel is None else (channel,) if isinstance(channel, str | int) else tuple(channel)
        )
        self._given_rate_hz = given_rate(rate_hz, where=str(path))
        self._start_ns = start_ns
        self._record: Record | None = None
        self._cutter: BlockCutter | None = None
        self._at = 0
        self._ready: deque[Sample] = deque()

    def open(self) -> StreamSpec:
        """Open the file and read its first minute.

        Raises:
            SourceError: missing, damaged, empty, no such channel, or the package that reads it is not installed.
        """
        self.close()
        opener = _OPENERS.get(self._path.suffix.lower(), open_wfdb)
        record = opener(self._path, kind=self._kind, wanted=self._wanted, rate_hz=self._given_rate_hz)
        if record.length <= 0:
            raise SourceError(f"{self._path}: there are no samples in it.")
        self._record = record
        self._cutter = BlockCutter(stream=self.name, rate_hz=record.rate_hz, start_ns=self._start_ns)
        self._fill()  # a missing .dat or a truncated file is said at open
        return StreamSpec(name=self.name, kind=self._kind, rate_hz=record.rate_hz, unit=UNIT_OF[self._kind])

    def read(self) -> Sample | None:
        """The next block, or None at the end.

        Raises:
            SourceError: the file is damaged further in.
        """
        while not self._ready and self._record is not None and self._at < self._record.length:
            self._fill()
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Let go of the file."""
        self._record = None
        self._cutter = None
        self._at = 0
        self._ready.clear()

    def _fill(self) -> None:
        if self._record is None or self._cutter is None:
            return
        stop = min(self._record.length, self._at + max(1, round(self._record.rate_hz * _READ_S)))
        with np.errstate(over="ignore"):
            values = np.asarray(self._record.read(self._at, stop), dtype=np.float32)
        values = np.where(np.isfinite(values), values, np.float32(np.nan))  # a copy: a mapped file is read-only
        if len(values) != stop - self._at:
            raise SourceError(f"{self._path}: it ends after {self._at + len(values)} of {self._record.length} samples.")
        self._at = stop
        self._ready.extend(self._cutter.push(values, last=stop == self._record.length))
