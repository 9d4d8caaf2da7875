"""Which column of a file is which signal, and in which unit.

In: column names as people and devices write them (``Time [s]``, ``ecg_uV``, ``MLII``, ``PLETH``). Out: the index of the
wanted one and the factor that brings it to the kind's unit. Not here: reading any file.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Final, Literal, get_args

from edge_mm.errors import SourceError

SignalKind = Literal["ecg", "ppg", "eda", "temp", "acc"]
SIGNAL_KINDS: Final[tuple[SignalKind, ...]] = get_args(SignalKind)
UNIT_OF: Final[dict[SignalKind, str]] = {"ecg": "mV", "ppg": "a.u.", "eda": "uS", "temp": "degC", "acc": "g"}

# Best first. Leads by how well they show the R peak; IEEE 11073 and PhysioNet spellings.
_NAMES: Final[dict[SignalKind, tuple[str, ...]]] = {
    "ecg": (
        *("ecg", "ekg", "ecg1", "ecg2", "mlii", "ii", "i", "iii", "modii", "mcl1", "v5", "v4", "v6", "v3", "v2", "v1"),
        *("v", "avf", "avl", "avr"),
    ),
    "ppg": ("ppg", "pleth", "bvp", "pulse", "ir", "red", "green"),
    "eda": ("eda", "gsr", "scl", "skin_conductance"),
    "temp": ("temp", "temperature", "skin_temperature"),
    "acc": ("acc", "accel", "acceleration", "x"),
}
_AXES = ("acc_{}", "acc{}", "accel_{}", "accel{}", "{}", "a{}")
_COUNTERS = ("sample", "sample_#", "index", "n", "#", "no", "nr", "row")
_GENERIC = re.compile(r"^(value|signal|data|raw|ch(annel)?)[ _#]?\d*$")
_VOLTS = ("v", "mv", "uv", "µv", "μv", "nv")
_UNIT = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]|_(uv|µv|mv|us|ms|ns|s|g|degc)$", re.IGNORECASE)
_TO_KIND_UNIT: Final[dict[SignalKind, dict[str, float]]] = {
    "ecg": {"uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3, "nv": 1e-6},
    "ppg": {},
    "eda": {"s": 1e6, "ms": 1e3, "ns": 1e-3},
    "temp": {},
    "acc": {"mg": 1e-3, "m/s2": 1 / 9.80665, "m/s^2": 1 / 9.80665, "m/s²": 1 / 9.80665},
}


def plain(name: str) -> str:
    """A column's name without quotes, unit and case: ``'Time [s]'`` -> ``time``, ``ECG_uV`` -> ``ecg``."""
    return re.sub(r"\s+", "_", _UNIT.sub("", name.strip().strip("'\"").strip()).strip()).strip("_").lower()


def unit_of(name: str) -> str:
    """The unit written into a column's name, lower case; empty when there is none."""
    match = _UNIT.search(name.strip().strip("'\""))
    return (match[1] or match[2] or "").lower() if match else ""


def unit_factor(unit: str, kind: SignalKind) -> float:
    """What to multiply with to come to the kind's unit (mV for ECG); 1 for a unit that is not known."""
    return _TO_KIND_UNIT[kind].get(unit.strip().lower(), 1.0)


def choose_columns(
    names: Sequence[str],
    *,
    kind: SignalKind,
    wanted: Sequence[str | int],
    where: str,
    skip: Sequence[int] = (),
    units: Sequence[str] = (),
) -> tuple[int, ...]:
    """Indices of the columns that hold the signal: one, or three for ``acc``.

    What is not named like the signal is taken only where there is no doubt: a column called ``value`` or alike, the
    only one, or for an ECG the first in volts. A blood pressure must not be watched as a heart's ECG.

    Args:
        names: All columns, in the file's order.
        kind: What is looked for.
        wanted: Names (any case, with or without unit) or indices that the caller asked for; empty: choose.
        where: The file, for messages.
        skip: Columns that are no signal (the time).
        units: Units of all columns, where the format has them.

    Raises:
        SourceError: a wanted column is not there, or nothing fits the kind; the text lists the columns.
    """
    if wanted:
        found = tuple(_wanted(names, want, where) for want in wanted)
        if len(found) != (3 if kind == "acc" else 1):
            raise SourceError(f"{where}: {kind} takes {3 if kind == 'acc' else 1} column(s), not {len(found)}.")
        return found
    short = [plain(name) for name in names]
    free = [index for index in range(len(names)) if index not in skip and short[index] not in _COUNTERS]
    if kind == "acc":
        for pattern in _AXES:
            axes = [[index for index in free if short[index] == pattern.format(axis)] for axis in "xyz"]
            if all(axes):
                return tuple(axis[0] for axis in axes)
        if len(free) == 3:
            return tuple(free)
        how = _how(kind, [names[index] for index in free])
        raise SourceError(f"{where}: no columns acc_x, acc_y, acc_z; it has {_list(names)}. {how}")
    for good in _NAMES[kind]:
        for index in free:
            if short[index] == good:
                return (index,)
    for good in _NAMES[kind][:3]:  # "ECG II", "wrist_ppg"
        for index in free:
            if good in re.split(r"[^a-z0-9]+", short[index]):
                return (index,)
    others = {name for other, known in _NAMES.items() if other != kind for name in known}
    unknown = [index for index in free if short[index] not in others]
    volts = [index for index in unknown if units and units[index].strip().lower() in _VOLTS]
    if kind == "ecg" and volts:
        return (volts[0],)
    generic = [index for index in unknown if _GENERIC.match(short[index])]
    if generic or len(unknown) == 1:
        return ((generic or unknown)[0],)
    how = _how(kind, [names[index] for index in unknown or free])
    raise SourceError(f"{where}: no column looks like {kind}; it has {_list(names)}. {how}")


def _wanted(names: Sequence[str], want: str | int, where: str) -> int:
    if isinstance(want, int):
        if 0 <= want < len(names):
            return want
        raise SourceError(f"{where}: there is no column {want}; it has {len(names)}, counted from 0.")
    for same in (str.strip, str.lower, plain):
        for index, name in enumerate(names):
            if same(name) == same(want):
                return index
    raise SourceError(f"{where}: there is no column {want!r}; it has {_list(names)}.")


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name.strip()) for name in names) or "no named column"


def _how(kind: SignalKind, free: Sequence[str]) -> str:
    """How to name the column, in the configuration and on the command line, shown with the first that it could be."""
    names = [name.strip() for name in free]
    if not names:
        return "No other column is left; use a file that holds the signal."
    if kind == "acc":
        a, b, c = (*names, "NAME", "NAME", "NAME")[:3]
        return (
            f"Name the axes on the command line: --signals FILE --map {shlex.quote(f'acc_x={a},acc_y={b},acc_z={c}')}."
        )
    return (
        f"Name the right one: in edge-mm.toml column = {json.dumps(names[0], ensure_ascii=False)}, "
        f"on the command line --signals FILE --map {shlex.quote(f'{kind}={names[0]}')}."
    )
