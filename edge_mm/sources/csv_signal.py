"""A signal from a text file of numbers (CSV) -> blocks of 0.2 s.

In: CSV as ``csv_layout`` understands it, gzipped or not; a time column in seconds, milliseconds, epoch or ISO time,
or a rate. Out: (n,) float32 in the kind's unit ((n, 3) for ``acc`` and ``gyro``), NaN where a cell is no number. Not
here: WFDB, EDF, numpy files (``signal_file``).

Parsed in chunks by numpy's C reader; only a chunk that it refuses is gone through cell by cell. Positions count from
the first row: a time column gives the rate, the gaps and the jitter, not the origin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError
from edge_mm.sources.blocks import BlockCutter
from edge_mm.sources.channels import UNIT_OF, SignalKind, choose_columns, unit_factor
from edge_mm.sources.csv_layout import COMMENT, UNREADABLE, CsvLayout, find_layout, open_text, split
from edge_mm.sources.csv_time import LARGEST, dated_seconds, is_dated, numbers, read_times, why_no_rate
from edge_mm.sources.files import given_rate, rate_in_file, said
from edge_mm.types import Sample, StreamSpec

_LINES_AT_ONCE = 8192
_EMPATICA_G = 1 / 64  # Empatica E4 export: accelerations are integers in 1/64 g
Column = str | int


class CsvSignal:
    """One signal of a CSV file, as fast as it is read.

    Args:
        path: The file, ``.gz`` or not.
        kind: What is measured.
        name: Stream name; empty takes the kind.
        column: Name (any case, with or without its unit) or index of the column, three for ``acc`` and ``gyro``; None
            chooses by the usual names, else the only column that it can be.
        rate_hz: Samples per second; then a time column is not looked at. None takes it from the file.
        start_ns: Time of the first row.

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
        column: Column | Sequence[Column] | None = None,
        rate_hz: float | None = None,
        start_ns: int = 0,
    ) -> None:
        self.name = name or kind
        self._path = Path(path)
        self._kind = kind
        self._wanted: tuple[Column, ...] = (
            () if column is None else (column,) if isinstance(column, str | int) else tuple(column)
        )
        self._given_rate_hz = given_rate(rate_hz, where=str(path))
        self._start_ns = start_ns
        self._file: TextIO | None = None
        self._rows: _Rows | None = None
        self._cutter: BlockCutter | None = None
        self._seconds_per_unit = 1.0
        self._timed = False
        self._ready: deque[Sample] = deque()
        self._ended = False
        self._broken = ""  # why nothing can be read after the last line

    def open(self) -> StreamSpec:
        """Open the file, find its layout and its rate.

        Raises:
            SourceError: missing, empty, not text, no such column, or nothing in it says the rate.
        """
        self.close()
        self._file = open_text(self._path)
        try:
            return self._begin(self._lines())
        except SourceError:
            self.close()
            raise

    def read(self) -> Sample | None:
        """The next block, or None at the end.

        Raises:
            SourceError: the file is damaged here; all whole lines before were given.
        """
        while not self._ready and not self._ended:
            self._take(self._lines())
        if self._broken and not self._ready:
            raise SourceError(self._broken)
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._ready.clear()
        self._ended = False
        self._broken = ""

    def _lines(self) -> list[str]:
        if self._file is None:
            return []
        lines: list[str] = []
        try:
            lines.extend(islice(self._file, _LINES_AT_ONCE))  # keeps what came before an error
        except UNREADABLE as error:  # a truncated or damaged gzip file
            self._broken = f"{self._path}: the file cannot be read further: {said(error)}."
        return lines

    def _begin(self, lines: list[str]) -> StreamSpec:
        where = str(self._path)
        if self._broken and not lines:
            raise SourceError(self._broken)
        layout = find_layout(lines, where=where)
        timed = layout.time_column is not None and self._given_rate_hz is None
        columns = choose_columns(
            layout.names if layout.has_header else [f"value{name}" for name in layout.names],
            kind=self._kind,
            wanted=self._wanted,
            where=where,
            skip=layout.no_signals,
            units=layout.units,
        )
        factors = [
            _EMPATICA_G
            if layout.empatica and self._kind == "acc"
            else unit_factor(layout.units[column], self._kind, where=f"{where}: column {layout.names[column]!r}")
            for column in columns
        ]
        self._rows = _Rows(layout=layout, columns=columns, factors=factors, timed=timed)
        times, values = self._rows.parse(lines[layout.lines_before_data :])
        if not np.isfinite(values).any():
            names = ", ".join(repr(layout.names[column]) for column in columns)
            raise SourceError(f"{where}: column {names} holds no numbers in its first rows.")
        timing = None
        rate_hz = self._given_rate_hz or layout.rate_hz
        if times is not None:
            self._seconds_per_unit, timing = read_times(times, layout.seconds_per_unit, self._kind)
            rate_hz = timing.rate_hz if timing is not None else rate_hz
        if not rate_hz and times is not None and layout.time_column is not None:
            name = layout.names[layout.time_column]
            raise SourceError(f"{where}: column {name!r} is the time, but {why_no_rate(times)}.")
        if not rate_hz:
            raise SourceError(
                f"{where}: nothing in it says how fast it was sampled; give --rate (rate_hz), "
                "or a column of times named 'time'."
            )
        rate_in_file(rate_hz, where=where)
        self._timed = timing is not None
        self._cutter = BlockCutter(stream=self.name, rate_hz=rate_hz, start_ns=self._start_ns, timing=timing)
        self._ended = len(lines) < _LINES_AT_ONCE
        self._cut(times, values)
        return StreamSpec(name=self.name, kind=self._kind, rate_hz=rate_hz, unit=UNIT_OF[self._kind])

    def _take(self, lines: list[str]) -> None:
        self._ended = len(lines) < _LINES_AT_ONCE
        if self._rows is not None:
            self._cut(*self._rows.parse(lines))

    def _cut(self, times: npt.NDArray[np.float64] | None, values: npt.NDArray[np.float32]) -> None:
        seconds = times * self._seconds_per_unit if times is not None and self._timed else None
        if self._cutter is not None:
            self._ready.extend(self._cutter.push(values, seconds, last=self._ended))


class _Rows:
    """Turns lines into times and values."""

    def __init__(self, *, layout: CsvLayout, columns: tuple[int, ...], factors: Sequence[float], timed: bool) -> None:
        self._layout = layout
        self._columns = columns
        self._factors = np.array(factors)
        self._timed = timed
        self._dated = False  # the time column holds dates or clock times

    def parse(self, lines: list[str]) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float32]]:
        """Lines -> ((n,) float64 times in the file's unit or None, (n,) or (n, 3) float32 values)."""
        if self._layout.decimal_comma:
            lines = [line.replace(",", ".") for line in lines]
        time = self._layout.time_column if self._timed else None
        used = [*([] if time is None else [time]), *self._columns]
        table = None if self._dated else self._numbers(lines, used)
        if table is None:
            lines = [line for line in lines if line.strip() and not line.lstrip().startswith(COMMENT)]
            rows = [split(line, self._layout.delimiter) for line in lines]
            table = np.empty((len(rows), len(used)))
            for place, column in enumerate(used):
                cells = [row[column] if column < len(row) else "" for row in rows]
                is_dates = place == 0 and time is not None and (self._dated or is_dated(cells))
                self._dated = self._dated or is_dates
                table[:, place] = dated_seconds(cells) if is_dates else numbers(cells)
        times = None if time is None else np.where(np.abs(table[:, 0]) < LARGEST, table[:, 0], np.nan)
        chosen = table[:, -len(self._columns) :]
        with np.errstate(over="ignore"):
            values = np.asarray(chosen * self._factors, dtype=np.float32)
        values[~np.isfinite(values)] = np.nan
        return times, values if len(self._columns) > 1 else values[:, 0]

    def _numbers(self, lines: list[str], used: list[int]) -> npt.NDArray[np.float64] | None:
        """Parse by numpy's C reader; None where a cell is no number or a row is short."""
        if not any(line.strip() for line in lines):
            return np.empty((0, len(used)))
        try:
            table = np.loadtxt(
                lines, delimiter=self._layout.delimiter, usecols=used, ndmin=2, comments=None, quotechar='"'
            )
        except ValueError:
            return None
        return np.asarray(table, dtype=np.float64)
