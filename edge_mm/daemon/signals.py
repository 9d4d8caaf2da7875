"""``--signals CSV --map eda=COLUMN,acc_x=COLUMN,...``: several signals in the columns of one file.

In: the two options' texts. Out: which column is what, and a Source for each. Not here: reading CSV (``sources``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from edge_mm.errors import UsageError
from edge_mm.kinds import THREE_AXES
from edge_mm.protocols import Source

_AXES = {kind: tuple(f"{kind}_{axis}" for axis in "xyz") for kind in sorted(THREE_AXES)}
KEYS = ("eda", "temp", *(key for axes in _AXES.values() for key in axes), "ecg", "ppg")
"""What a column can be."""


def parse_map(text: str | None) -> dict[str, str]:
    """``eda=EDA,temp=T`` as a dictionary.

    Raises:
        UsageError: not of that form, an unknown or repeated key, or a part of the three axes.
    """
    columns: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or key not in KEYS:
            raise UsageError(f"--map {part!r}: write KEY=COLUMN with KEY one of {', '.join(KEYS)}")
        if key in columns:
            raise UsageError(f"--map: {key} is given twice")
        columns[key] = column
    for kind, axes in _AXES.items():
        given = [key for key in axes if key in columns]
        if given and len(given) < len(axes):
            raise UsageError(f"--map: {', '.join(given)} without the other axes; {kind} has {', '.join(axes)}")
    return columns


def kinds_of(columns: Mapping[str, str]) -> list[str]:
    """The streams that a map makes, in a fixed order."""
    return [kind for kind in ("eda", "temp", *_AXES, "ecg", "ppg") if kind in columns or f"{kind}_x" in columns]


def signal_sources(path: str | None, columns: Mapping[str, str], *, taken: Collection[str] = ()) -> list[Source]:
    """One unopened source for each signal of the map.

    Args:
        path: the file, or None.
        columns: key -> column.
        taken: stream names that other options have given already.

    Raises:
        UsageError: a file without a map or the other way round, no such file, or a stream given twice.
    """
    if path is None and not columns:
        return []
    if path is None or not columns:
        raise UsageError("--signals and --map go together: --signals wrist.csv --map eda=EDA,temp=TEMP")
    from edge_mm.sources import signal_source
    from edge_mm.sources.channels import SignalKind

    found: list[Source] = []
    for kind in kinds_of(columns):
        if kind in taken:
            raise UsageError(f"--map {kind}: the stream {kind!r} comes from --{kind} already")
        column = [columns[axis] for axis in _AXES[kind]] if kind in _AXES else columns[kind]
        found.append(cast(Source, signal_source(path, kind=cast(SignalKind, kind), name=kind, column=column)))
    return found
