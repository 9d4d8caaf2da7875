"""Which column of a file is which signal, and in which unit.

In: column names as people and devices write them (``Time [s]``, ``ecg_uV``, ``MLII``, ``PLETH``). Out: the index of the
wanted one and the factor that brings it to the kind's unit. Not here: reading any file.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Sequence
from typing import Final, Literal, get_args

from edge_mm.errors import SourceError
from edge_mm.kinds import THREE_AXES

SignalKind = Literal["ecg", "ppg", "eda", "temp", "acc", "gyro"]
SIGNAL_KINDS: Final[tuple[SignalKind, ...]] = get_args(SignalKind)
UNIT_OF: Final[dict[SignalKind, str]] = {
    "ecg": "mV", "ppg": "a.u.", "eda": "uS", "temp": "degC", "acc": "g", "gyro": "deg/s"
}  # fmt: skip

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
    "gyro": ("gyro", "gyr", "gyroscope", "rotation"),
}
_COUNTERS = ("sample", "sample_#", "index", "n", "#", "no", "nr", "row")
# A name that says nothing of what was measured: value, ch1, arr_0 (numpy.savez), none at all.
_GENERIC = re.compile(r"^(values?|signals?|data|raw|adc|col(umn)?|ch(annel)?|arr|unnamed:?)?[ _#]?\d*$")
_UNIT = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]|_(uv|µv|mv|us|ms|ns|s|g|mg|degc|degf|c|f|bpm|mmhg)$", re.IGNORECASE)
_VOLTS: Final = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
_TO_KIND_UNIT: Final[dict[SignalKind, dict[str, float]]] = {
    "ecg": _VOLTS,
    "ppg": {},  # light in any unit that is not one of _NEVER_LIGHT
    "eda": {"us": 1.0, "s": 1e6, "ms": 1e3, "ns": 1e-3},
    "temp": dict.fromkeys(("degc", "c", "celsius"), 1.0),
    "acc": {"g": 1.0, "mg": 1e-3, **dict.fromkeys(("m/s2", "m/s/s", "ms-2"), 1 / 9.80665)},
    "gyro": {
        **dict.fromkeys(("deg/s", "dps", "degs-1"), 1.0),
        "mdps": 1e-3,
        **dict.fromkeys(("rad/s", "rads-1", "rads"), 180 / math.pi),
    },
}
_KNOWN: Final[dict[SignalKind, str]] = {
    "ecg": "V, mV, uV, nV",
    "ppg": "those of light and voltage, counts",
    "eda": "S, mS, uS, nS",
    "temp": "degC",
    "acc": "g, mg, m/s2",
    "gyro": "deg/s, dps, mdps, rad/s",
}
_NEVER_LIGHT = ("bpm", "/min", "1/min", "mmhg", "kpa", "%", "degc", "degf")
_NO_UNIT = ("", "-", "1", "nu", "au", "a.u.", "a.u", "arb.units", "n/a", "none", "norm", "normalized")
_FOREIGN = (
    *_NEVER_LIGHT,
    *(
        "pa",
        "hpa",
        "bar",
        "rpm",
        "hz",
        "f",
        "k",
        "fahrenheit",
        "kelvin",
        "ohm",
        "kohm",
        "mohm",
        "adu",
        "count",
        "counts",
    ),
    *("lsb", "bit", "bits", "digit", "digits", "na", "ua", "ma", "cm", "mm", "ft/s2", "sec", "seconds", "min"),
)
_UNIT_LIKE = re.compile(r"[\^%°²]|/(s|min|h)\b|[a-z]-[12]$")


def plain(name: str) -> str:
    """A column's name without quotes, unit and case: ``'Time [s]'`` -> ``time``, ``ECG_uV`` -> ``ecg``."""
    return re.sub(r"\s+", "_", _UNIT.sub("", name.strip().strip("'\"").strip()).strip()).strip("_").lower()


def unit_of(name: str) -> str:
    """The unit written into a column's name, lower case; empty when there is none, or only a note: ``ECG (chest)``."""
    match = _UNIT.search(name.strip().strip("'\""))
    unit = (match[1] or match[2] or "").lower() if match else ""
    return unit if is_unit(unit) else ""


def is_unit(text: str) -> bool:
    """Whether a text is the unit of anything."""
    unit = _spelled(text)
    return any(unit in known for known in (*_TO_KIND_UNIT.values(), _FOREIGN)) or bool(_UNIT_LIKE.search(text.lower()))


def unit_factor(unit: str, kind: SignalKind, *, where: str = "") -> float:
    """What to multiply with to come to the kind's unit (mV for ECG); 1 where no unit is written, or an arbitrary one.

    Raises:
        SourceError: the unit is none of the kind; to count it as ours would be wrong by any factor.
    """
    factor = _factor(unit, kind)
    if factor is None:
        raise SourceError(
            f"{where + ': ' if where else ''}{unit.strip()!r} is no unit of {kind} that is known ({_KNOWN[kind]}); "
            "convert the values, or name another column."
        )
    return factor


def _factor(unit: str, kind: SignalKind) -> float | None:
    spelled = _spelled(unit)
    if spelled in _NO_UNIT or (kind == "ppg" and spelled not in _NEVER_LIGHT):
        return 1.0
    return _TO_KIND_UNIT[kind].get(spelled)


def _spelled(unit: str) -> str:
    """One spelling of those in use: ``µV`` -> ``uv``, ``m s^-2`` -> ``ms-2``, ``° C`` -> ``degc``."""
    text = (
        unit.strip()
        .lower()
        .replace("µ", "u")
        .replace("μ", "u")
        .replace("²", "2")
        .replace("°", "deg")
        .replace("ω", "ohm")
    )
    return re.sub(r"[\s^*·]", "", text)


def choose_columns(
    names: Sequence[str],
    *,
    kind: SignalKind,
    wanted: Sequence[str | int],
    where: str,
    skip: Sequence[int] = (),
    units: Sequence[str] = (),
) -> tuple[int, ...]:
    """Indices of the columns that hold the signal: one, or three for ``acc`` and ``gyro``.

    What is not named like the signal is taken only where there is no doubt: for an ECG the first in volts, else the
    only one whose name says nothing (``value``, ``ch1``). A blood pressure must not be watched as a heart's ECG.

    Args:
        names: All columns, in the file's order.
        kind: What is looked for.
        wanted: Names (any case, with or without unit) or indices that the caller asked for; empty: choose.
        where: The file, for messages.
        skip: Columns that are no signal (the time).
        units: Units of all columns, where the file has them; what has another kind's is not taken.

    Raises:
        SourceError: a wanted column is not there, or nothing fits the kind; the text lists the columns.
    """
    if wanted:
        found = tuple(_wanted(names, want, where) for want in wanted)
        axes = 3 if kind in THREE_AXES else 1
        if len(found) != axes:
            raise SourceError(f"{where}: {kind} takes {axes} column(s), not {len(found)}.")
        return found
    units = units or [""] * len(names)
    short = [plain(name) for name in names]
    free = [index for index in range(len(names)) if index not in skip and short[index] not in _COUNTERS]
    fitting = [index for index in free if _factor(units[index], kind) is not None]
    if kind in THREE_AXES:
        return _axes(names, short, free, fitting, where=where, kind=kind)
    named = _named(short, free, kind)
    if best := [index for index in named if index in fitting]:
        return (best[0],)
    others = {name for other, known in _NAMES.items() if other != kind for name in known}
    unknown = [index for index in fitting if short[index] not in others]
    if kind == "ecg" and (volts := [index for index in unknown if _spelled(units[index]) in _VOLTS]):
        return (volts[0],)
    generic = [index for index in unknown if _GENERIC.match(short[index])]
    if len(generic) == 1:
        return (generic[0],)
    if named:
        unit_factor(units[named[0]], kind, where=f"{where}: column {names[named[0]].strip()!r}")
    how = _how(kind, [names[index] for index in unknown or free])
    raise SourceError(f"{where}: no column looks like {kind}; it has {_list(names)}. {how}")


def _named(short: Sequence[str], free: Sequence[int], kind: SignalKind) -> list[int]:
    """Columns that are named like the kind, the best first; last those that only contain its name: ``ECG II``."""
    exact = [index for good in _NAMES[kind] for index in free if short[index] == good]
    words = {index: re.split(r"[^a-z0-9]+", short[index]) for index in free}
    return [*exact, *(index for good in _NAMES[kind][:3] for index in free if good in words[index])]


def _axes(
    names: Sequence[str],
    short: Sequence[str],
    free: Sequence[int],
    fitting: Sequence[int],
    *,
    where: str,
    kind: SignalKind,
) -> tuple[int, ...]:
    """Three columns named as axes, or the only three, if their names say nothing."""
    for before in (rf"{kind[:3]}[a-z]*[^a-z0-9]*", f"{kind[0]}" if kind == "gyro" else "a?"):
        axes = [[index for index in free if re.fullmatch(before + axis, short[index])] for axis in "xyz"]
        if all(axes):
            return tuple(axis[0] for axis in axes)
    if len(free) == 3 and all(index in fitting and _GENERIC.match(short[index]) for index in free):
        return tuple(free)
    how = _how(kind, [names[index] for index in free])
    raise SourceError(f"{where}: no columns {kind}_x, {kind}_y, {kind}_z; it has {_list(names)}. {how}")


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
    if kind in THREE_AXES:
        axes = zip("xyz", (*names, "NAME", "NAME", "NAME"), strict=False)
        columns = ",".join(f"{kind}_{axis}={name}" for axis, name in axes)
        return f"Name the axes on the command line: --signals FILE --map {shlex.quote(columns)}."
    return (
        f"Name the right one: in edge-mm.toml column = {json.dumps(names[0], ensure_ascii=False)}, "
        f"on the command line --signals FILE --map {shlex.quote(f'{kind}={names[0]}')}."
    )
