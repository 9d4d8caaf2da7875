"""A WFDB record (PhysioNet: ``.hea`` with ``.dat`` or ``.mat``) as a ``Record``.

In: a path with or without suffix. Out: physical values in the kind's unit, NaN where the record says "invalid". The
``wfdb`` package is the extra ``[wfdb]``; it brings pandas and is imported only here, when a record is opened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError
from edge_mm.sources.channels import SignalKind, choose_columns, unit_factor
from edge_mm.sources.files import is_directory, is_file, rate_in_file, readable_file, said
from edge_mm.sources.record import Record

_SUFFIXES = (".hea", ".dat", ".mat", ".atr")


def wfdb_header(path: Path) -> Path:
    """The ``.hea`` that belongs to a record's name or to one of its files."""
    stem = path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path
    return stem.with_name(stem.name + ".hea")


def open_wfdb(path: Path, *, kind: SignalKind, wanted: Sequence[str | int], rate_hz: float | None) -> Record:
    """Open a record; ``rate_hz`` is not used: the header knows.

    Raises:
        SourceError: header or signal file missing or damaged, no such channel, or ``wfdb`` is not installed.
    """
    header_path = wfdb_header(path)
    if is_directory(path) and not is_file(header_path):
        readable_file(path)
    with contextlib.suppress(PermissionError):  # a folder that may not be entered: the next line says so
        if not header_path.exists():
            raise SourceError(f"{path}: there is no WFDB header {header_path.name} next to it; check the path.")
    readable_file(header_path, what="WFDB header")
    try:
        import wfdb
    except ImportError:
        raise SourceError(f"{path}: WFDB records need the package wfdb: pip install 'edge-mm[wfdb]'.") from None
    record_name = str(header_path.with_suffix(""))
    try:
        header = wfdb.rdheader(record_name, rd_segments=True)
        names, units = _signals(header)
        length = int(header.sig_len or 0)
        rate = float(header.fs)
    except SourceError:
        raise
    except Exception as error:  # the parser raises whatever its regular expressions and indices run into
        raise SourceError(f"{header_path}: the WFDB header cannot be read: {said(error)}.") from None
    if not names or rate <= 0:
        raise SourceError(f"{header_path}: the header names no signal or no rate.")
    rate_in_file(rate, where=str(header_path))
    columns = choose_columns(names, kind=kind, wanted=wanted, where=str(header_path), units=units)
    factors = np.array(
        [unit_factor(units[column], kind, where=f"{header_path}: signal {names[column]!r}") for column in columns]
    )

    def read(first: int, end: int) -> npt.NDArray[np.floating]:
        try:
            part: Any = wfdb.rdrecord(record_name, sampfrom=first, sampto=end, channels=list(columns))
            values = np.asarray(part.p_signal) * factors
        except Exception as error:  # a missing .dat, one that is too short, an unknown format: all kinds of errors
            raise SourceError(f"{header_path}: its signal file cannot be read: {said(error)}.") from None
        return np.asarray(values if len(columns) > 1 else values[:, 0], dtype=np.float64)

    return Record(rate_hz=rate, length=length, read=read)


def _signals(header: Any) -> tuple[list[str], list[str]]:
    """Names and units of all signals; of several segments, the first one (or the layout) names them all."""
    header = next(filter(None, getattr(header, "segments", None) or []), header)
    return [name or "" for name in header.sig_name or []], [unit or "" for unit in header.units or []]
