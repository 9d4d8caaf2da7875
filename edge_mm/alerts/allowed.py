"""What a number of the rules may be, in words.

In: the name and the type of a number. Out: half a sentence (``a number from 0 to 3600, in seconds``). Not here:
checking it (``limits``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

_UNITS = {
    "s": "seconds", "bpm": "per minute", "deg": "degrees", "kmh": "km/h", "mmhg": "mmHg", "c": "degrees Celsius",
    "percent": "percent", "g": "g",
}  # fmt: skip
"""Last word of a name -> unit."""


def allowed(key: str, kind: Any) -> str:
    """What ``key`` may be."""
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        return " or ".join(f'"{each}"' for each in get_args(kind))
    if get_origin(kind) is list:
        return 'a list of kinds of alert, as in ["driver.yawning"]'
    words, span = "a number", ""
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        words = "a whole number" if base is int else words
        meta = next((one for one in metas if isinstance(one, msgspec.Meta)), msgspec.Meta())
        low = f" from {meta.ge:g}" if meta.ge is not None else f" above {meta.gt:g}" if meta.gt is not None else ""
        high = "" if meta.le is None else f" to {meta.le:g}" if meta.ge is not None else f" and at most {meta.le:g}"
        span = low + high
    unit = unit_of(key)
    return f"{words}{span}, in {unit}" if unit and unit != "per minute" else f"{words}{span}{unit and ' per minute'}"


def unit_of(key: str) -> str:
    """The unit that the name of a number says; empty: it has none."""
    return _UNITS.get(key.rpartition("_")[2], "") if "_" in key else ""
