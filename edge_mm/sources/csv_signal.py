"""A signal from a text file of numbers (CSV) -> blocks of 0.2 s.

In: CSV as ``csv_layout`` understands it, gzipped or not; a time column in seconds, milliseconds, epoch or ISO time,
or a rate. Out: (n,) float32 in the kind's unit ((n, 3) for ``acc``), NaN where a cell is no number. Not here: WFDB,
EDF, numpy files (``signal_file``).

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
from edge_mm.sources.blocks import BlockCutter, Timing, timing_of
from edge_mm.sources.channels import UNIT_OF, SignalKind, choose_columns, unit_factor, unit_of
from edge_mm.sources.csv_layout import CsvLayout, find_layout, open_text, split
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
        column: Name (any case, with or without its unit) or index of the column, three of them for ``acc``; None
            chooses by the usual names, else the first column that is no time.
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
        """The next block, or None at the end."""
        while not self._ready and not self._ended:
            self._take(self._lines())
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._ready.clear()
        self._ended = False

    def _lines(self) -> list[str]:
        if self._file is None:
            return []
        try:
            return list(islice(self._file, _LINES_AT_ONCE))
        except (OSError, EOFError) as error:  # a truncated gzip file
            raise SourceError(f"{self._path}: the file cannot be read further: {said(error)}.") from None

    def _begin(self, lines: list[str]) -> StreamSpec:
        where = str(self._path)
        layout = find_layout(lines, where=where)
        timed = layout.time_column is not None and self._given_rate_hz is None
        columns = choose_columns(
            layout.names if layout.has_header else [f"value{name}" for name in layout.names],
            kind=self._kind,
            wanted=self._wanted,
            where=where,
            skip=() if layout.time_column is None else (layout.time_column,),
        )
        factor = unit_factor(unit_of(layout.names[columns[0]]) if layout.has_header else "", self._kind)
        if layout.empatica and self._kind == "acc":
            factor = _EMPATICA_G
        self._rows = _Rows(layout=layout, columns=columns, factor=factor, timed=timed)
        times, values = self._rows.parse(lines[layout.lines_before_data :])
        if not np.isfinite(values).any():
            names = ", ".join(repr(layout.names[column]) for column in columns)
            raise SourceError(f"{where}: column {names} holds no numbers in its first rows.")
        timing = None
        rate_hz = self._given_rate_hz or layout.rate_hz
        if times is not None:
            self._seconds_per_unit, timing = _read_times(times, layout.seconds_per_unit, self._kind)
            rate_hz = timing.rate_hz if timing is not None else rate_hz
        if not rate_hz and times is not None and layout.time_column is not None:
            name = layout.names[layout.time_column]
            raise SourceError(f"{where}: column {name!r} is the time, but {_why_no_rate(times)}.")
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

    def __init__(self, *, layout: CsvLayout, columns: tuple[int, ...], factor: float, timed: bool) -> None:
        self._layout = layout
        self._columns = columns
        self._factor = factor
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
            lines = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "%"))]
            rows = [split(line, self._layout.delimiter) for line in lines]
            table = np.empty((len(rows), len(used)))
            for place, column in enumerate(used):
                cells = [row[column] if column < len(row) else "" for row in rows]
                is_dates = place == 0 and time is not None and (self._dated or _is_dated(cells))
                self._dated = self._dated or is_dates
                table[:, place] = _seconds(cells) if is_dates else _floats(cells)
        times = None if time is None else table[:, 0]
        chosen = table[:, -len(self._columns) :]
        with np.errstate(over="ignore"):
            values = np.asarray(chosen * self._factor, dtype=np.float32)
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


def _floats(cells: list[str]) -> npt.NDArray[np.float64]:
    try:
        return np.array(cells).astype(np.float64)
    except ValueError:
        return np.array([_float(cell) for cell in cells])


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _is_dated(cells: list[str]) -> bool:
    return sum(":" in cell for cell in cells) > len(cells) // 2


def _seconds(cells: list[str]) -> npt.NDArray[np.float64]:
    """ISO date times or clock times, NaN where a cell is neither -> seconds since some midnight."""
    text = [cell.strip("[] ").removesuffix("Z") for cell in cells]
    text = [cell if "-" in cell or "/" in cell else f"1970-01-01T{cell.zfill(8)}" for cell in text]
    try:
        stamps = np.array(text, dtype="datetime64[us]")
    except ValueError:
        stamps = np.array([_stamp(cell) for cell in text], dtype="datetime64[us]")
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return np.asarray(seconds, dtype=np.float64)


def _stamp(cell: str) -> np.datetime64:
    try:
        return np.datetime64(cell, "us")
    except ValueError:
        return np.datetime64("NaT")


def _read_times(
    times: npt.NDArray[np.float64], seconds_per_unit: float | None, kind: SignalKind
) -> tuple[float, Timing | None]:
    """Unit of the time column and what it says of the rate.

    Where the file names no unit: an epoch is known by its size; else seconds, unless no ECG or PPG is sampled that
    slowly (below 5 Hz), then milli-, micro- or nanoseconds.
    """
    if seconds_per_unit is not None:
        return seconds_per_unit, timing_of(times * seconds_per_unit)
    units = [1.0, 1e-3, 1e-6, 1e-9]
    finite = times[np.isfinite(times)]
    largest = float(np.max(np.abs(finite))) if len(finite) else 0.0
    while len(units) > 1 and largest * units[0] > 1e10:  # seconds since 1970 pass 1e10 in the year 2286
        units.pop(0)
    for unit in units:
        timing = timing_of(times * unit)
        if timing is None or kind not in ("ecg", "ppg") or timing.rate_hz >= 5.0:
            return unit, timing
    return units[0], timing_of(times * units[0])


def _why_no_rate(times: npt.NDArray[np.float64]) -> str:
    """Why a time column says nothing of the rate."""
    finite = times[np.isfinite(times)]
    mend = "give --rate (rate_hz) if the rows are in order"
    if not len(finite):
        return f"its first rows hold no times; {mend}"
    if len(times) == 1 or len(finite) == 1:
        return "there is only one row with a time, and a rate takes two; record more, or give --rate (rate_hz)"
    if np.all(finite == finite[0]):
        return f"it does not ascend: its first {len(finite)} rows all say {finite[0]:.12g}; {mend}"
    ends = f"from {finite[0]:.12g} to {finite[-1]:.12g}"
    return f"it does not ascend: its first rows go {ends}; sort the rows by time, or {mend}"
