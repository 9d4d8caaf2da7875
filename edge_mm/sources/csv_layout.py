"""What a text file of numbers looks like: delimiter, header, time column, rate.

In: its first lines. Out: a ``CsvLayout``. Not here: reading the samples (``csv_signal``).

Understood: a header or none; ``,`` ``;`` tab or blanks between cells, ``;`` with decimal commas; comment lines before
the data, of which ``Sampling Rate (Hz):= 1000`` (BioSPPy) and ``rate_hz=250`` name the rate; Empatica's two first lines
(epoch seconds, rate).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from edge_mm.errors import SourceError
from edge_mm.sources.channels import plain, unit_of
from edge_mm.sources.files import readable_file, said

_TIME_NAMES = re.compile(r"^(t|time|timer?|timestamps?|date_?time|date|elapsed|secs?|seconds|clock)(_.*)?$|^.*_time$")
_SECONDS_PER = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0}
_RATE_IN_COMMENT = re.compile(r"(?:sampling[ _]rate|rate_hz|sample[ _]rate|fs)\s*(?:\(hz\))?\s*:?=?\s*([\d.]+)", re.I)
_COMMENT = ("#", "%", "//")
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
    has_header: bool
    """Whether names are the file's own."""
    time_column: int | None
    """Index of the time column."""
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
            head = binary.read(65_536)
        if b"\0" in head or (len(head) == 65_536 and b"\n" not in head):
            raise SourceError(f"{path}: this is not a text file of numbers; expected CSV.")
        if zipped:
            return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
        return path.open(encoding="utf-8-sig", errors="replace")
    except (OSError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read: {said(error)}.") from None


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
        if text and not text.startswith(_COMMENT):
            break
        first += 1
        if match := _RATE_IN_COMMENT.search(text):
            rate_hz = float(match[1]) or None
    else:
        raise SourceError(f"{where}: there are no data in this file; it is empty.")
    rows = [line for line in lines[first : first + 12] if line.strip()]
    delimiter = _delimiter(rows[0])
    cells = split(rows[0], delimiter)
    # Judged by the last row seen, so that a header does not hide it.
    decimal_comma = delimiter == ";" and "," in rows[-1] and "." not in rows[-1]
    has_header = not any(_is_number(cell, decimal_comma) for cell in cells)
    names = tuple(cells) if has_header else tuple(str(index) for index in range(len(cells)))
    empatica = False
    if has_header:
        first += 1
    elif len(rows) > 2:
        empatica, rate = _empatica(rows, delimiter)
        if empatica:
            first, rate_hz = first + 2, rate
    time_column = None
    if has_header:
        time_column = next((index for index, name in enumerate(names) if _TIME_NAMES.match(plain(name))), None)
    elif len(cells) > 1 and not empatica:
        time_column = _rising_first_column(rows, delimiter, decimal_comma)
    return CsvLayout(
        lines_before_data=first,
        delimiter=delimiter,
        decimal_comma=decimal_comma,
        names=names,
        has_header=has_header,
        time_column=time_column,
        seconds_per_unit=_time_unit(names[time_column]) if time_column is not None and has_header else None,
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


def _rising_first_column(rows: Sequence[str], delimiter: str | None, decimal_comma: bool) -> int | None:
    """0 where the first of several unnamed columns rises in equal steps: then it is the time."""
    try:
        cells = [split(row, delimiter)[0] for row in rows]
        times = [float(cell.replace(",", ".") if decimal_comma else cell) for cell in cells]
    except ValueError:
        return None
    steps = [b - a for a, b in pairwise(times)]
    return 0 if len(steps) >= 2 and min(steps) > 0 and max(steps) < 1.5 * min(steps) else None
