"""A folder of a maker's own recordings: what was recorded of whom, and what happened when.

In: a folder with ``manifest.csv`` and the files that it names. Out: ``Recording``s with their intervals. All that is
wrong is said at once, with the line. Not here: watching and scoring (``scoring``).

``manifest.csv``: a header, one line per recording. Columns: ``person`` (whose it is; people are drawn whole for the
intervals of the scores), ``labels`` (a CSV), at least one of ``video audio ecg ppg eda temp acc``, and where one CSV
holds several signals ``signals`` with ``map`` (``ecg=II;ppg=PLETH``: kind = column); ``rate_hz`` where a signal's file
does not say its rate; ``name`` (default: the line). Paths are relative to the folder.

``labels``: a CSV with ``start_s,end_s,name``, seconds from the recording's start; between the intervals of a name it is
not the case. A column ``watched`` in the manifest (``yawn;siren``) says which names somebody looked out for in this
recording, also where none happened: without it only the names in its own labels are judged.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from converters.evaluation.events import Interval
from converters.evaluation.own.names import meaning
from edge_mm.errors import ConvertError, EdgeMmError
from edge_mm.kinds import StreamKind
from edge_mm.protocols import Source

MANIFEST = "manifest.csv"
FILES = ("video", "audio")
SIGNALS: tuple[StreamKind, ...] = ("ecg", "ppg", "eda", "temp", "acc")
COLUMNS = ("name", "person", *FILES, *SIGNALS, "signals", "map", "rate_hz", "labels", "watched")
MOST_LINES = 100_000
"""Of a manifest or of labels; more is another file."""


class Recording(NamedTuple):
    """One recording of one person."""

    name: str
    person: str
    open: Callable[[], list[Source]]
    """New sources, not opened, of all its streams."""
    happened: dict[str, list[Interval]]
    """Name -> intervals, for every name that is judged in this recording."""


def read_manifest(folder: Path) -> list[Recording]:
    """The recordings of a folder.

    Raises:
        ConvertError: no manifest, no recordings, unknown columns or names, files that are not there, intervals that are
            none; every line that is wrong is said.
    """
    path = folder / MANIFEST
    rows = _table(path)
    unknown = sorted(set(rows[0]) - set(COLUMNS)) if rows else []
    if unknown:
        raise ConvertError(f"{path}: unknown column {', '.join(unknown)}; known: {', '.join(COLUMNS)}")
    if not rows:
        raise ConvertError(f"{path}: no recordings: write a line for each under the header")
    found, problems = [], []
    for line, row in enumerate(rows, 2):
        try:
            found.append(_recording(folder, row, f"{path}:{line}", str(line)))
        except (EdgeMmError, OSError) as error:
            problems += [text if text.startswith(str(path)) else f"{path}:{line}: {text}"
                         for text in str(error).splitlines()]  # fmt: skip
    names = [one.name for one in found]
    problems += [
        f"{path}: two recordings are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        raise ConvertError("\n".join(problems))
    return found


def _recording(folder: Path, row: dict[str, str], where: str, line: str) -> Recording:
    for column in ("person", "labels"):
        if not row.get(column):
            raise ConvertError(f"{where}: no {column}; every recording needs one")
    rate_hz = _number(row["rate_hz"], f"{where}: rate_hz") if row.get("rate_hz") else None
    if rate_hz is not None and rate_hz <= 0:
        raise ConvertError(f"{where}: rate_hz {rate_hz:g}: must be positive")
    columns = _map(row.get("map", ""), where)
    if bool(columns) != bool(row.get("signals")):
        raise ConvertError(f"{where}: signals and map go together, e.g. signals.csv and ecg=II;ppg=PLETH")
    streams = [kind for kind in (*FILES, *SIGNALS) if row.get(kind)] + list(columns)
    if not streams:
        raise ConvertError(f"{where}: no recording: fill one of {', '.join((*FILES, *SIGNALS, 'signals'))}")
    if twice := sorted({kind for kind in streams if streams.count(kind) > 1}):
        raise ConvertError(f"{where}: {', '.join(twice)} is given twice")

    def sources() -> list[Source]:
        from edge_mm.sources import AudioFile, VideoFile, existing_file, signal_source

        made: list[Source] = []
        if row.get("video"):
            made.append(VideoFile(existing_file(folder / row["video"], what="video file"), name="vision"))
        if row.get("audio"):
            made.append(AudioFile(existing_file(folder / row["audio"], what="sound file"), name="audio"))
        for kind in SIGNALS:
            if row.get(kind):
                made.append(signal_source(folder / row[kind], kind=kind, rate_hz=rate_hz))
            if kind in columns:
                made.append(signal_source(folder / row["signals"], kind=kind, column=columns[kind], rate_hz=rate_hz))
        return made

    sources()  # files that are not there are said now, not after an hour
    happened = read_labels(folder / row["labels"])
    for name in filter(None, (text.strip() for text in row.get("watched", "").split(";"))):
        meaning(name, where=where)
        happened.setdefault(name, [])
    if not happened:
        raise ConvertError(f"{where}: {row['labels']} has no intervals and 'watched' names nothing: nothing to judge")
    return Recording(row.get("name") or f"line {line}", row["person"], sources, happened)


def read_labels(path: Path) -> dict[str, list[Interval]]:
    """Name -> intervals, sorted.

    Raises:
        ConvertError: it cannot be read, has other columns, an unknown name, or an interval that ends before it begins.
    """
    found: dict[str, list[Interval]] = {}
    for line, row in enumerate(_table(path, needs=("start_s", "end_s", "name")), 2):
        where = f"{path}:{line}"
        start, end = (_number(row[key], f"{where}: {key}") for key in ("start_s", "end_s"))
        if not 0 <= start < end:
            raise ConvertError(f"{where}: {start:g} to {end:g} s is no interval; needs 0 <= start_s < end_s")
        meaning(row["name"], where=where)
        found.setdefault(row["name"], []).append((start, end))
    return {name: sorted(spans) for name, spans in found.items()}


def _table(path: Path, *, needs: tuple[str, ...] = ("person", "labels")) -> list[dict[str, str]]:
    if not path.is_file():
        raise ConvertError(f"{path}: no such file; converters/evaluation/README.md shows the layout")
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, strict=True)
            head = [str(name) for name in reader.fieldnames or ()]
            missing = [name for name in needs if name not in head]
            if missing:
                raise ConvertError(f"{path}: no column {', '.join(missing)}; its first line must name the columns")
            rows: list[dict[str, str]] = []
            for row in reader:
                if len(rows) >= MOST_LINES:
                    raise ConvertError(f"{path}: more than {MOST_LINES:,} lines")
                if None in row or None in row.values():
                    raise ConvertError(f"{path}:{len(rows) + 2}: not {len(head)} columns as the first line has")
                rows.append({key: value.strip() for key, value in row.items()})
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConvertError(f"{path}: cannot be read as CSV in UTF-8: {' '.join(str(error).split())[:120]}") from error
    return rows


def _map(text: str, where: str) -> dict[StreamKind, str]:
    found: dict[StreamKind, str] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        word, _, column = (one.strip() for one in part.partition("="))
        kind = next((one for one in SIGNALS if one == word), None)
        if kind is None or not column:
            raise ConvertError(f"{where}: map {part!r}: write KIND=COLUMN, kinds are {', '.join(SIGNALS)}")
        found[kind] = column
    return found


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConvertError(f"{where}: {text!r:.40} is not a number")
    return value
