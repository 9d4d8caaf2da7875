"""What a text file of numbers looks like: delimiter, header, time column, rate.

In: its first lines. Out: a ``CsvLayout``. Not here: reading the samples (``csv_signal``).

Understood: a header or none, a second one of units (PhysioNet); ``,`` ``;`` tab or blanks between cells, ``;`` with
decimal commas; comment lines before the data, of which ``Sampling Rate (Hz):= 1000`` (BioSPPy), ``rate_hz=250`` and
``fs: 1 kHz`` name the rate; Empatica's two first lines (epoch seconds, rate).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TextIO

import numpy as np

from edge_mm.errors import SourceError
from edge_mm.sources.channels import is_unit, plain, unit_of
from edge_mm.sources.csv_time import dated_seconds, is_dated, is_row_number, numbers, rises_evenly
from edge_mm.sources.files import readable_file, said

_TIME_NAMES = re.compile(r"^(t|timer?|timestamps?|date_?time|date|elapsed|secs?|seconds|clock)(_.*)?$|^.*_time$")
_SECONDS_PER = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0}
# 250, 1,000, 0.5 kHz; not 1.2.3 and not 250,12.
_RATE_IN_COMMENT = re.compile(
    r"(?<![a-z])(?:sampling[ _]rate|sample[ _]rate|rate_hz|fs)\s*(?:[(\[](k?)hz[)\]])?[\s:=]*(?:\.{2,}\s*)?"
    r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.?\d+(?:e[+-]?\d+)?)(?![\d.,]*\d)\.?\s*(k?)(?:hz)?",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"^[+-]?\d*,\d+(e[+-]?\d+)?$", re.IGNORECASE)
_CLOCK_UNIT = re.compile(r"^\[?h+:m+", re.IGNORECASE)  # PhysioNet: hh:mm:ss.mmm
_ROWS_LOOKED_AT = 1000
COMMENT = ("#", "%", "//")
"""What a line that is no row begins with."""
UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a file raises that is truncated or damaged, gzipped or not."""
_EMPATICA_EPOCH = 1e9  # a first value this large is seconds since 1970, not a signal


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How to read the file."""

    lines_before_data: int
    """Comments, header, rate lines."""
    delimiter: str | None
    """None: any run of blanks."""
    decimal_comma: bool
    """Numbers are written 0,35."""
    names: tuple[str, ...]
    """Column names; ``0``, ``1`` ... where there is no header."""
    units: tuple[str, ...]
    """Units of the columns, empty where the file does not say."""
    has_header: bool
    """Whether names are the file's own."""
    time_column: int | None
    """Index of the time column."""
    no_signals: tuple[int, ...]
    """Columns that hold times or number the rows."""
    seconds_per_unit: float | None
    """Unit of the time column; None where the file does not say."""
    rate_hz: float | None
    """Samples per second, where the file says so in a comment."""
    empatica: bool
    """Empatica E4 export: accelerations are in 1/64 g."""


def open_text(path: Path) -> TextIO:
    """Open a text file, gzipped or not, for reading by lines.

    Raises:
        SourceError: it is missing, or it is not text.
    """
    readable_file(path)
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as binary:
            head = _head(binary)
        if b"\0" in head or (len(head) >= 65_536 and b"\n" not in head):
            raise SourceError(f"{path}: this is not a text file of numbers; expected CSV.")
        if zipped:
            return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
        return path.open(encoding="utf-8-sig", errors="replace")
    except UNREADABLE as error:
        raise SourceError(f"{path}: cannot be read: {said(error)}.") from None


def _head(binary: gzip.GzipFile | BufferedReader) -> bytes:
    """The first bytes: 64 KiB, or what can be read of them."""
    head = b""
    try:
        while len(head) < 65_536 and (piece := binary.read1(65_536)):
            head += piece
    except UNREADABLE:
        if not head:
            raise
    return head


def find_layout(lines: Sequence[str], *, where: str) -> CsvLayout:
    """Look at the first lines.

    Args:
        lines: The first lines of the file, some thousands at most.
        where: The file, for messages.

    Raises:
        SourceError: there are no lines of numbers.
    """
    rate_hz = None
    first = 0
    for line in lines:
        text = line.strip()
        if text and not text.startswith(COMMENT):
            break
        first += 1
        if match := _RATE_IN_COMMENT.search(text):
            kilo = 1e3 if match[1] or match[3] else 1.0
            rate_hz = float(match[2].replace(",", "")) * kilo or None
    else:
        raise SourceError(f"{where}: there are no data in this file; it is empty.")
    rows = [line for line in lines[first : first + _ROWS_LOOKED_AT] if line.strip()]
    delimiter = _delimiter(rows[0])
    cells = split(rows[0], delimiter)
    # Judged by any row: a header has none, and neither have whole numbers.
    decimal_comma = delimiter == ";" and any(
        _DECIMAL_COMMA.match(cell) for row in rows for cell in split(row, delimiter)
    )
    has_header = not any(_is_number(cell, decimal_comma) for cell in cells)
    names = tuple(cells) if has_header else tuple(str(index) for index in range(len(cells)))
    units = tuple(unit_of(name) for name in names) if has_header else ("",) * len(names)
    empatica = False
    time_column, seconds_per_unit = None, None
    no_signals: tuple[int, ...] = ()
    if has_header:
        first += 1
        time_column = next((index for index, name in enumerate(names) if _TIME_NAMES.match(plain(name))), None)
        seconds_per_unit = _time_unit(names[time_column]) if time_column is not None else None
        if below := _unit_row(rows, delimiter, decimal_comma):
            first = lines.index(rows[1], first) + 1
            units = tuple(low or name for low, name in zip([*below, *units[len(below) :]], units, strict=False))
            seconds_per_unit = seconds_per_unit if time_column is None else _SECONDS_PER.get(units[time_column].lower())
        no_signals = () if time_column is None else (time_column,)
    elif len(rows) > 2:
        empatica, rate = _empatica(rows, delimiter)
        if empatica:
            first, rate_hz = first + 2, rate
        elif len(cells) > 1:
            time_column, no_signals = _unnamed_time(rows, len(cells), delimiter, decimal_comma)
    return CsvLayout(
        lines_before_data=first,
        delimiter=delimiter,
        decimal_comma=decimal_comma,
        names=names,
        units=units,
        has_header=has_header,
        time_column=time_column,
        no_signals=no_signals,
        seconds_per_unit=seconds_per_unit,
        rate_hz=rate_hz,
        empatica=empatica,
    )


def split(line: str, delimiter: str | None) -> list[str]:
    """Cells of one line, without quotes around them."""
    return [cell.strip().strip("\"'") for cell in line.strip("\r\n").split(delimiter)]


def _delimiter(line: str) -> str | None:
    for candidate in ("\t", ";", ","):
        if candidate in line:
            return candidate
    return None


def _is_number(cell: str, decimal_comma: bool) -> bool:
    try:
        float(cell.replace(",", ".") if decimal_comma else cell)
    except ValueError:
        # A date is data too; a name never begins with a digit and holds a colon or two dashes.
        return bool(re.match(r"^\[?\d[\d\-/.: T]*[:\-]", cell))
    return True


def _time_unit(name: str) -> float | None:
    if unit := unit_of(name):
        return _SECONDS_PER.get(unit)
    short = plain(name)
    if short in ("seconds", "secs", "sec"):
        return 1.0
    return _SECONDS_PER.get(short.rpartition("_")[2]) if "_" in short else None


def _empatica(rows: Sequence[str], delimiter: str | None) -> tuple[bool, float]:
    """First row: epoch seconds in every column; second row: the rate in every column."""
    try:
        epochs = {float(cell) for cell in split(rows[0], delimiter)}
        rates = {float(cell) for cell in split(rows[1], delimiter)}
    except ValueError:
        return False, 0.0
    if len(epochs) == 1 and len(rates) == 1 and epochs.pop() > _EMPATICA_EPOCH:
        rate = rates.pop()
        return 0.0 < rate <= 4096.0, rate
    return False, 0.0


def _unit_row(rows: Sequence[str], delimiter: str | None, decimal_comma: bool) -> list[str]:
    """The second row where it holds units and no number; else nothing."""
    cells = split(rows[1], delimiter) if len(rows) > 1 else []
    if any(_is_number(cell, decimal_comma) for cell in cells):
        return []
    return cells if any(is_unit(cell) or _CLOCK_UNIT.match(cell) for cell in cells) else []


def _unnamed_time(
    rows: Sequence[str], columns: int, delimiter: str | None, decimal_comma: bool
) -> tuple[int | None, tuple[int, ...]]:
    """(time column, columns that are no signals) of several unnamed ones: the first, or the one beside row numbers."""
    table = [split(row.replace(",", ".") if decimal_comma else row, delimiter) for row in rows]
    skipped: tuple[int, ...] = ()
    for column in range(columns - 1)[:2]:  # at least one is a signal
        cells = [row[column] if column < len(row) else "" for row in table]
        dated = is_dated(cells)
        times = dated_seconds(cells) if dated else numbers(cells)
        if not rises_evenly(times):
            break
        skipped = (*skipped, column)
        if dated or not is_row_number(times[np.isfinite(times)]):
            return column, skipped
    return None, skipped
